"""WideLogisticRegression: logistic regression for many dense features."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, optimize
from scipy.special import expit

from featx.classifiers.ridge import Array, Rows, power, product
from featx.classifiers.wide_linear import WideLinearClassifier


class WideLogisticRegression(WideLinearClassifier):
    """Logistic regression for many dense features that are correlated.

    The problem of ``LogisticRegression``, for more than two classes all at once. Features
    of images are strongly correlated; the factorized Gram matrix takes that out of the
    problem, so that L-BFGS needs a fraction of the steps [1]_. Where there are more
    features than images it is solved as `WideLinearSVC` is: the loss bends nowhere more
    than a parabola that is known beforehand [2]_, so that each step is a ridge
    regression, and all of them share one factor.

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
    .. [1] J. Nocedal and S. J. Wright, "Numerical optimization", Springer 2006,
       chapter 7.
    .. [2] D. Böhning, "Multinomial logistic regression algorithm", Annals of the
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

    def _solve(self, data: Rows, sides: Array, share: Array) -> tuple[Array, Array]:
        if data.wide:
            return super()._solve(data, sides, share)
        objective = _Objective(data, sides, self._penalty(sides), self._bend(sides))
        # its first step has the length one: let that be the step of Newton
        start = np.zeros((data.n_features + 1) * sides.shape[1])
        slope = float(np.linalg.norm(objective(start)[1]))
        length = slope / objective.bend or 1.0

        def scaled(flat: Array) -> tuple[float, Array]:
            value, gradient = objective(length * flat)
            return value, length * gradient

        result = optimize.minimize(
            scaled,
            start,
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": self.max_iter,
                "maxfun": 20 * self.max_iter,
                "ftol": float(self.tol),
                "gtol": 0.0,
            },
        )
        self.n_iter_ = max(1, int(result.nit))
        if result.nit >= self.max_iter:
            self._warn()
        return objective.parts(length * result.x)

    def _bend(self, sides: Array) -> float:
        """Give the inverse of the most that the loss of one row bends."""
        return 4.0 if sides.shape[1] == 1 else 2.0

    def _penalty(self, sides: Array) -> float:
        return self._bend(sides) / float(self.C)

    def _aim(self, sides: Array, scores: Array) -> Array:
        missing = (sides + 1) / 2 - _outcome(sides, scores)[0]
        targets: Array = scores + self._bend(sides) * missing
        return targets

    def _loss(self, sides: Array, scores: Array, root: Array) -> float:
        return 2 * self._bend(sides) * _sum(_outcome(sides, scores)[1], root)


class _Objective:
    """Loss and penalty as a function of weights and offsets, scaled to bend alike.

    The factor of the Gram matrix, and `alpha` with it, takes the correlations of the
    features out.
    """

    def __init__(self, data: Rows, sides: Array, alpha: float, bend: float) -> None:
        self.data, self.sides, self.alpha = data, sides, alpha
        self.k = sides.shape[1]
        self.unit = 2 * bend  # of the loss, see `_loss`
        # at nought it bends alike for all rows and classes: there L-BFGS begins
        self.bend = self.unit / (4 if self.k == 1 else self.k)
        self.mass = float((data.root.astype(np.float64) ** 2).sum())
        gram = data.gram(data.dtype)
        diagonal = np.einsum("ii->i", gram)
        # at least what rounding may have taken from a singular one
        diagonal += 2 * alpha / self.bend
        diagonal += 10 * np.finfo(gram.dtype).eps * diagonal.sum()
        factor = linalg.cholesky(gram, lower=True, overwrite_a=True, check_finite=False)
        (invert,) = linalg.get_lapack_funcs(("trtri",), (factor,))
        self.inverse, _ = invert(factor, lower=True, overwrite_c=True)

    def parts(self, flat: Array) -> tuple[Array, Array]:
        """Weights (n_features, k) and offsets (k,)."""
        steps = flat.reshape(-1, self.k).astype(self.data.dtype)
        return product(self.inverse.T, steps[:-1]), steps[-1] / math.sqrt(self.mass)

    def __call__(self, flat: Array) -> tuple[float, Array]:
        """Visit every row once: its score, its loss and its part of the slope."""
        data, sides, root = self.data, self.sides, self.data.root
        weights, offset = self.parts(flat)
        value = self.alpha * power(weights)
        slope, tilt = 2 * self.alpha * weights, np.zeros(self.k)
        for rows, block in data:
            scores = product(block, weights) / root[rows] + offset
            expected, losses = _outcome(sides[rows], scores)
            expected -= (sides[rows] + 1) / 2
            expected *= self.unit * root[rows]
            value += self.unit * _sum(losses, root[rows])
            slope += product(block.T, expected)
            tilt += (expected * root[rows]).sum(0)
        gradient = np.empty((len(flat) // self.k, self.k))
        gradient[:-1] = product(self.inverse, slope)
        gradient[-1] = tilt / math.sqrt(self.mass)
        return value, gradient.ravel()


def _sum(losses: Array, root: Array) -> float:
    """Sum the losses (n, 1), each by its weight, in double precision."""
    return float((losses * root**2).sum(dtype=np.float64))


def _outcome(sides: Array, scores: Array) -> tuple[Array, Array]:
    """Probabilities (n, k), or of the second of two classes (n, 1), and losses (n, 1)."""
    if sides.shape[1] == 1:
        return expit(scores), np.logaddexp(0, -sides * scores)
    probable, logarithms = _softmax(scores)
    own = np.einsum("ij,ij->i", (sides + 1) / 2, scores)[:, None]
    return probable, logarithms - own


def _softmax(scores: Array) -> tuple[Array, Array]:
    """Probabilities (n, k) and the logarithms (n, 1) of what they were divided by."""
    rows = np.ascontiguousarray(scores.T)  # numpy sums ten long rows faster
    most = rows.max(axis=0)
    rows -= most
    np.exp(rows, out=rows)
    total = rows.sum(axis=0)
    rows /= total
    return rows.T, (most + np.log(total))[:, None]
