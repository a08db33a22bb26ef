"""Intervals and tests of images that were judged in folds, checked by simulation."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from featx.evaluation import compare, score
from featx.evaluation.intervals import (
    interval_of_difference,
    interval_of_mean,
    variance_over_folds,
)
from featx.evaluation.repeats import how_judged

N_REPEATS, N_IMAGES, N_FOLDS = 300, 100, 5


@pytest.fixture(scope="module")
def right():
    """What two rows are right about, neither of which can know anything."""
    knn, y = KNeighborsClassifier(1), np.arange(N_IMAGES) % 2
    said = []
    for seed in range(N_REPEATS):
        rng = np.random.default_rng(seed)
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
        views = rng.normal(size=(2, N_IMAGES, 3))
        said.append([cross_val_predict(knn, view, y, cv=folds) == y for view in views])
    return np.array(said)


def coverage(right, n_folds):
    ends = np.array([interval_of_mean(one[None], None, n_folds) for one in right])
    return ((ends[:, 0] <= 0.5) & (ends[:, 1] >= 0.5)).mean()


@pytest.mark.slow
def test_intervals_cover_the_truth(right):
    assert coverage(right[:, 0], 1) < 0.92  # which is why
    assert 0.92 <= coverage(right[:, 0], N_FOLDS) <= 0.985


def different(right, n_folds):
    pairs = [{"a": a, "b": b} for a, b in right]
    tests = [compare(pair, [("a", "b")], None, n_folds)[0] for pair in pairs]
    return np.mean([test.verdict != "no better" for test in tests])


@pytest.mark.slow
def test_rows_that_know_nothing_are_no_better(right):
    assert different(right, 1) > 0.06  # which is why
    assert different(right, N_FOLDS) <= 0.06


@pytest.mark.slow
def test_intervals_of_differences_cover_nought(right):
    differences = right[:, 0].astype(int) - right[:, 1]
    ends = np.array(
        [interval_of_difference(one, 1, None, N_FOLDS) for one in differences]
    )
    assert 0.92 <= ((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).mean() <= 0.99


@pytest.mark.parametrize("groups", [None, np.arange(40) // 4])
def test_one_fold_is_none_and_more_are_less_sure(groups):
    rng = np.random.default_rng(0)
    y, said = np.arange(40) % 2, rng.integers(0, 2, 40)
    names = ["cat", "dog"]
    plain = score(y, said, names, groups)
    assert score(y, said, names, groups, 1).accuracy_ci95 == plain.accuracy_ci95
    folded = score(y, said, names, groups, N_FOLDS)
    for a, b in (
        (plain.accuracy_ci95, folded.accuracy_ci95),
        (plain.per_class["cat"].recall_ci95, folded.per_class["cat"].recall_ci95),
    ):
        assert b[0] < a[0] < a[1] < b[1]
    assert folded.accuracy == plain.accuracy


def test_the_correction():
    assert variance_over_folds(1) == 1
    assert variance_over_folds(2) == 1.5
    assert "variance times 1.8" in how_judged(1, grouped=True, n_folds=5)["test"]


def test_p_values_of_equal_and_of_quite_different_rows():
    all_right, none = np.ones(2000, bool), np.zeros(2000, bool)
    equal, different = (
        compare({"a": all_right, "b": other}, [("a", "b")], None, N_FOLDS)[0]
        for other in (all_right, none)
    )
    assert equal.p_value == 1
    assert 0 <= different.p_value < 1e-100
