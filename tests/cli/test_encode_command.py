import json
from pathlib import Path

import numpy as np
from calling import QUICK


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
