"""Intervals and tests of images that come in groups, checked by simulation."""

import numpy as np
import pytest
from scipy.special import expit

from featx.evaluation import compare, score
from featx.evaluation.intervals import (
    interval_of_difference,
    interval_of_mean,
    wilson,
)

N_REPEATS = 500


def simulate(rng, n_groups, mean, spread):
    """Images of some groups, each group easier or harder than the others."""
    sizes = rng.integers(3, 8, n_groups)
    chance = expit(np.log(mean / (1 - mean)) + spread * rng.normal(size=n_groups))
    groups = np.repeat(np.arange(n_groups), sizes)
    return rng.random(len(groups)) < chance[groups], groups


def truth(mean, spread):
    ease = np.random.default_rng(0).normal(size=400_000)
    return expit(np.log(mean / (1 - mean)) + spread * ease).mean()


@pytest.mark.parametrize(("n_groups", "mean"), [(20, 0.5), (40, 0.8), (200, 0.8)])
@pytest.mark.parametrize("spread", [0, 1.5])
def test_coverage(n_groups, mean, spread):
    rng = np.random.default_rng(n_groups)
    accuracy, covered, by_wilson = truth(mean, spread), 0, 0
    for _ in range(N_REPEATS):
        right, groups = simulate(rng, n_groups, mean, spread)
        low, high = interval_of_mean(right[None], groups)
        covered += low <= accuracy <= high
        low, high = wilson(right.sum(), len(right))
        by_wilson += low <= accuracy <= high
    assert 0.92 <= covered / N_REPEATS <= 0.985
    if spread:  # which is why
        assert by_wilson / N_REPEATS < 0.88


@pytest.mark.parametrize(
    ("n", "mean"),
    [
        (30, 0.5),
        *(
            pytest.param(*how, marks=pytest.mark.slow)
            for how in ((1000, 0.95), (200, 0.8))
        ),
    ],
)
def test_coverage_of_single_images(n, mean):
    """Of one accuracy, of a mean over seeds, and of a difference."""
    rng = np.random.default_rng(n)
    covered = np.zeros(3)
    for _ in range(N_REPEATS):
        ease = expit(np.log(mean / (1 - mean)) + rng.normal(size=n))
        once = rng.random(n) < mean
        seeds = rng.random((3, n)) < ease
        first, second = rng.random((2, n)) < ease
        ends = (
            (wilson(once.sum(), n), mean),
            (interval_of_mean(seeds), truth(mean, 1)),
            (interval_of_difference(first.astype(int) - second, 1), 0),
        )
        covered += [low <= true <= high for (low, high), true in ends]
    assert (0.92 <= covered / N_REPEATS).all() and (covered / N_REPEATS <= 0.985).all()


@pytest.mark.parametrize("spread", [0, 1.5])
def test_coverage_of_differences_between_groups(spread):
    rng = np.random.default_rng(4)
    covered = by_image = 0
    for _ in range(N_REPEATS):
        groups = np.repeat(np.arange(30), rng.integers(3, 8, 30))
        tilt = spread * rng.normal(size=30)[groups]
        a, b = (rng.random(len(groups)) < expit(1 + sign * tilt) for sign in (1, -1))
        difference = a.astype(np.int64) - b
        low, high = interval_of_difference(difference, 1, groups)
        covered += low <= 0 <= high
        low, high = interval_of_difference(difference, 1)
        by_image += low <= 0 <= high
    assert 0.92 <= covered / N_REPEATS <= 0.985
    if spread:
        assert by_image / N_REPEATS < 0.88


@pytest.mark.parametrize("spread", [0, 1.5])
def test_without_a_difference_few_tests_find_one(spread):
    """Two rows that are right about the same groups, by chance about others."""
    rng = np.random.default_rng(1)
    found = by_image = 0
    for _ in range(N_REPEATS):
        a, groups = simulate(rng, 30, 0.7, 0)
        tilt = spread * rng.normal(size=30)[groups]
        a = rng.random(len(groups)) < expit(1 + tilt)
        b = rng.random(len(groups)) < expit(1 - tilt)
        right = {"a": a, "b": b}
        found += compare(right, [("a", "b")], groups)[0].verdict != "no better"
        by_image += compare(right, [("a", "b")])[0].verdict != "no better"
    assert found / N_REPEATS <= 0.06
    if spread:
        assert by_image / N_REPEATS > 0.1


def test_groups_of_one_are_no_groups():
    rng = np.random.default_rng(2)
    right = rng.random((1, 400)) < 0.8
    alone = interval_of_mean(right, np.arange(400))
    assert alone == pytest.approx(interval_of_mean(right), abs=2e-4)
    a, b = rng.random((2, 60)) < 0.6
    right = {"a": a, "b": b}
    with_groups = compare(right, [("a", "b")], np.arange(60))
    assert with_groups == compare(right, [("a", "b")])


def test_copies_of_images_say_nothing_new():
    rng = np.random.default_rng(3)
    once = rng.random((1, 50)) < 0.7
    five = np.repeat(once, 5, axis=1)
    groups = np.repeat(np.arange(50), 5)
    low, high = interval_of_mean(five, groups)
    expected = interval_of_mean(once)
    assert (low, high) == pytest.approx(expected, abs=0.01)
    narrow = interval_of_mean(five)
    assert narrow[1] - narrow[0] < 0.6 * (high - low)


@pytest.mark.parametrize("share", [0, 1])
def test_all_right_or_all_wrong_counts_groups(share):
    right, groups = np.full((1, 40), bool(share)), np.arange(40) // 4
    low, high = interval_of_mean(right, groups)
    wide = wilson(10 * share, 10)
    assert low <= wide[0] + 1e-9 and high >= wide[1] - 1e-9
    assert (low, high)[share] == share


def test_classes_have_intervals_of_their_groups():
    y = np.repeat([0, 1], 40)
    said = y.copy()
    said[:20] = 1
    groups = np.arange(80) // 10
    plain, grouped = score(y, said, ["a", "b"]), score(y, said, ["a", "b"], groups)
    for name in ("a", "b"):
        low, high = plain.per_class[name].recall_ci95
        lower, higher = grouped.per_class[name].recall_ci95
        assert lower <= low and higher >= high
    assert plain.accuracy == grouped.accuracy == 0.75
    assert plain.per_class["a"].recall == 0.5


def test_a_class_without_test_images():
    scores = score(np.array([0, 0]), np.array([0, 1]), ["a", "b"], np.array([0, 1]))
    assert scores.per_class["b"].recall_ci95 == pytest.approx((0, 0.793), abs=1e-3)
