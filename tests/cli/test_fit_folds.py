"""`featx fit` in folds, and what it saves."""

import json

import numpy as np
import pytest
from blocks import make_images
from PIL import Image

import featx


@pytest.fixture
def few(tmp_path):
    images = make_images(60, channels=3)
    for image, label, name in zip(images.X, images.y, images.ids, strict=True):
        file = tmp_path / "few" / "abc"[label] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return tmp_path / "few"


WORDS = ("--encoder", "pca", "--set", "n_components=5", "--clf", "ridge")


def test_what_is_saved_was_fitted_on_all_images(run, few):
    code, out, err = run("fit", few, *WORDS, "--folds", "3", "--save", "m.featx")
    assert code == 0 and "in 3 folds" in " ".join(out.split())
    assert "Model: m.featx, fitted on all 60 images" in err
    code, out, err = run("fit", few, *WORDS, "--refit", "--save", "r.featx")
    assert code == 0 and "fitted on all 60 images" in err
    X = make_images(9, channels=3).X
    folds, refit = featx.load("m.featx"), featx.load("r.featx")
    assert np.array_equal(folds.predict(X), refit.predict(X))
    run("fit", few, *WORDS, "--save", "part.featx")
    part = featx.load("part.featx")
    assert not np.allclose(part.decision_function(X), refit.decision_function(X))


def test_the_advice_after_folds_is_to_use_folds(run, few):
    code, out, _ = run("bench", few, "--encoders", "raw,pca", "--clf", "knn")
    assert code == 0
    line = " ".join(out[out.index("To save it:") :].split())
    assert "--folds 5 --save model.featx" in line


def test_refit_without_save_is_refused(run, few):
    code, _, err = run("fit", few, *WORDS, "--refit")
    assert code == 1 and "--refit without --save" in err


def test_folds_in_json(run, few):
    code, out, _ = run("fit", few, *WORDS, "--folds", "3", "--json", "--out", "run")
    results = json.loads(out)
    assert code == 0 and results["protocol"]["folds"] == 3
    assert results["data"]["n_test"] == 60
