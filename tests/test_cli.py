import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from blocks import make_images
from PIL import Image

import featx
from featx.cli import main

QUICK = ["--epochs", "2", "--limit", "200"]


@pytest.fixture
def figures():
    """Asked for by tests that look at figures."""


@pytest.fixture(autouse=True)
def without_figures(request, monkeypatch):
    """Most of the time of a run goes into its figures; they have tests of their own."""
    if "figures" not in request.fixturenames:
        monkeypatch.setattr("featx.reports.files.figures_of", lambda *_: iter(()))


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


def test_bench_prints_a_table_and_leaves_a_run_folder(run, folder, figures):
    words = ["bench", folder, "--epochs", 2, "--set", "patch.n_patches=5000"]
    code, out, err = run(
        *words, "--clf", "logreg,knn", "--encoders", "raw,patch,denoising"
    )
    assert code == 0
    for text in ("patch", "denoising", "logreg", "knn", "Accuracy for class: a is"):
        assert text in out
    assert "train denoising, epoch 2 of 2, loss" in err and "fit knn on raw" in err
    assert "patch: 1600 filters of 6 x 6 pixels, images " in err  # what was chosen
    assert "denoising: 64 channels, 2 epochs, images " in err
    (made,) = Path("runs").iterdir()
    assert f"Run folder: {made}" in err
    names = {p.name for p in made.iterdir()}
    assert names >= {"results.json", "table.md", "table.csv", "predictions.npz"}
    assert (made / "figures" / "confusion_patch_knn.png").stat().st_size > 1000
    again = run(*words, "--clf", "knn", "--encoders", "patch", "--json")
    (row,) = json.loads(again[1])["results"]
    assert all(row["cached"].values())
    stored = json.loads((made / "results.json").read_text())["results"]
    (first,) = (
        one for one in stored if (one["encoder"], one["classifier"]) == ("patch", "knn")
    )
    assert first["confusion"] == row["confusion"]


def test_json_has_the_documented_keys(run):
    code, out, _ = run("bench", *QUICK, "--encoders", "raw", "--clf", "knn", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["featx"] == featx.__version__
    assert document.keys() >= {"featx", "data", "protocol", "machine", "results"}
    assert document["results"][0].keys() >= {
        *("encoder", "classifier", "n_features", "accuracy", "accuracy_ci95"),
        *("balanced_accuracy", "macro_f1", "per_class", "confusion", "train_seconds"),
        *("encode_seconds", "encode_images_per_second", "fit_seconds"),
        *("predict_seconds", "encoder_params", "classifier_params", "cached"),
    }


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
    assert np.load(train, mmap_mode="r").shape == (200, 4608)
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
    assert results["results"][0]["n_features"] == 20
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
    (result,) = document["results"]
    assert code == 0 and document["protocol"]["seeds"] == [0, 1, 2]
    assert len(result["repeats"]) == 3 and result["repeats"][0] == result["accuracy"]
    kinds = [entry["kind"] for entry in json.loads(run("cache", "ls", "--json")[1])]
    assert kinds.count("encoders") == 3  # one for each seed
    assert "over 3 seeds" in result["notes"][-1] and " ± " in result["notes"][-1]


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
    assert Path("samples.png").stat().st_size > 1000 and "samples.png" in err
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
    accuracy = json.loads(fitted[1])["results"][0]["accuracy"]
    code, out, err = run("predict", "m.featx", folder / "test")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and err == "" and list(rows[0]) == ["id", "class", "probability"]
    right = [Path(row["id"]).parent.name == row["class"] for row in rows]
    assert len(right) == 30 and np.mean(right) == pytest.approx(accuracy)
    odd = tmp_path / 'a "b",\u00e4.png'
    odd.write_bytes(Path(rows[0]["id"]).read_bytes())
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{odd}\nnone.png\n"))
    pattern = str(Path(rows[1]["id"]).parent / "*.png")
    code, out, err = run("predict", "m.featx", "-", pattern, "--json", "--strict")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 3 and "skipped none.png: no file" in err
    assert found[-1]["id"] == str(odd) and found[-1]["class"] == rows[0]["class"]
    assert len(found) == 1 + len(list(Path(rows[1]["id"]).parent.glob("*.png")))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["none.featx", "."], "No such file"),
        (["broken.featx", "."], "a wrong checksum"),
        (["m.featx", "none.png"], "'none.png', but expected a file, a folder"),
    ],
)
def test_a_prediction_that_cannot_be_made_is_one_line(run, folder, args, words):
    run("fit", folder, "--encoder", "raw", "--clf", "knn", "--save", "m.featx")
    Path("broken.featx").write_bytes(Path("m.featx").read_bytes()[:-1])
    code, out, err = run("predict", *args)
    assert (code, out) == (1, "") and err.count("\n") == 1 and words in err


@pytest.mark.parametrize(
    "args", [["fit", "--no-such"], ["nothing"], ["cache", "rm"], ["fit", "--seed", "x"]]
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
    assert (
        err == "featx: interrupted; the same command goes on from what is finished.\n"
    )


def test_quiet_leaves_stderr_empty(run):
    code, _, err = run("fit", *QUICK, "--encoder", "raw", "--clf", "knn", "--quiet")
    assert code == 0 and err == ""


@pytest.mark.parametrize("command", ["bench", "train", "encode", "fit", "data"])
def test_shared_options_read_the_same_everywhere(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    for option in (
        *("--data-dir", "--size", "--limit", "--keep", "--seed", "--device"),
        *("--precision", "--epochs", "--batch-size", "--learning-rate", "--set"),
        *("--cache-dir", "--json", "--quiet"),
    ):
        assert option in out, f"{command} lacks {option}"


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
    accuracy = {r["encoder"]: r["accuracy"] for r in json.loads(out)["results"]}
    assert (
        accuracy["patch"] > 0.5 and accuracy["denoising"] > 0.3 > accuracy["raw"] > 0.2
    )
