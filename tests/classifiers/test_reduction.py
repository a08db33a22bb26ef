import numpy as np
import pytest

from featx import make_classifier
from featx.classifiers import SharedReduction, WhitenedPCA

N, WIDE = 90, 8500


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    y = np.arange(N) % 3
    X = rng.normal(size=(N, WIDE)).astype(np.float32)
    X[:, :200] += y[:, None]
    return X, y


def make(name, **params):
    return make_classifier(name, n_features=WIDE, n_images=N).set_params(**params)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_classifier_ends_as_if_fitted_alone(features, monkeypatch):
    X, y = features
    fits = []
    fit = WhitenedPCA.fit
    monkeypatch.setattr(
        WhitenedPCA, "fit", lambda self, *data: fits.append(1) or fit(self, *data)
    )
    shared = SharedReduction()
    for name in ("svm", "linear-svm", "kernel-ridge", "knn"):
        together, alone = make(name), make(name)
        shared.fit(together, X, y)
        assert len(fits) == 1
        alone.fit(X, y)
        fits.pop()
        assert np.array_equal(together.predict(X), alone.predict(X)), name
        assert list(together.named_steps) == list(alone.named_steps)
        assert together.n_features_in_ == WIDE
        fits[:] = [1]
    assert shared.seconds_saved > 0


def test_other_settings_are_another_reduction(features):
    X, y = features
    shared = SharedReduction()
    few, many = make("svm", pca__n_components=5), make("svm")
    shared.fit(few, X, y)
    shared.fit(many, X, y)
    assert (len(few["pca"].scale_), len(many["pca"].scale_)) == (5, N)
    assert shared.seconds_saved == 0
