"""What the README shows is true."""

import json
import re
import shlex
from pathlib import Path

import pytest

import featx
from benchmarks import cifar10_accuracy, cost, five_kinds, table
from benchmarks.__main__ import CLAIMS
from featx.autoencoders.registry import ENCODERS
from featx.classifiers import CLASSIFIERS
from featx.cli import app, main
from featx.images import NAMED

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", PYTHON)
def test_python_blocks_run(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_the_table_is_made_from_the_committed_results():
    runs = cifar10_accuracy.read()
    cifar10_accuracy.check(runs)
    assert cifar10_accuracy.with_table(README, runs) == README


def test_what_learned_is_not_below_the_controls_on_five_kinds_of_images():
    sets = json.loads(five_kinds.RESULTS.read_text())
    assert five_kinds.with_table(README, sets) == README
    first = [one for name, one in sets.items() if "seed" not in name]
    assert len(first) == 5
    for one in first:
        of = one["accuracies"]
        assert of[one["learned"]] >= of[one["control"]]
    assert sum(one["p_value"] < 0.05 for one in first) >= 3


def test_the_speed_table_is_made_from_the_committed_results():
    assert table.with_table(README, table.read(CLAIMS)) == README


def test_what_large_jobs_cost_is_computed_from_the_committed_results():
    page = cost.SCALING.read_text()
    assert cost.with_tables(page) == page
    assert "| patch | 19,200 |" in page and "Run: 2,000,000 images" in page


def test_every_command_and_name_is_in_the_readme():
    commands = [c.name or c.callback.__name__ for c in app.registered_commands]
    for command in [*commands, "cache ls", "cache rm"]:
        assert f"`featx {command}" in README, command
    for name in (*NAMED, *ENCODERS, *CLASSIFIERS):
        assert name in README, name


def test_every_option_of_the_readme_exists(capsys):
    commands = ("bench", "curve", "encode", "fit", "predict", "report", "data")
    for command in (*commands, "cache prune"):
        main([*command.split(), "--help"])
    shown = capsys.readouterr().out
    for option in set(re.findall(r"`(--[a-z-]+)", README)):
        assert option in shown, option


def test_the_first_screen_holds_the_two_commands():
    lines = [line for line in README.splitlines() if line.startswith("python3 -m venv")]
    assert len(lines) == 2 and README.index(lines[1]) < 4500
    for line, program in zip(lines, ("featx", "pytest"), strict=True):
        words = shlex.split(line)
        assert f".venv/bin/{program}" in words and ".venv/bin/pip" in words


def test_the_changelog_and_the_version_agree():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog
    assert re.fullmatch(r"\d+\.\d+\.\d+", featx.__version__)
