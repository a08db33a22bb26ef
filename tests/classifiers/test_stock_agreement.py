"""What is faster than scikit-learn's own must be as right."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from benchmarks import synthetic
from featx.classifiers import make_classifier

NAMES = ("logreg", "ridge", "svm", "knn")
POINTS = 0.003


def stock(name, n_images):
    """scikit-learn's own with the same settings, and its own tolerance."""
    model = {
        "logreg": LogisticRegression(C=50 / n_images, max_iter=1000),
        "ridge": RidgeClassifier(0.003 * n_images),
        "svm": SVC(C=3.0, break_ties=True),
        "knn": KNeighborsClassifier(min(10, n_images), weights="distance"),
    }[name]
    return make_pipeline(StandardScaler(), model)


def gap(name, X, y, n_images):
    ours = make_classifier(name, n_features=X.shape[1], n_images=n_images)
    right = [
        model.fit(X[:n_images], y[:n_images]).score(X[n_images:], y[n_images:])
        for model in (ours, stock(name, n_images))
    ]
    return abs(right[0] - right[1])


@pytest.mark.parametrize("name", NAMES)
def test_accuracy_is_that_of_stock_scikit_learn(name):
    X, y = synthetic.features(5000, 64, seed=0)
    assert gap(name, X, y, 2500) <= POINTS


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", ["ovr", "ovo"])
def test_the_fast_svm_scores_pairs_of_classes_as_the_stock_one(n_classes, dtype, shape):
    fast_svm = pytest.importorskip("featx.classifiers.fast_svm")
    X, y = synthetic.features(5000, 64, seed=0)
    X, y = StandardScaler().fit_transform(X)[y < n_classes], y[y < n_classes]
    half = len(y) // 2
    X, X_test = X[:half].astype(dtype), X[half:].astype(dtype)
    how = {"C": 3.0, "decision_function_shape": shape, "break_ties": shape == "ovr"}
    ours = fast_svm.SVC(**how).fit(X, y[:half])
    theirs = SVC(**how).fit(X, y[:half])
    found, expected = (one.decision_function(X_test) for one in (ours, theirs))
    assert found.shape == expected.shape
    # a pair at the very border may be won by either class, which is a vote
    votes = np.round(found - expected) if shape == "ovr" else 0.0
    assert np.abs(found - expected - votes).max() < 0.01
    assert np.count_nonzero(votes) <= 0.001 * len(X_test) * n_classes
    disagree = ours.predict(X_test) != theirs.predict(X_test)
    if shape == "ovr":
        assert disagree.mean() <= 0.001
    with pytest.raises(ValueError, match="features"):
        ours.predict(X_test[:, 1:])


def test_batches_of_the_fast_svm_give_the_same_scores(monkeypatch):
    fast_svm = pytest.importorskip("featx.classifiers.fast_svm")
    X, y = load_digits(return_X_y=True)
    svm = fast_svm.SVC(C=3.0).fit(X[:500], y[:500])
    whole = svm.decision_function(X)
    monkeypatch.setattr("featx.classifiers.pairs._BYTES", 1)
    np.testing.assert_allclose(svm.decision_function(X[:40]), whole[:40], atol=1e-5)
    assert svm.score(X, y) == (svm.predict(X) == y).mean()


@pytest.mark.parametrize("name", NAMES)
def test_so_it_is_on_digits(name):
    X, y = load_digits(return_X_y=True)
    gaps = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(y))
        gaps.append(gap(name, X[order].astype(np.float32), y[order], 900))
    assert np.mean(gaps) <= POINTS


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_so_it_is_on_many_features(name):
    X, y = synthetic.features(8000, 512, seed=0)
    assert gap(name, X, y, 5000) <= POINTS
