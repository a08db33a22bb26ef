import json
import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from calling import QUICK, flat

import featx


def test_bench_prints_a_table_and_leaves_a_run_folder(run, folder):
    words = ["bench", folder, "--epochs", 2, "--set", "patch.n_patches=5000"]
    code, out, err = run(*words, "--clf", "logreg,knn", "--encoders", "raw,patch,conv")
    assert code == 0
    for text in ("patch", "conv", "logreg", "knn", "Accuracy for class: a is"):
        assert text in out
    assert "train conv, epoch 2 of 2, loss" in err and "fit knn on raw" in err
    assert "patch: 200 filters of 6 x 6 pixels, images " in err  # what was chosen
    assert "conv: 64 channels, 2 epochs, images " in err
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
    listed = json.loads(run("cache", "ls", "--json")[1])["entries"]
    kinds = [entry["kind"] for entry in listed]
    assert kinds.count("encoders") == 3  # one for each seed
    support = sum(one["support"] for one in result["per_class"].values())
    assert support == 3 * document["data"]["n_test"]


def test_a_budget_is_kept_and_told(run, folder):
    start = time.perf_counter()
    code, _, err = run(
        "bench", folder, "--encoders", "raw,conv", "--clf", "knn", "--budget", 0.1
    )
    assert code == 0 and time.perf_counter() - start < 25
    assert "Encoders raw, conv; classifiers knn." in err
    (epochs,) = re.findall(r"conv: 64 channels, (\d+) epochs", err)
    assert 1 <= int(epochs) <= 50


@pytest.mark.parametrize("color", [0, 255])
def test_constant_images_are_compared_without_a_word(run, tmp_path, color):
    y = np.arange(40) % 2
    X = np.full((40, 8, 8, 3), color, np.uint8)
    np.savez(tmp_path / "flat.npz", X_train=X, y_train=y, X_test=X[:20], y_test=y[:20])
    words = ["--encoders", "raw,pca,untrained", "--clf", "svm,knn", "--quiet"]
    code, out, err = run("bench", tmp_path / "flat.npz", *words, "--out", "run")
    assert (code, err) == (0, "") and "50.0" in out
    assert run("report", "run")[0] == 0


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
    monkeypatch.setattr("featx.cli.fit.compare", lambda *_, **__: (results, dataset))
    lines = run(*words)[1].splitlines()
    assert lines.count("every row: common.") == 1
    assert "raw + svm: first." in lines
    assert "conv + svm: of both \U0001f600 [/x]." in lines


def test_nothing_is_left_of_a_run_that_failed(run):
    assert run("bench", "digit", "--out", "my/run")[0] == 1
    assert run("bench", "digit")[0] == 1
    assert list(Path().iterdir()) == []


def test_runs_of_the_same_second_do_not_share_a_folder(run, monkeypatch):
    monkeypatch.setattr("featx.cli.bench.run_name", lambda name: f"now-{name}")
    words = ["bench", "--encoders", "raw", "--clf", "knn", "--limit", "100", "--json"]
    folders = [json.loads(run(*words)[1])["folder"] for _ in range(2)]
    assert folders == ["runs/now-digits", "runs/now-digits-2"]
    assert json.loads(run(*words, "--out", "mine")[1])["folder"] == "mine"
    words = ["fit", "--encoder", "raw", "--clf", "knn", "--limit", "100", "--json"]
    assert "folder" not in json.loads(run(*words)[1])
    assert json.loads(run(*words, "--out", "mine")[1])["folder"] == "mine"


def test_real_images_one_epoch(run, cifar10):
    code, out, _ = run(
        "bench", cifar10, "--limit", 2000, "--epochs", 1, "--clf", "logreg", "--json"
    )
    assert code == 0
    accuracy = {r["encoder"]: r["accuracy"] for r in json.loads(out)["rows"]}
    assert accuracy["patch"] > 0.5 and accuracy["conv"] > 0.3 > accuracy["raw"] > 0.2
