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
