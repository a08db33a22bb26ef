import json
import os
import re
import subprocess
import sys

import pytest
from calling import QUICK

import featx
from featx.catalog import CLASSIFIERS, ENCODERS, FITS, NAMED


def test_quiet_leaves_stderr_empty(run):
    code, _, err = run("fit", *QUICK, "--encoder", "raw", "--clf", "knn", "--quiet")
    assert code == 0 and err == ""


ENCODING = ("--device", "--precision", "--epochs", "--batch-size", "--learning-rate")


@pytest.mark.parametrize("command", ["bench", "train", "encode", "fit", "data"])
def test_shared_options_read_the_same_everywhere(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    for option in (
        *("--data-dir", "--size", "--limit", "--keep", "--seed", "--engine"),
        *("--cache-dir", "--json", "--quiet", "--strict"),
    ):
        assert option in out, f"{command} lacks {option}"
    for option in (*ENCODING, "--set", "--resume"):
        assert (option in out) == (command != "data"), f"{command}, {option}"


@pytest.mark.parametrize("option", [*ENCODING, "--set"])
def test_an_option_without_effect_is_refused(run, option):
    code, out, err = run("data", option, "3")
    assert code == 2 and out == "" and f"No such option: {option}" in err


def test_one_encoder_or_several_are_named_by_either_word(run):
    words = ["--clf", "knn", "--limit", "50", "--json"]
    for command, option in (("bench", "--encoder"), ("fit", "--encoders")):
        code, out, _ = run(command, option, "raw", *words)
        assert code == 0
        assert [row["encoder"] for row in json.loads(out)["rows"]] == ["raw"]


def test_the_help_names_every_choice(run):
    shown = re.split(r"[\s,;()|]+", run("bench", "--help")[1])
    assert {*NAMED, *ENCODERS, *CLASSIFIERS, *FITS} <= set(shown)


def test_commands_that_take_one_encoder_have_the_same_default(run):
    for command in ("encode", "train", "fit"):
        assert "[default: patch]" in run(command, "--help")[1]


def test_it_runs_as_a_module_and_tells_its_version():
    done = subprocess.run(
        [sys.executable, "-m", "featx", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert done.stdout == f"featx {featx.__version__}\n"
