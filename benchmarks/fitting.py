"""Fitting a classifier of featx, against the same one of stock scikit-learn."""

from __future__ import annotations

from sklearn.base import ClassifierMixin
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import synthetic
from benchmarks.measure import Done, Work
from featx import make_classifier

FULL = {"n_images": 50_000, "n_test": 10_000, "n_features": 512}
QUICK = {"n_images": 400, "n_test": 100, "n_features": 16}


def ours(name: str, n_images: int, n_test: int, n_features: int) -> Work:
    """Fit and score what `make_classifier` builds."""
    built = make_classifier(name, n_features=n_features, n_images=n_images)
    return _fitting(built, n_images, n_test, n_features)


def stock(model: ClassifierMixin, n_images: int, n_test: int, n_features: int) -> Work:
    """Fit and score scikit-learn's own, as its user guide does, after scaling."""
    built = make_pipeline(StandardScaler(), model)
    return _fitting(built, n_images, n_test, n_features)


def _fitting(built: Pipeline, n_images: int, n_test: int, n_features: int) -> Work:
    X, y = synthetic.features(n_images, n_features, seed=0)
    X_test, y_test = synthetic.features(n_test, n_features, seed=1)
    built.fit(X[:400], y[:400])

    def work() -> Done:
        built.fit(X, y)
        return Done(n_images, 100 * float(built.score(X_test, y_test)))

    return work
