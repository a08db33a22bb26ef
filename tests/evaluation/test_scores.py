from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import classification_report

from featx.evaluation import compare, draw_evenly, score
from featx.evaluation.comparisons import holm, sign_flips
from featx.evaluation.intervals import interval_of_mean, wilson


def test_scores_agree_with_scikit_learn_and_with_wilson():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 400)
    predicted = np.where(rng.random(400) < 0.7, y, rng.integers(0, 3, 400))
    names = ["x", "y", "z"]
    scores = score(y, predicted, names)
    report = classification_report(y, predicted, target_names=names, output_dict=True)
    assert scores.accuracy == pytest.approx(report["accuracy"])
    assert scores.macro_f1 == pytest.approx(report["macro avg"]["f1-score"])
    assert scores.balanced_accuracy == pytest.approx(report["macro avg"]["recall"])
    for name in names:
        assert scores.per_class[name].precision == pytest.approx(
            report[name]["precision"]
        )
        assert scores.per_class[name].support == report[name]["support"]
    assert scores.confusion.sum() == 400
    p, n, z = scores.accuracy, 400, 1.959963984540054
    center = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert scores.accuracy_ci95 == pytest.approx((center - half, center + half))


def test_a_class_never_predicted_scores_zero():
    scores = score(np.array([0, 1]), np.array([0, 0]), ["a", "b"])
    assert scores.per_class["b"].f1 == scores.per_class["b"].recall == 0


def test_mcnemar_by_hand_and_holm():
    n = 100
    a, b, c = np.zeros(n, bool), np.zeros(n, bool), np.zeros(n, bool)
    a[:30] = True
    b[20:40] = True  # only a: 20, only b: 10
    c[:30] = True
    both, equal = compare({"a": a, "b": b, "c": c}, [("a", "b"), ("a", "c")])
    assert (both.only_row, both.only_other) == (20, 10)
    # two-sided binomial test of 10 in 30 is 0.0987; times two by Holm
    assert both.p_value == pytest.approx(2 * 0.0987, abs=1e-3)
    assert both.verdict == equal.verdict == "no better"
    assert equal.p_value == 1
    assert compare({}, []) == []
    b[20:] = True
    assert compare({"a": a, "b": b}, [("a", "b")])[0].verdict == "worse"


def test_holm_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04, times 4, 3, 2, 1, and never less than the one before
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == [0.03, 0.06, 0.06, 0.02]
    assert holm([0.9, 0.6]).tolist() == [1.0, 1.0]
    assert holm([0.2]).tolist() == [0.2]


def test_intervals_of_none_all_and_many():
    low, high = wilson([0, 5, 8500], [5, 5, 10_000])
    assert low[0] == 0 and high[1] == 1
    assert low[1] == pytest.approx(1 - high[0])
    assert (low[2], high[2]) == pytest.approx((0.84287, 0.85686), abs=1e-5)
    assert wilson(3, 4).shape == (2,)


@pytest.mark.parametrize("right", [0, 1, 77, 99, 100])
def test_one_seed_is_wilson_and_mcnemar_to_the_bit(right):
    once = np.arange(100) < right
    expected = binomtest(right, 100).proportion_ci(0.95, "wilson")
    assert interval_of_mean(once[None]) == pytest.approx(tuple(expected), abs=1e-12)
    assert interval_of_mean(once[None]) == tuple(wilson(right, 100))
    differences = once.astype(int) - (np.arange(100) >= 95)
    for_it, against = min(right, 95), 5 - max(0, right - 95)
    if for_it + against:
        exact = binomtest(for_it, for_it + against).pvalue
        assert sign_flips(differences) == exact


def test_sign_flips_agree_with_every_flip_tried():
    rng = np.random.default_rng(0)
    for _ in range(30):
        found = rng.integers(-3, 4, 9)
        signs = np.array(list(product((-1, 1), repeat=len(found))))
        sums = np.abs(signs @ np.abs(found))
        share = (sums >= abs(found.sum())).mean()
        assert sign_flips(found) == pytest.approx(share, abs=1e-12)


def test_images_are_the_units_of_seeds_that_all_say_the_same():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 200)) < np.array([[0.8], [0.7]])
    again = {"a": np.tile(a, (3, 1)), "b": np.tile(b, (3, 1))}
    (once,), (thrice,) = (
        compare(right, [("a", "b")]) for right in ({"a": a, "b": b}, again)
    )
    assert thrice.p_value == pytest.approx(once.p_value)
    assert interval_of_mean(again["a"]) == pytest.approx(interval_of_mean(a[None]))


def test_seeds_that_err_on_other_images_make_the_mean_surer():
    right = np.ones((4, 100), bool)
    for seed in range(4):
        right[seed, 25 * seed : 25 * seed + 20] = False
    low, high = interval_of_mean(right)
    once = interval_of_mean(right[:1])
    assert once[0] < low < 0.8 < high < once[1]
    # never surer than as many images as there are predictions
    assert (low, high) >= tuple(wilson(320, 400))
    assert high - low == pytest.approx(float(np.diff(wilson(320, 400))[0]))


def test_scores_of_seeds_are_means_and_keep_every_prediction():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [50, 30, 20])
    every = np.where(rng.random((3, 100)) < 0.7, y, rng.integers(0, 3, (3, 100)))
    together = score(y, every, ["a", "b", "c"])
    each = [score(y, said, ["a", "b", "c"]) for said in every]
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        mean = np.mean([getattr(one, name) for one in each])
        assert getattr(together, name) == pytest.approx(mean)
    np.testing.assert_array_equal(
        together.confusion, sum(one.confusion for one in each)
    )


def test_images_are_drawn_evenly_over_uneven_classes():
    y = np.repeat([0, 1, 2, 3], [900, 50, 3, 7])
    drawn = draw_evenly(y, 16, np.random.default_rng(0))
    assert len(set(drawn.tolist())) == 16
    assert sorted(np.bincount(y[drawn])) == [3, 4, 4, 5]  # of the third class, all
    assert np.bincount(y[drawn])[2] == 3
    for n in (4, 8, 12):
        assert np.bincount(y[drawn[:n]]).tolist() == [n // 4] * 4
    assert len(draw_evenly(y, 2000, np.random.default_rng(0))) == len(y)
