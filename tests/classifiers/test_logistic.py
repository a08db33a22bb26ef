import numpy as np
import pytest
from scipy import optimize
from sklearn.datasets import load_digits, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import parametrize_with_checks

from featx.classifiers import WideLogisticRegression
from featx.classifiers.blocks import Blocks


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([WideLogisticRegression()])
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("n_features", [20, 500], ids=["tall", "wide"])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("weight", [None, "balanced", {0: 1, 1: 5}])
def test_the_minimum_is_that_of_scikit_learn(n_features, n_classes, weight):
    X, y = make_classification(
        *(300, n_features),
        n_informative=8,
        n_classes=n_classes,
        weights=[0.6, *[0.4 / (n_classes - 1)] * (n_classes - 1)],
        flip_y=0.1,
        random_state=0,
    )
    if isinstance(weight, dict):
        weight = weight | {c: 1 for c in range(2, n_classes)}
    X = scale(X)
    ours = WideLogisticRegression(
        0.05, class_weight=weight, tol=1e-12, max_iter=5000
    ).fit(X, y)
    theirs = LogisticRegression(C=0.05, class_weight=weight, tol=1e-7, max_iter=5000)
    theirs.fit(X, y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3)
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-3
    )
    assert ours.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(len(X)))


@pytest.mark.parametrize("n_classes", [2, 10])
def test_blocks_give_what_memory_gives(n_classes):
    X, y = load_digits(return_X_y=True)
    X, y = scale(X).astype(np.float32), y % n_classes
    whole = WideLogisticRegression(0.05).fit(X, y)
    blocks = WideLogisticRegression(0.05).fit_blocks(Blocks(X), y)
    np.testing.assert_allclose(whole.coef_, blocks.coef_, atol=1e-4)
    assert whole.coef_.dtype == np.float32


def test_correlated_features_take_no_more_steps():
    X, y = load_digits(return_X_y=True)
    X = scale(X)
    mixed = X @ np.random.default_rng(0).normal(size=(64, 64))
    steps = [
        WideLogisticRegression(0.05 / spread, tol=1e-4).fit(data, y).n_iter_
        for data, spread in ((X, 1), (mixed, 64))
    ]
    assert max(steps) < 60


def test_the_first_step_needs_no_search(monkeypatch):
    found = []

    def minimize(*args, **kwargs):
        found.append(optimize.OptimizeResult(original(*args, **kwargs)))
        return found[-1]

    original = optimize.minimize
    monkeypatch.setattr(optimize, "minimize", minimize)
    X, y = load_digits(return_X_y=True)
    WideLogisticRegression(0.05).fit(scale(X), y)
    WideLogisticRegression(0.05).fit(scale(X), y > 4)
    assert [one.nfev <= one.nit + 2 for one in found] == [True, True]


def test_features_that_repeat_each_other_and_a_large_C_can_be_solved():
    X, y = load_digits(return_X_y=True)
    X = np.tile(scale(X).astype(np.float32), (1, 8))
    model = WideLogisticRegression(1e4, tol=1e-3).fit(X, y)
    assert np.isfinite(model.coef_).all() and model.score(X, y) > 0.99
