"""Fits on features past memory."""

import numpy as np
import pytest

from featx import FeatureCache, RawPixels, encode, load_dataset
from featx.classifiers import (
    WideLinearSVC,
    blocks,
    fit_in_blocks,
    make_classifier,
    predict_with_confidence,
    registry,
)
from featx.classifiers.blocks import Blocks
from featx.errors import ParameterError
from featx.experiment.fitting import fit_row
from featx.experiment.tasks import FitTask


def features(n, p, n_classes, tmp_path):
    """A read-only memory map, as the cache gives it, and labels."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_classes, n)
    X = rng.normal(3, 2, (n, p)) + rng.normal(0, 1.5, (n_classes, p))[y]
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    return np.load(tmp_path / "X.npy", mmap_mode="r"), y


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "_VALUES", 1000)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("balanced", [False, True])
def test_blocks_give_what_memory_gives(n_classes, balanced, tmp_path, small_blocks):
    X, y = features(800, 30, n_classes, tmp_path)
    size = {"n_features": 30, "n_images": 800, "balanced": balanced}
    whole = make_classifier("linear-svm", **size).fit(np.array(X), y)
    pieces = make_classifier("linear-svm", **size)
    fit_in_blocks(pieces, X, y, n_in_memory=100)
    assert np.allclose(pieces["scale"].mean_, whole["scale"].mean_)
    one, other = pieces[-1], whole[-1]
    assert one.n_iter_ == other.n_iter_
    assert np.allclose(one.coef_, other.coef_, atol=5e-5)
    assert np.allclose(one.intercept_, other.intercept_, atol=1e-5)
    assert (pieces.predict(X) == whole.predict(X)).mean() > 0.995


def test_a_penalty_too_small_for_single_precision(tmp_path, small_blocks):
    X, y = features(300, 20, 3, tmp_path)
    X = np.hstack([X, X[:, :1]])  # a column twice: the Gram matrix is singular
    model = WideLinearSVC(C=1e7, tol=1e-2).fit_blocks(Blocks(X), y)
    assert model.score(X, y) > 0.9
    with pytest.raises(ParameterError, match="too large to solve"):
        WideLinearSVC(C=1e30).fit_blocks(Blocks(X), y)


def test_labels_and_parameters_are_checked_as_in_memory(tmp_path):
    X, y = features(50, 5, 2, tmp_path)
    with pytest.raises(ParameterError, match="one class"):
        WideLinearSVC().fit_blocks(Blocks(X), y * 0)
    with pytest.raises(ParameterError, match="C=0"):
        WideLinearSVC(C=0).fit_blocks(Blocks(X), y)


def test_blocks_cover_every_row_once(tmp_path, small_blocks):
    X, _ = features(101, 30, 2, tmp_path)
    seen = [(rows, block) for rows, block in Blocks(X)]
    assert np.array_equal(np.concatenate([block for _, block in seen]), X)
    assert max(len(block) for _, block in seen) == 33
    assert np.array_equal(np.concatenate([X[rows] for rows, _ in seen]), X)


def test_the_svm_of_many_images_spans_its_kernel_by_some(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "MOST_FOR_SVM", 1000)
    monkeypatch.setattr(registry, "LANDMARKS", 300)
    size = {"n_features": 20, "random_state": 0}
    X, y = features(1500, 20, 4, tmp_path)
    exact = make_classifier("svm", n_images=1000, **size).fit(X[:1000], y[:1000])
    spanned = make_classifier("svm", n_images=1001, **size)
    assert list(spanned.named_steps) == ["scale", "rbf", "svm"]
    spanned.fit(X[:1000], y[:1000])
    pieces = make_classifier("svm", n_images=1001, **size)
    fit_in_blocks(pieces, X[:1000], y[:1000], n_in_memory=1000)
    right = [m.score(X[1000:], y[1000:]) for m in (exact, spanned, pieces)]
    assert abs(right[0] - right[1]) < 0.03 and abs(right[1] - right[2]) < 0.01
    assert right[0] > 0.9


def test_rows_of_the_table_past_memory(tmp_path, monkeypatch):
    dataset = load_dataset("digits", cache_dir=tmp_path)
    encoded = encode(dataset, RawPixels(), cache=FeatureCache(tmp_path))

    def row(name, **how):
        task = FitTask(
            "raw", name, encoded, dataset.class_names, dataset.validation, **how
        )
        return fit_row(task).row

    whole = row("linear-svm")
    monkeypatch.setattr("featx.experiment.tasks.rows_in_memory", lambda n_features: 600)
    pieces = row("linear-svm")
    assert (pieces.predicted == whole.predicted).mean() > 0.99
    assert pieces.result.notes == (
        "read block by block from disk: the features exceed memory",
    )
    (note,) = row("knn").result.notes
    assert note.startswith("fitted on 60") and note.endswith("to fit into memory")
    assert row("knn").result.scores.accuracy > 0.9
    tuned = row("linear-svm", tune=True).result
    assert tuned.notes[0].startswith("fitted on 60") and "chosen on" in tuned.notes[1]
    monkeypatch.setattr(registry, "MOST_FOR_SVM", 1000)
    svm = row("svm").result
    assert [note.partition(" ")[0] for note in svm.notes] == ["read", "kernel"]
    assert svm.scores.accuracy > 0.9


def test_predictions_come_in_blocks_too(tmp_path, monkeypatch):
    X, y = features(500, 30, 3, tmp_path)
    model = make_classifier("linear-svm", n_features=30, n_images=500).fit(X, y)
    whole = predict_with_confidence(model, X)
    monkeypatch.setattr("featx.classifiers.confidence._BATCH_VALUES", 70)
    for one, other in zip(whole, predict_with_confidence(model, X), strict=True):
        assert np.allclose(one, other)
