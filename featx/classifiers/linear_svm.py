"""WideLinearSVC: a linear support vector machine for many dense features."""

from __future__ import annotations

import numpy as np

from featx.classifiers.ridge import Array, power
from featx.classifiers.wide_linear import WideLinearClassifier


class WideLinearSVC(WideLinearClassifier):
    """Linear support vector machine (squared hinge loss) for many dense features.

    The problem of ``LinearSVC``, one class against the rest, with an intercept that is
    not penalized. Where that visits the images one by one, this solves a sequence of
    ridge regressions: what a class score should be is -1 or 1, but a score beyond that
    is right already and is left where it is. All of them, for all classes, share one
    factorized Gram matrix, of the features or of the images, whichever are fewer; each
    costs two passes over the data. A few dozen suffice with Nesterov's acceleration [1]_.

    Parameters
    ----------
    C : float, default=1.0
        Weight of the losses against half the squared norm of the weights.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in ``LinearSVC``.
    tol : float, default=1e-3
        Stop when a step changes the objective by no more than this part of it.
    max_iter : int, default=100
        Most steps.
    copy_X : bool, default=True
        If false, `fit` may overwrite X.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    coef_ : ndarray of shape (n_classes, n_features)
        Weights; one row if there are two classes.
    intercept_ : ndarray of shape (n_classes,)
        Intercepts; one if there are two classes.
    n_iter_ : int
        Steps.
    n_features_in_ : int
        Number of features.

    References
    ----------
    .. [1] A. Beck and M. Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm for
       Linear Inverse Problems", SIAM Journal on Imaging Sciences 2 (2009).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> X, y = load_iris(return_X_y=True)
    >>> WideLinearSVC().fit(scale(X), y).score(scale(X), y) > 0.9
    True
    """

    def _penalty(self, sides: Array) -> float:
        return 1 / (2 * float(self.C))

    def _aim(self, sides: Array, scores: Array) -> Array:
        targets: Array = scores + sides * np.maximum(1 - sides * scores, 0)
        return targets

    def _loss(self, sides: Array, scores: Array, root: Array) -> float:
        return power(np.maximum(1 - sides * scores, 0) * root)
