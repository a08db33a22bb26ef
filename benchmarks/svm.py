"""Fitting and scoring `svm`, against stock scikit-learn with the same settings."""

from __future__ import annotations

from functools import partial

from sklearn.svm import SVC

from benchmarks import fitting
from benchmarks.measure import Work

SAYS = "fitting and scoring svm on 50,000 x 512 against stock scikit-learn"
UNIT = "rows"
BAR = 3.0
AGREE, RELATIVE = 0.3, False  # points of accuracy
FULL, QUICK = fitting.FULL, fitting.QUICK
ours = partial(fitting.ours, "svm")


def plain(n_images: int, n_test: int, n_features: int) -> Work:
    """Fit and score scikit-learn's SVC."""
    return fitting.stock(SVC(C=3.0), n_images, n_test, n_features)
