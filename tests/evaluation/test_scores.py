import numpy as np
import pytest
from sklearn.metrics import classification_report

from featx.evaluation import compare, score
from featx.evaluation.comparisons import holm
from featx.evaluation.intervals import wilson


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
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert scores.accuracy_ci95 == pytest.approx((centre - half, centre + half))


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
