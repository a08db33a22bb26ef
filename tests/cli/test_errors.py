import os
from pathlib import Path

import pytest
from calling import QUICK, featx_in

from featx.cli import main
from featx.errors import CacheError


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["bench", "digit"], "Did you mean 'digits'"),
        (["bench", "/no/such/folder"], "/no/such/folder"),
        (["fit", "--encoder", "convv"], "Did you mean 'conv'"),
        (["fit", "--encoder", "conv,raw"], "featx bench"),
        (["fit", "--clf", "smv"], "Did you mean 'svm'"),
        (["fit", "--device", "gpu"], "device 'gpu', but expected one of auto, cpu"),
        (["fit", "--precision", "double"], "precision 'double'"),
        (["fit", "--set", "n_component=3"], "Did you mean 'n_components'"),
        (["fit", "--set", "n_components"], "expected NAME=VALUE"),
        (["fit", "--set", "n_components=many"], "n_components='many'"),
        (
            ["fit", "--encoder", "pca", "--set", "n_components=9999"],
            "n_components=9999",
        ),
        (["fit", "--set", "max_epochs=-1"], "max_epochs=-1"),
        (["bench", "--tune", "--budget", "1"], "both tune and a budget"),
        (["fit", "--size", "big"], "--size big, but expected pixels"),
        (["fit", "--keep", "0"], "expected CLASS=FRACTION"),
        (["fit", "--keep", "cat=0.5"], "'cat', but expected one of"),
        (["fit", "--keep", "1=2"], "2"),
        (["bench", "--encoders", "raw,raw"], "different names"),
        (["bench", "--encoders", ","], "different names"),
        (["fit", "--address", "auto"], "expected it with --engine ray"),
        (["fit", "--seed", "4294967296"], "expected 0 to 4294967295"),
        (["bench", "--seed", "4294967295", "--repeats", "2"], "Got seed 4294967296"),
        (["fit", "--cache-dir", ""], "empty word after --cache-dir, but expected"),
        (["fit", "--size="], "empty word after --size, but expected"),
        (["data", ""], "empty word after data, but expected"),
        (["bench", "--budget", "1e999"], "Got --budget inf, but expected minutes"),
        (["fit", "--size", "9x99999"], "expected a height and a width of 1 to 65535"),
        (["fit", "--set", "patch_size=" + "[" * 9999], "patch_size='[[["),
        (["fit", "--encoder", "auto"], "Got 'auto', but expected one name"),
        (["fit", "--clf", "auto", "--save", "m"], "Got 'auto', but expected one name"),
        (["fit", "--encoder", "raw", "--device", "gpu"], "Got device 'gpu', but"),
        (["fit", "--encoder", "raw", "--precision", "x"], "Got precision 'x', but"),
        (["fit", "--set", "device=gpu"], "Got device 'gpu', but expected"),
        (["bench", "--joblib", "none"], "Got joblib back end 'none', but expected"),
        (["bench", "--out", "s3://bucket/run"], "the URL s3:/bucket/run, but expected"),
        (["fit", "--cache-dir", "s3://cache"], "the URL s3:/cache, but expected"),
        (["data", "~nobody/images"], "'~nobody/images', but expected one of"),
        (["data", "x" * 5000], "but expected one of cifar10"),
    ],
)
def test_an_expected_error_is_one_line_and_exit_code_1(run, args, words):
    code, out, err = run(*args, "--quiet")
    assert code == 1 and out == ""
    assert err.startswith("featx: ") and err.count("\n") == 1 and words in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["report", "x" * 5000], "expected the folder of a run"),
        (["cache", "prune", "--max-size", "9" * 400 + "G"], "such as 20G"),
        (["cache", "prune", "--older-than", "9" * 400 + "w"], "such as 30d"),
        (["cache", "ls", "--cache-dir", "x" * 5000], "File name too long"),
        (["cache", "ls", "--cache-dir", __file__], "Not a directory"),
        (["cache", "ls", "--cache-dir", "s3://cache"], "the URL s3:/cache, but"),
        (["report", "s3://run"], "the URL s3:/run, but expected a path"),
        (["data", "--grid", "s3://grid.png"], "the URL s3:/grid.png, but expected"),
    ],
)
def test_other_commands_answer_in_one_line_too(run, args, words):
    code, out, err = run(*args)
    assert (code, out) == (1, "") and err.count("\n") == 1 and words in err


@pytest.mark.parametrize(
    "cause",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        OSError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
@pytest.mark.parametrize("told", [True, False])
def test_a_lack_of_memory_is_told_as_one(run, monkeypatch, cause, told):
    def fail(*args, **kwargs):
        if told:
            raise CacheError("Got a full disk. Free some space.") from cause
        raise cause

    monkeypatch.setattr("featx.images.load_dataset", fail)
    code, _, err = run("fit")
    assert code == 1 and err.count("\n") == 1 and "Got no more memory" in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["bench", "--out", "file/run"], "run folder that cannot be written, file/run"),
        (["fit", "--out", "file/run"], "run folder that cannot be written, file/run"),
        (
            ["fit", "--save", "none/m.featx"],
            "No such file or directory at none/m.featx",
        ),
        (["fit", "--save", "."], "Is a directory at ."),
        (["fit", "--encoder", "raw,pca"], "Got 'raw,pca', but expected one name"),
        (["fit", "--clf", "auto"], "Got 'auto', but expected one name"),
        (["data", "--grid", "none/grid.png"], "No such file or directory at none"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_any_work(
    run, args, words, monkeypatch
):
    Path("file").write_text("")
    monkeypatch.setattr("featx.images.load_dataset", None)
    code, out, err = run(*args)
    assert (code, out) == (1, "") and err.count("\n") == 1 and words in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize(
    "words", [["--version"], ["data", "-q", "--json"], ["data", "-q"]]
)
def test_a_full_stdout_is_one_line(words):
    with open("/dev/full", "wb") as full:
        done = featx_in("utf-8", *words, stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith(b"featx: Got No space left on device at stdout")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("words", [["data", "--json"], ["data"]])
def test_a_reader_that_has_seen_enough_is_no_error(words):
    reader, writer = os.pipe()
    os.close(reader)
    done = featx_in("utf-8", *words, "--quiet", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_closed_stdout_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", None)
    assert main(["--version"]) == 1
    assert capsys.readouterr().err.startswith("featx: Got a closed stdout")


@pytest.mark.parametrize(
    "args",
    [
        ["fit", "--no-such"],
        ["nothing"],
        ["cache", "rm"],
        ["fit", "--seed", "x"],
        ["predict", "m.featx", ".", "-0"],
    ],
)
def test_wrong_usage_is_exit_code_2(run, args):
    code, out, err = run(*args)
    assert code == 2 and out == "" and "Usage" in err


def test_a_cache_that_cannot_be_written_is_one_line(run, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = run("fit", *QUICK, "--quiet", "--cache-dir", tmp_path / "file")
    assert code == 1 and err.count("\n") == 1 and "--cache-dir" in err
