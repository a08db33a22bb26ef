import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from blocks import make_images
from PIL import Image

import featx
from featx.cli import main
from featx.errors import CacheError

QUICK = ["--epochs", "2", "--limit", "200"]


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Call the command line in an empty folder; exit code, stdout and stderr."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def call(*args):
        code = main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def flat(text):
    """Text whose lines were broken for the terminal, on one line."""
    return " ".join(text.split())


def stdin(content):
    return io.TextIOWrapper(io.BytesIO(content))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "images"
    for part, n, seed in (("train", 60, 0), ("test", 30, 1)):
        images = make_images(n, channels=3, seed=seed)
        for i, (image, label) in enumerate(zip(images.X, images.y, strict=True)):
            file = root / part / images.class_names[label] / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(file)
    return root


def test_bench_prints_a_table_and_leaves_a_run_folder(run, folder):
    words = ["bench", folder, "--epochs", 2, "--set", "patch.n_patches=5000"]
    code, out, err = run(
        *words, "--clf", "logreg,knn", "--encoders", "raw,patch,denoising"
    )
    assert code == 0
    for text in ("patch", "denoising", "logreg", "knn", "Accuracy for class: a is"):
        assert text in out
    assert "train denoising, epoch 2 of 2, loss" in err and "fit knn on raw" in err
    assert "patch: 200 filters of 6 x 6 pixels, images " in err  # what was chosen
    assert "denoising: 64 channels, 2 epochs, images " in err
    (made,) = Path("runs").iterdir()
    assert f"Run folder: {made}" in err
    names = {p.name for p in made.iterdir()}
    assert names >= {"results.json", "table.md", "table.csv", "predictions.npz"}
    assert "predictions.csv" in names and "figures" not in names
    code, out, _ = run("report", made, "--figures")
    assert (code, out.split()) == (0, [str(made / "report.html"), f"{made}/figures"])
    assert (made / "figures" / "confusion_patch_knn.png").stat().st_size > 1000
    again = json.loads(run(*words, "--clf", "knn", "--encoders", "patch", "--json")[1])
    (row,) = again["rows"]
    assert all(row["cached"].values())
    assert Path(again["folder"], "results.json").is_file() and again["folder"] != made
    stored = json.loads((made / "results.json").read_text())["rows"]
    (first,) = (
        one for one in stored if (one["encoder"], one["classifier"]) == ("patch", "knn")
    )
    assert first["confusion"] == row["confusion"]


def test_json_has_the_documented_keys(run):
    code, out, _ = run("bench", *QUICK, "--encoders", "raw", "--clf", "knn", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["featx"] == featx.__version__
    assert document.keys() >= {"featx", "data", "protocol", "machine", "rows"}
    assert document["rows"][0].keys() >= {
        *("encoder", "classifier", "n_features", "accuracy", "accuracy_ci95"),
        *("balanced_accuracy", "macro_f1", "per_class", "confusion", "train_seconds"),
        *("encode_seconds", "encode_images_per_second", "fit_seconds"),
        *("predict_seconds", "encoder_params", "classifier_params", "cached"),
    }


def test_copies_across_the_parts_are_told_everywhere(run, folder, tmp_path):
    test = sorted((folder / "test").rglob("*.png"))[0]
    copy = folder / "train" / test.parent.name / "copy.png"
    copy.write_bytes(test.read_bytes())
    words = [
        "bench",
        folder,
        "--encoders",
        "raw",
        "--clf",
        "knn",
        "--out",
        tmp_path / "r",
    ]
    code, out, err = run(*words)
    told = (
        "1 of 30 test images is a copy of a training image, 1 of them in every pixel."
    )
    assert code == 0 and told in flat(err)
    assert f"{told} Without them raw + knn reaches" in flat(out)
    document = json.loads((tmp_path / "r" / "results.json").read_text())
    assert document["duplicates"]["equal_in_every_pixel"] == 1
    assert told in (tmp_path / "r" / "table.md").read_text()


def test_train_then_encode_uses_the_encoder(run):
    words = ["--encoder", "conv", *QUICK, "--json"]
    code, out, err = run("train", "digits", *words)
    trained = json.loads(out)
    assert code == 0 and len(trained["history"]["loss"]) == 2
    assert "train conv" in err and not trained["cached"]
    code, out, _ = run("encode", "digits", *words)
    assert code == 0 and json.loads(out)["cached"] == {
        "encoder": True,
        "features": False,
    }
    code, out, err = run("train", "digits", *words[:-1])
    assert (code, out.strip()) == (0, trained["key"]) and "from the cache; loss" in err


def test_encode_then_fit_uses_the_features(run):
    code, out, err = run("encode", *QUICK)
    assert code == 0 and "trained in" in err
    train, test = (line.split()[1] for line in out.splitlines())
    assert np.load(train, mmap_mode="r").shape == (200, 1600)
    assert len(np.load(test, mmap_mode="r")) == 200
    code, out, err = run("fit", *QUICK, "--clf", "svm")
    assert code == 0 and "Accuracy for class: 0 is" in out
    assert "Nothing was trained or encoded" in err
    code, out, _ = run("encode", *QUICK, "--json")
    assert json.loads(out)["cached"] == {"encoder": True, "features": True}


def test_fit_can_tune_and_write_a_run_folder(run):
    code, out, _ = run(
        "fit", *QUICK, "--encoder", "pca", "--set", "n_components=20", "--clf", "logreg",
        *("--tune", "--out", "mine", "--quiet"),
    )  # fmt: skip
    assert code == 0 and "chosen on 20 validation images" in out
    results = json.loads(Path("mine/results.json").read_text())
    assert results["rows"][0]["n_features"] == 20
    assert results["protocol"]["tuned"] is True


def test_repeats_show_the_spread_over_seeds(run):
    code, out, _ = run(
        "bench",
        *QUICK,
        "--encoders",
        "conv",
        "--clf",
        "logreg",
        "--repeats",
        3,
        "--json",
    )
    document = json.loads(out)
    (result,) = document["rows"]
    assert code == 0 and document["protocol"]["seeds"] == [0, 1, 2]
    assert len(result["repeats"]) == 3
    assert result["accuracy"] == pytest.approx(sum(result["repeats"]) / 3)
    kinds = [entry["kind"] for entry in json.loads(run("cache", "ls", "--json")[1])]
    assert kinds.count("encoders") == 3  # one for each seed
    support = sum(one["support"] for one in result["per_class"].values())
    assert support == 3 * document["data"]["n_test"]


def test_a_budget_is_kept_and_told(run, folder):
    start = time.perf_counter()
    code, _, err = run(
        "bench", folder, "--encoders", "raw,denoising", "--clf", "knn", "--budget", 0.1
    )
    assert code == 0 and time.perf_counter() - start < 25
    assert "Encoders raw, denoising; classifiers knn." in err
    (epochs,) = re.findall(r"denoising: 64 channels, (\d+) epochs", err)
    assert 1 <= int(epochs) <= 50


def test_data_shows_counts_and_draws_samples(run, folder):
    code, out, err = run("data", folder, "--keep", "b=0.5")
    assert code == 0
    row = next(line for line in out.splitlines() if line.strip().startswith("b"))
    assert row.split() == ["b", "10", "1", "10"]
    assert list(Path().iterdir()) == []  # nothing is written that was not asked for
    code, _, err = run("data", folder, "--grid", "grid.png")
    assert code == 0 and "Samples per class: grid.png" in err
    assert Path("grid.png").stat().st_size > 1000
    code, out, _ = run("data", folder, "--json", "--size", "4x6")
    data = json.loads(out)["data"]
    assert data["image_shape"] == [4, 6, 3] and data["train_per_class"] == [20, 20, 20]


def test_cache_ls_and_rm(run):
    run("encode", *QUICK, "--encoder", "raw")
    code, out, _ = run("cache", "ls", "--json")
    entries = json.loads(out)
    assert code == 0 and {e["kind"] for e in entries} == {"encoders", "features"}
    code, out, _ = run("cache", "ls")
    assert code == 0 and "3 entries" in out and "raw" in out
    for entry in entries:
        code, out, _ = run("cache", "rm", entry["key"])
        assert code == 0 and out.startswith("removed")
    assert json.loads(run("cache", "ls", "--json")[1]) == []
    code, _, err = run("cache", "rm", "abcdef")
    assert code == 1 and "featx cache ls" in err


def test_cache_verify_and_prune(run, tmp_path):
    words = ["encode", "--encoder", "raw", "--limit", "100"]
    assert run(*words)[0] == 0
    assert "as they were written" in run("cache", "verify")[1]
    path = sorted((tmp_path / "user-cache" / "features").glob("*/features.npy"))[0]
    with path.open("r+b") as file:
        file.seek(500)
        file.write(b"\x99")
    code, out, _ = run("cache", "verify")
    assert code == 1
    assert path.parent.name[:12] in out and "features.npy has changed" in out
    code, _, err = run(*words)
    assert code == 1 and "featx cache rm" in err
    assert run("cache", "verify", "zzzz")[0] == 1
    assert "would remove" in run("cache", "prune", "--max-size", "0", "--dry-run")[1]
    assert "0 bytes in 0 entries" in run("cache", "prune", "--older-than", "30d")[1]
    code, out, _ = run("cache", "prune", "--max-size", "1k")
    assert code == 0 and "removed features" in out
    assert run("cache", "prune")[0] == 2
    code, _, err = run("cache", "prune", "--max-size", "much")
    assert code == 1 and "such as 20G" in err


@pytest.mark.filterwarnings("default")
def test_cache_rm_and_prune_say_what_is_being_made(run, tmp_path, made_elsewhere):
    run("encode", *QUICK, "--encoder", "raw")
    (folder, _) = sorted((tmp_path / "user-cache" / "features").iterdir())
    with made_elsewhere(folder):
        code, out, err = run("cache", "rm", folder.name)
        assert (code, out, err.count("\n")) == (0, "", 1)
        assert f"(features {folder.name[:12]}); they stay. Run this again" in err
        code, out, err = run("cache", "prune", "--max-size", "0")
        assert code == 0 and "in 2 entries" in out and err.count("\n") == 1
    assert run("cache", "rm", folder.name)[1].startswith("removed features")


def test_a_damaged_image_is_skipped_counted_and_listed(run, folder):
    bad = folder / "train" / "a" / "0.png"
    bad.write_bytes(bad.read_bytes()[:60])
    command = ["fit", folder, "--encoder", "raw", "--clf", "knn"]
    code, out, err = run(*command)
    assert (
        code == 0 and "skipped train/a/0.png" in err and "1 images were skipped" in err
    )
    assert run(*command, "--strict")[0] == 3
    code, out, _ = run(*command, "--json", "--strict")
    data = json.loads(out)["data"]
    assert code == 3 and data["n_train"] == 59
    assert [s["id"] for s in data["skipped"]] == ["train/a/0.png"]


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


def test_a_saved_model_names_files_folders_patterns_and_lists(
    run, folder, tmp_path, monkeypatch
):
    fitted = run(
        "fit", folder, "--encoder", "raw", "--clf", "knn", "--save", "m.featx", "--json"
    )
    assert fitted[0] == 0 and "Model: m.featx" in fitted[2]
    accuracy = json.loads(fitted[1])["rows"][0]["accuracy"]
    code, out, err = run("predict", "m.featx", folder / "test")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and err == "" and list(rows[0]) == ["id", "class", "probability"]
    right = [Path(row["id"]).parent.name == row["class"] for row in rows]
    assert len(right) == 30 and np.mean(right) == pytest.approx(accuracy)
    odd = tmp_path / 'a "b",\u00e4.png'
    odd.write_bytes(Path(rows[0]["id"]).read_bytes())
    monkeypatch.setattr("sys.stdin", stdin(f"{odd}\nnone.png\n".encode()))
    pattern = str(Path(rows[1]["id"]).parent / "*.png")
    code, out, err = run("predict", "m.featx", "-", pattern, "--json", "--strict")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 3 and "skipped none.png: no file" in err
    assert found[-1]["id"] == str(odd) and found[-1]["class"] == rows[0]["class"]
    assert len(found) == 1 + len(list(Path(rows[1]["id"]).parent.glob("*.png")))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["report", "x" * 5000], "expected the folder of a run"),
        (["cache", "prune", "--max-size", "9" * 400 + "G"], "such as 20G"),
        (["cache", "prune", "--older-than", "9" * 400 + "w"], "such as 30d"),
        (["cache", "ls", "--cache-dir", "x" * 5000], "File name too long"),
        (["cache", "ls", "--cache-dir", __file__], "Not a directory"),
    ],
)
def test_other_commands_answer_in_one_line_too(run, args, words):
    code, out, err = run(*args)
    assert (code, out) == (1, "") and err.count("\n") == 1 and words in err


def test_a_time_beyond_all_times_is_long_enough(run):
    assert run("cache", "prune", "--older-than", "999999999999w")[0] == 0


@pytest.mark.parametrize(
    "cause",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        OSError("libtorch_cpu.so: failed to map segment from shared object"),
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
        (["none.featx", "."], "No such file"),
        (["broken.featx", "."], "a wrong checksum"),
        (["m.featx", "none.png"], "'none.png', but expected a file, a folder"),
        (["m.featx", "empty"], "Got 0 files, but expected at least one image"),
        (["m.featx", "-"], "Got 0 files"),
        (["m.featx", ".", "--device", "gpu"], "device 'gpu', but expected one of auto"),
        (["m.featx", ".", "--out", "none/p.csv"], "No such file or directory at none"),
    ],
)
def test_a_prediction_that_cannot_be_made_is_one_line(
    run, folder, args, words, monkeypatch
):
    monkeypatch.setattr("sys.stdin", stdin(b""))
    Path("empty").mkdir()
    run("fit", folder, "--encoder", "raw", "--clf", "knn", "--save", "m.featx")
    Path("broken.featx").write_bytes(Path("m.featx").read_bytes()[:-1])
    code, out, err = run("predict", *args)
    assert (code, out) == (1, "") and err.count("\n") == 1 and words in err


@pytest.fixture
def model(run, folder):
    words = ["--encoder", "raw", "--clf", "knn", "--save", "m.featx", "--quiet"]
    assert run("fit", folder, *words)[0] == 0
    return "m.featx"


def ids(out):
    return [row["id"] for row in csv.DictReader(io.StringIO(out))]


@pytest.mark.parametrize(
    ("end", "options"),
    [("\n", []), ("\r\n", []), ("\0", []), ("\0", ["-0"]), ("\0", ["--null"])],
)
def test_lists_end_their_names_in_every_way(
    run, folder, model, end, options, monkeypatch
):
    files = sorted(map(str, folder.glob("test/a/*.png")))
    monkeypatch.setattr("sys.stdin", stdin(end.join([*files, ""]).encode()))
    code, out, err = run("predict", model, "-", *options)
    assert (code, ids(out), err) == (0, files, "")


def test_a_closed_stdin_is_one_line(run, model, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    code, out, err = run("predict", model, "-")
    assert (code, out, err.count("\n")) == (1, "", 1) and "a closed stdin" in err


def test_a_path_that_is_not_there_costs_itself_alone(run, folder, model):
    there = str(folder / "test" / "a")
    code, out, err = run("predict", model, "none.png", there, "no*.png")
    assert code == 0 and len(ids(out)) == 10
    assert "skipped none.png: no file" in err and "skipped no*.png: no file" in err
    assert "2 images were skipped" in err


def test_predictions_go_to_a_file_that_is_whole_or_absent(run, folder, model):
    there = str(folder / "test" / "a")
    printed = run("predict", model, there)[1]
    assert run("predict", model, there, "--out", "p.csv") == (0, "", "")
    assert Path("p.csv").read_text() == printed
    assert run("predict", model, there, "--json", "--out", "p.jsonl")[0] == 0
    assert len(Path("p.jsonl").read_text().splitlines()) == 10
    Path("text.png").write_text("no image")
    code, out, err = run("predict", model, "text.png", "--out", "absent.csv")
    assert (code, out) == (1, "") and not Path("absent.csv").exists()
    assert err.splitlines()[-1].startswith("featx: Got 1 files, but expected")


def test_a_long_prediction_tells_its_progress(run, folder, model, monkeypatch):
    monkeypatch.setattr("featx.cli.SILENT_SECONDS", -1.0)
    there = folder / "test"
    code, out, err = run("predict", model, there)
    assert code == 0 and "predict: 30 of 30" in err and len(ids(out)) == 30
    monkeypatch.setattr("sys.stdin", stdin(str(there / "a" / "0.png").encode()))
    assert "predict, 1 images" in run("predict", model, "-")[2]
    assert run("predict", model, there, "-q")[2] == ""
    assert run("predict", model, there, "--device", "cpu", "-q")[1] == out


@pytest.fixture
def odd_names(folder):
    """Images whose names a terminal, a spreadsheet or an encoding may not take."""
    image = next(folder.glob("test/a/*.png")).read_bytes()
    names = [b"=1+1.png", b"b\xff.png", "c\u65e5.png".encode(), b"d\x1b[2J.png"]
    for name in names:
        Path(os.fsdecode(name)).write_bytes(image)
    return names


def featx_in(encoding, *words, **streams):
    environ = os.environ | {"PYTHONIOENCODING": encoding}
    return subprocess.run(
        [sys.executable, "-m", "featx", *map(str, words)],
        env=environ,
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="names there are any bytes")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_come_back_as_their_bytes_or_escaped(model, odd_names, encoding):
    done = featx_in(encoding, "predict", model, *map(os.fsdecode, odd_names))
    assert (done.returncode, done.stderr) == (0, b"")
    got = [line.split(b",")[0] for line in done.stdout.splitlines()[1:]]
    odd = odd_names[2] if encoding == "utf-8" else b"c\\u65e5.png"
    assert got == [b"'=1+1.png", odd_names[1], odd, odd_names[3]]


@pytest.mark.skipif(sys.platform != "linux", reason="names there are any bytes")
def test_names_are_whole_in_json(run, model, odd_names):
    code, out, _ = run("predict", model, ".", "--json")
    names = [json.loads(line)["id"] for line in out.splitlines()]
    assert code == 0 and out.isascii()
    assert [os.fsencode(name.removeprefix("./")) for name in names] == odd_names


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_table_is_shown_in_every_encoding(folder, encoding):
    for part in ("train", "test"):
        (folder / part / "a").rename(folder / part / "\u65e5\u672c")
    done = featx_in(encoding, "data", folder)
    assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert b"\\u65e5\\u672c" in done.stdout


def test_control_characters_do_not_reach_the_terminal(run, folder, model, monkeypatch):
    Path("no\x1b[2J.png").write_text("no image")
    code, _, err = run("predict", model, ".", folder / "test" / "a")
    assert code == 0 and "skipped ./no\\x1b[2J.png" in err and "\x1b" not in err
    for part in ("train", "test"):
        (folder / part / "a").rename(folder / part / "a\x1b[31m\x9b")
    words = ["--encoder", "raw", "--clf", "knn", "--save", "n.featx", "--out", "r"]
    code, out, err = run("fit", folder, *words)
    assert code == 0 and "class: a\\x1b[31m\\x9b is" in out
    assert "\x1b" not in out + err and "\x9b" not in out + err
    out = run("data", folder, "--quiet")[1]
    assert "a\\x1b[31m\\x9b" in out and "\x1b" not in out
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", terminal)
    assert run("predict", "n.featx", folder / "test")[0] == 0
    shown = terminal.getvalue()
    assert ",a\\x1b[31m\\x9b," in shown and "\x1b" not in shown


def test_a_table_in_a_pipe_keeps_its_columns(run, monkeypatch):
    words = ["bench", "--encoders", "raw", "--clf", "knn", "--limit", "100", "-q"]
    out = run(*words)[1]
    assert "balanced %" in out and "Hidden on this" not in out
    assert out.splitlines()[1].rstrip().endswith("vs control")
    monkeypatch.setenv("COLUMNS", "70")
    out = run(*words)[1]
    assert "Hidden on this terminal" in " ".join(out.split())
    table, *_ = out.partition("\n\n")
    assert max(map(len, table.splitlines())) <= 70


def test_a_note_is_said_once(run, monkeypatch):
    words = ["fit", *QUICK, "--encoder", "raw", "--clf", "knn"]
    from featx.reports.examples import example_results

    results = example_results()
    notes = [("common", "first"), ("common", "of both \U0001f600 [/x]")]
    results = replace(
        results,
        rows=[
            replace(row, notes=note)
            for row, note in zip(results.rows, notes, strict=True)
        ],
    )
    dataset = SimpleNamespace(skipped=[])
    monkeypatch.setattr("featx.cli._compare", lambda *_, **__: (results, dataset))
    lines = run(*words)[1].splitlines()
    assert lines.count("every row: common.") == 1
    assert "raw + svm: first." in lines
    assert "conv + svm: of both \U0001f600 [/x]." in lines


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


def test_nothing_is_left_of_a_run_that_failed(run):
    assert run("bench", "digit", "--out", "my/run")[0] == 1
    assert run("bench", "digit")[0] == 1
    assert list(Path().iterdir()) == []


def test_runs_of_the_same_second_do_not_share_a_folder(run, monkeypatch):
    monkeypatch.setattr("featx.cli._run_name", lambda name: f"now-{name}")
    words = ["bench", "--encoders", "raw", "--clf", "knn", "--limit", "100", "--json"]
    folders = [json.loads(run(*words)[1])["folder"] for _ in range(2)]
    assert folders == ["runs/now-digits", "runs/now-digits-2"]
    assert json.loads(run(*words, "--out", "mine")[1])["folder"] == "mine"
    words = ["fit", "--encoder", "raw", "--clf", "knn", "--limit", "100", "--json"]
    assert "folder" not in json.loads(run(*words)[1])
    assert json.loads(run(*words, "--out", "mine")[1])["folder"] == "mine"


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


def test_an_interrupt_is_exit_code_130(run, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("featx.images.load_dataset", interrupted)
    code, _, err = run("fit")
    assert code == 130
    assert err == "featx: Interrupted. Rerun the same command to resume.\n"


def test_termination_is_exit_code_143(run, monkeypatch):
    def terminated(*args, **kwargs):
        raise SystemExit(143)

    monkeypatch.setattr("featx.images.load_dataset", terminated)
    monkeypatch.setattr("featx.cli._stopped", threading.Event())
    code, _, err = run("fit")
    assert code == 143
    assert err == "featx: Terminated. Rerun the same command to resume.\n"


INTERRUPTED = b"featx: Interrupted. Rerun the same command to resume.\n"


@pytest.mark.parametrize("module", ["typer", "featx.cli", "sklearn", "torch"])
def test_an_interrupt_while_libraries_load_is_one_line(tmp_path, module):
    (tmp_path / "sitecustomize.py").write_text(f"""
import sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
""")
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "featx", "fit", "--limit", "50", "--quiet"],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (130, INTERRUPTED)


def workers_of(session):
    """List the processes that joblib started in a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            of = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
            if of == session and "popen_loky" in (folder / "cmdline").read_text():
                found.append(folder.name)
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("seconds", [0.1, 1.5])
def test_an_interrupt_while_others_work_is_one_line(run, seconds):
    words = ["bench", "--limit", "400", "--encoders", "raw,untrained", "--quiet"]
    words += ["--clf", "linear-svm,svm,mlp,logreg", "--joblib", "loky"]
    process = subprocess.Popen(
        [sys.executable, "-m", "featx", *words],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not workers_of(process.pid) and process.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, said) == (130, INTERRUPTED)
    for _ in range(100):
        if not workers_of(process.pid):
            break
        time.sleep(0.1)
    assert not workers_of(process.pid)


@pytest.mark.parametrize("color", [0, 255])
def test_constant_images_are_compared_without_a_word(run, tmp_path, color):
    y = np.arange(40) % 2
    X = np.full((40, 8, 8, 3), color, np.uint8)
    np.savez(tmp_path / "flat.npz", X_train=X, y_train=y, X_test=X[:20], y_test=y[:20])
    words = ["--encoders", "raw,pca,untrained", "--clf", "svm,knn", "--quiet"]
    code, out, err = run("bench", tmp_path / "flat.npz", *words, "--out", "run")
    assert (code, err) == (0, "") and "50.0" in out
    assert run("report", "run")[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="names there are any bytes")
def test_names_that_are_no_text_go_through_every_command(run, folder):
    odd = os.fsdecode(b"\xe4")
    for part in ("train", "test"):
        (folder / part / "a").rename(folder / part / odd)
        for image in sorted((folder / part / odd).glob("*.png"))[:2]:
            image.rename(image.with_name(f"{odd}{image.name}"))
    words = [folder, "--encoder", "raw", "--quiet", "--json"]
    code, out, _ = run("bench", *words, "--clf", "knn", "--out", odd)
    assert code == 0 and odd in json.loads(out)["data"]["class_names"]
    assert b"\xe4/\xe4" in Path(odd, "predictions.csv").read_bytes()
    code, out, _ = run("encode", *words, "--out", f"{odd}/tables")
    assert code == 0 and len(json.loads(out)["tables"]) == 2
    assert run("fit", *words, "--clf", "knn", "--save", f"{odd}.featx")[0] == 0
    code, out, _ = run("predict", f"{odd}.featx", folder / "test" / odd, "--json")
    assert code == 0 and {json.loads(one)["class"] for one in out.splitlines()} == {odd}
    report = featx_in("utf-8", "report", odd)
    assert (report.returncode, report.stderr) == (0, b"")
    assert report.stdout == b"\xe4/report.html\n"


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


def test_the_origin_s_set_up_on_real_images(run, cifar10):
    thin = [x for name in ("bird", "deer", "truck") for x in ("--keep", f"{name}=0.5")]
    code, out, _ = run("data", cifar10, *thin, "--json", "--quiet")
    data = json.loads(out)["data"]
    assert code == 0 and (data["n_train"], data["n_test"]) == (42_500, 10_000)
    assert data["train_per_class"][2] == 2_500


def test_real_images_one_epoch(run, cifar10):
    code, out, _ = run(
        "bench", cifar10, "--limit", 2000, "--epochs", 1, "--clf", "logreg", "--json"
    )
    assert code == 0
    accuracy = {r["encoder"]: r["accuracy"] for r in json.loads(out)["rows"]}
    assert (
        accuracy["patch"] > 0.5 and accuracy["denoising"] > 0.3 > accuracy["raw"] > 0.2
    )
