import numpy as np
import pytest
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
    spread = WhitenedPCA().fit_transform(X).std(axis=0)
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
    for floor in (1.0, 1e9):  # a huge floor leaves the components as they are
        svm = make_classifier("svm", n_features=1100, n_images=600)
        svm.set_params(pca__floor=floor)
        scores[floor] = svm.fit(X[:600], y[:600]).score(X[600:], y[600:])
    assert scores[1.0] > 0.9
    assert scores[1.0] > scores[1e9]


def test_a_floor_of_nought_is_refused():
    with pytest.raises(ParameterError, match="floor=0"):
        WhitenedPCA(floor=0).fit(np.eye(3))
