import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from featx import make_classifier
from featx.classifiers import pairs as pairs_module
from featx.classifiers import predict_with_confidence
from featx.classifiers.pairs import SHARPNESS, count_votes, couple, score_pairs


def scores_of_pairs(n_classes, n=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_classes * (n_classes - 1) // 2))


@pytest.mark.parametrize("n_classes", [3, 4, 10])
def test_votes_are_those_of_scikit_learn(n_classes):
    X, y = load_digits(n_class=n_classes, return_X_y=True)
    svm = SVC(break_ties=True).fit(X[::3], y[::3])
    pairs = score_pairs(svm, X)
    votes = count_votes(pairs, n_classes)
    np.testing.assert_allclose(votes, svm.decision_function(X))
    np.testing.assert_array_equal(svm.classes_[votes.argmax(axis=1)], svm.predict(X))
    assert svm.decision_function_shape == "ovr"  # it is left as it was


@pytest.mark.parametrize("n_classes", [3, 5, 10])
def test_coupling_is_as_defined(n_classes):
    pairs = scores_of_pairs(n_classes)
    margins = np.zeros((len(pairs), n_classes, n_classes))
    first, second = np.triu_indices(n_classes, 1)
    margins[:, first, second], margins[:, second, first] = pairs, -pairs
    against = 1 + np.exp(-SHARPNESS * margins)  # 1 / r
    against[:, np.arange(n_classes), np.arange(n_classes)] = 0
    expected = -np.log(against.sum(axis=2) - (n_classes - 2))
    got = couple(pairs, n_classes)
    votes = count_votes(pairs, n_classes).argmax(axis=1)
    np.testing.assert_array_equal(got.argmax(axis=1), votes)
    as_it_is = expected.argmax(axis=1) == votes
    assert 0.2 < as_it_is.mean() < 1
    np.testing.assert_allclose(got[as_it_is], expected[as_it_is])
    np.testing.assert_allclose(np.sort(got), np.sort(expected))


def test_a_class_that_beats_all_others_is_named_and_no_other():
    pairs = scores_of_pairs(3)
    clear = couple(pairs, 3).max(axis=1) > np.log(0.5)
    assert (count_votes(pairs, 3).max(axis=1)[clear] > 2 - 1 / 3).all()
    assert clear.any()


def test_large_scores_are_no_trouble():
    scores = couple(np.array([[900.0, 900.0, -900.0], [-900.0, -900.0, 900.0]]), 3)
    assert np.isfinite(scores).all()
    assert scores.argmax(axis=1).tolist() == [0, 1]


def test_of_no_images():
    assert couple(np.empty((0, 3)), 3).shape == (0, 3)


@pytest.mark.parametrize(
    "classifier",
    [
        LinearSVC(),
        SVC(probability=True),
        make_pipeline(StandardScaler(), LinearSVC()),
    ],
)
@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
def test_what_has_no_pairs_is_left_alone(classifier):
    X, y = load_digits(n_class=3, return_X_y=True)
    assert score_pairs(classifier.fit(X, y), X) is None


def test_two_classes_are_one_pair_already():
    X, y = load_digits(n_class=2, return_X_y=True)
    assert score_pairs(SVC().fit(X, y), X) is None


def test_a_pipeline_keeps_its_steps():
    X, y = load_digits(return_X_y=True)
    whole = make_pipeline(StandardScaler(), SVC()).fit(X, y)
    pairs = score_pairs(whole, X[:9])
    np.testing.assert_allclose(pairs, score_pairs(whole[-1], whole[0].transform(X[:9])))


@pytest.mark.parametrize("kernel", ["rbf", "linear", "poly"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_of_pairs_are_those_of_scikit_learn(kernel, dtype, monkeypatch):
    monkeypatch.setattr(pairs_module, "_BYTES", 40_000)  # in several parts
    X, y = load_digits(n_class=5, return_X_y=True)
    svm = SVC(kernel=kernel, decision_function_shape="ovo").fit(X[::4], y[::4])
    expected = svm.decision_function(X)
    got = score_pairs(svm.set_params(decision_function_shape="ovr"), X.astype(dtype))
    np.testing.assert_allclose(
        got, expected, atol=1e-3 if dtype == np.float32 else 1e-9
    )
    if kernel == "rbf":
        assert score_pairs(svm, X[:0].astype(dtype)).shape == (0, 10)


def test_what_is_wrong_is_less_sure_than_votes_tell():
    rng = np.random.default_rng(0)
    X, y = load_digits(return_X_y=True)
    X = (X + rng.normal(scale=6, size=X.shape)).astype(np.float32)
    svm = make_classifier("svm", n_features=64, n_images=900).fit(X[:900], y[:900])
    labels, sure = predict_with_confidence(svm, X[900:])
    np.testing.assert_array_equal(labels, svm.predict(X[900:]))
    right = labels == y[900:]
    votes = svm.decision_function(X[900:]).max(axis=1)
    assert roc_auc_score(right, sure) > max(0.8, roc_auc_score(right, votes) + 0.02)
