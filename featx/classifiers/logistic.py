"""WideLogisticRegression: logistic regression for many dense features."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from featx.classifiers.linear_svm import Array, WideLinearSVC


class WideLogisticRegression(WideLinearSVC):
    """Logistic regression for many dense features, solved as `WideLinearSVC` is.

    The problem of ``LogisticRegression``, for more than two classes all at once. Its loss
    bends nowhere more than a parabola that is known beforehand [1]_, so that each step
    is a ridge regression, and all of them share one factorised Gram matrix. Features of
    images are strongly correlated, and the factor takes that out of the problem: where
    L-BFGS takes a hundred steps, this takes ten to thirty.

    Parameters
    ----------
    C : float, default=1.0
        Weight of the losses against half the squared norm of the weights.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in ``LogisticRegression``.
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
    .. [1] D. Böhning, "Multinomial logistic regression algorithm", Annals of the
       Institute of Statistical Mathematics 44 (1992).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> X, y = load_iris(return_X_y=True)
    >>> model = WideLogisticRegression().fit(scale(X), y)
    >>> model.predict_proba(scale(X)[:1]).argmax(axis=1)
    array([0])
    """

    def predict_proba(self, X: ArrayLike) -> Array:
        """Say how probable each class is.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Features like those seen in `fit`.

        Returns
        -------
        ndarray, shape (n, n_classes)
            Rows that sum to one.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.stack([expit(-scores), expit(scores)], axis=1)
        return np.ascontiguousarray(_softmax(scores)[0])

    def _penalty(self, sides: Array) -> float:
        # the second derivative of the loss is at most 1/2, of two classes 1/4
        return (4 if sides.shape[1] == 1 else 2) / float(self.C)

    def _aim(self, sides: Array, scores: Array) -> Array:
        right = (sides + 1) / 2
        targets: Array
        if sides.shape[1] == 1:
            targets = scores + 4 * (right - expit(scores))
        else:
            targets = scores + 2 * (right - _softmax(scores)[0])
        return targets

    def _loss(self, sides: Array, scores: Array, root: Array) -> float:
        if sides.shape[1] == 1:
            losses, unit = np.logaddexp(0, -sides * scores), 8
        else:
            own = np.einsum("ij,ij->i", (sides + 1) / 2, scores)[:, None]
            losses, unit = _softmax(scores)[1] - own, 4
        return unit * float((losses * root**2).sum(dtype=np.float64))


def _softmax(scores: Array) -> tuple[Array, Array]:
    """Probabilities (n, k) and the logarithms (n, 1) of what they were divided by."""
    rows = np.ascontiguousarray(scores.T)  # numpy sums ten long rows faster
    most = rows.max(axis=0)
    rows -= most
    np.exp(rows, out=rows)
    total = rows.sum(axis=0)
    rows /= total
    return rows.T, (most + np.log(total))[:, None]
