"""Fitting and scoring `logreg`, against scikit-learn's with the same penalty.

Both minimize the same objective. scikit-learn's solver, L-BFGS, stops at its own default
tolerance, which bounds the gradient; ours bounds how much a step still changes the
objective. So the two stop near the minimum, not at the same place, and accuracies must
agree within 0.3 points.
"""

from __future__ import annotations

from functools import partial

from sklearn.linear_model import LogisticRegression

from benchmarks import fitting
from benchmarks.measure import Work

SAYS = "fitting and scoring logreg on 50,000 x 512 against stock scikit-learn"
UNIT = "rows"
BAR = 3.0
AGREE, RELATIVE = 0.3, False  # points of accuracy
FULL, QUICK = fitting.FULL, fitting.QUICK
ours = partial(fitting.ours, "logreg")


def plain(n_images: int, n_test: int, n_features: int) -> Work:
    """Fit and score scikit-learn's LogisticRegression."""
    model = LogisticRegression(C=50 / n_images, max_iter=300)
    return fitting.stock(model, n_images, n_test, n_features)
