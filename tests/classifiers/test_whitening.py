import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import parametrize_with_checks

from featx.classifiers import WhitenedPCA, make_classifier
from featx.errors import ParameterError


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([WhitenedPCA()])
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_strong_components_become_equal_and_weak_ones_stay_weak():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 4)) * [30, 5, 1, 0.01]
    scaled = WhitenedPCA(floor=1.0).fit_transform(X)
    assert scaled.var(axis=0).mean() == pytest.approx(1, rel=0.01)
    spread = scaled.std(axis=0) / scaled.std(axis=0)[0]
    assert spread[:2] == pytest.approx([1, 1], abs=0.05)
    assert spread[2] == pytest.approx(1 / np.sqrt(2), abs=0.05)
    assert spread[3] == pytest.approx(0.01, rel=0.05)


def test_a_signal_behind_strong_components_is_found():
    rng = np.random.default_rng(0)
    y = np.arange(1200) % 2
    X = rng.normal(size=(1200, 1100)).astype(np.float32)
    X += 30 * rng.normal(size=(1200, 1))  # what all features share
    X[:, :40] += 1.5 * y[:, None]
    scores = {}
    for floor in ("auto", np.inf):
        svm = make_classifier("svm", n_features=1100, n_images=600)
        svm.set_params(pca__floor=floor)
        scores[floor] = svm.fit(X[:600], y[:600]).score(X[600:], y[600:])
        assert svm.named_steps["pca"].floor_ == (np.inf if floor == np.inf else 3.0)
    assert scores["auto"] > 0.9
    assert scores["auto"] > scores[np.inf]


def test_components_that_matter_by_their_size_are_left_as_they_are():
    rng = np.random.default_rng(0)
    y = np.arange(900) % 3
    X = rng.normal(size=(900, 200))
    X[:, :2] = 40 * np.array([[0, 0], [1, 0], [0, 1]])[y] + rng.normal(0, 8, (900, 2))
    assert WhitenedPCA(random_state=0).fit(X, y).floor_ > 3


def test_without_labels_nothing_is_chosen():
    X = np.random.default_rng(0).normal(size=(60, 5)) * [9, 1, 1, 1, 1]
    plain = WhitenedPCA().fit(X)
    assert plain.floor_ == np.inf
    spread = plain.transform(X).std(axis=0)
    assert spread[0] / spread[1:].mean() == pytest.approx(9, rel=0.3)


def test_a_floor_of_nought_is_refused():
    with pytest.raises(ParameterError, match="floor=0"):
        WhitenedPCA(floor=0).fit(np.eye(3))


@pytest.mark.parametrize("shape", [(30, 200), (60, 61), (61, 60), (2, 9)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_rows_have_the_components_of_scikit_learn(shape, dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=shape) * np.arange(1, shape[1] + 1)).astype(dtype) + 5
    ours = WhitenedPCA(floor=np.inf).fit(X).pca_
    theirs = PCA(min(shape), svd_solver="full").fit(X.astype(np.float64))
    n = min(shape[0] - 1, shape[1])  # the variance of any other is rounding
    np.testing.assert_allclose(
        ours.explained_variance_[:n], theirs.explained_variance_[:n], rtol=1e-3
    )
    np.testing.assert_allclose(ours.mean_, theirs.mean_, rtol=1e-4)
    assert ours.n_features_in_ == shape[1] and ours.components_.dtype == dtype
    new = rng.normal(size=(5, shape[1])).astype(dtype)
    np.testing.assert_allclose(
        np.abs(ours.transform(new)[:, :n]),
        np.abs(theirs.transform(new)[:, :n]),
        rtol=1e-2,
        atol=1e-2 * np.abs(theirs.transform(new)).max(),
    )
