"""WideLinearSVC: a linear support vector machine for many dense features."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from featx.classifiers.blocks import Blocks
from featx.errors import ParameterError

Array = NDArray[Any]

_BYTES = 4 * 2**20  # of rows at a time: what a processor's cache can hold


class WideLinearSVC(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Linear support vector machine (squared hinge loss) for many dense features.

    The problem of ``LinearSVC``, one class against the rest, with an intercept that is
    not penalised. Where that visits the images one by one, this solves a sequence of
    ridge regressions: what a class score should be is -1 or 1, but a score beyond that
    is right already and is left where it is. All of them, for all classes, share one
    factorised Gram matrix, of the features or of the images, whichever are fewer; each
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

    classes_: Array
    coef_: Array
    intercept_: Array

    def __init__(
        self,
        C: float = 1.0,
        *,
        class_weight: dict[Any, float] | str | None = None,
        tol: float = 1e-3,
        max_iter: int = 100,
        copy_X: bool = True,
    ) -> None:
        self.C = C
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.copy_X = copy_X

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn weights and intercepts.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Features, standardised as a rule.
        y : array-like, shape (n,)
            Labels, of two classes or more.

        Returns
        -------
        self : WideLinearSVC
            Fitted.

        Raises
        ------
        ValueError
            If X, y or a parameter cannot be used.
        """
        self._check()
        data, labels = validate_data(
            self, X, y, dtype=[np.float64, np.float32], order="C", copy=self.copy_X
        )
        sides, root, share = self._targets(labels, data.dtype)
        centre = product(share.T, data)
        return self._learn(_Whole(data, centre, root), sides, root, share, centre)

    def fit_blocks(self, blocks: Blocks, y: ArrayLike) -> Self:
        """Learn as `fit` does from features that are read block by block.

        Memory holds the Gram matrix of the features, a block, and some scores of every
        image; each step reads all blocks twice.

        Parameters
        ----------
        blocks : Blocks
            Features, standardised as a rule, of at least as many rows as columns.
        y : array-like, shape (n,)
            Labels, of two classes or more.

        Returns
        -------
        self : WideLinearSVC
            Fitted.

        Raises
        ------
        ValueError
            If y or a parameter cannot be used.
        """
        self._check()
        self.n_features_in_ = blocks.shape[1]
        labels = np.asarray(y)
        sides, root, share = self._targets(labels, np.dtype(np.float32))
        centre = np.zeros((1, blocks.shape[1]), np.float32)
        for rows, block in blocks:
            centre += product(share[rows].T, block)
        return self._learn(_InBlocks(blocks, centre, root), sides, root, share, centre)

    def _check(self) -> None:
        for name in ("C", "tol"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Real) or not 0 < float(value) < math.inf:
                raise ParameterError(
                    f"Got {name}={value!r}, but expected a number above 0."
                )
        if not isinstance(self.max_iter, numbers.Integral) or int(self.max_iter) < 1:
            raise ParameterError(
                f"Got max_iter={self.max_iter!r}, but expected a whole number above 0."
            )

    def _targets(self, labels: Array, dtype: Any) -> tuple[Array, Array, Array]:
        """Sides (n, 1 or n_classes) of -1 and 1; roots and shares (n, 1) of weights."""
        check_classification_targets(labels)
        binarizer = LabelBinarizer(neg_label=-1, pos_label=1).fit(labels)
        self.classes_ = binarizer.classes_
        if len(self.classes_) < 2:
            raise ParameterError(
                f"Got one class, {self.classes_.tolist()[0]!r}, but at least two are "
                "needed to tell them apart."
            )
        sides = binarizer.transform(labels).astype(dtype)  # (n, 1 or n_classes)
        weight = compute_sample_weight(self.class_weight, labels)[:, None]
        if not (weight > 0).all():
            raise ParameterError(
                f"Got class_weight={self.class_weight!r}, but expected weights above 0. "
                "Leave out the images of a class that does not count."
            )
        share = (weight / weight.sum()).astype(dtype)
        root = np.sqrt(weight).astype(dtype)
        return sides, root, share

    def _learn(
        self,
        data: _Whole | _InBlocks,
        sides: Array,
        root: Array,
        share: Array,
        centre: Array,
    ) -> Self:
        weights, offset = self._solve(data, sides, root, share)
        self.coef_ = np.ascontiguousarray(weights.T)
        self.intercept_ = offset - product(centre, weights)[0]
        return self

    def _solve(
        self, data: _Whole | _InBlocks, sides: Array, root: Array, share: Array
    ) -> Any:
        """Minimise over weights (n_features, k) and offsets (k,).

        Rows of data are centred and multiplied by the roots of their weights.
        """
        alpha = self._penalty(sides)
        ridge = _Ridge(data, alpha)
        scores = np.zeros(sides.shape, ridge.dtype)
        targets, objective, momentum = self._aim(sides, scores), np.inf, 1.0
        for step in range(1, self.max_iter + 1):
            offset = product(share.T, targets)[0]
            weights = ridge.solve((targets - offset) * root)
            before, scores = scores, data.dot(weights) / root + offset
            loss = self._loss(sides, scores, root)
            last, objective = objective, loss + alpha * _power(weights)
            if abs(last - objective) <= self.tol * objective:
                break
            # too far ahead: begin again from here, as at the first step
            previous = 0.0 if objective > last or step == 1 else momentum
            momentum = (1 + math.sqrt(1 + 4 * previous**2)) / 2
            ahead = scores + max(previous - 1, 0) / momentum * (scores - before)
            targets = self._aim(sides, ahead)
        else:
            self._warn()
        self.n_iter_ = step
        return weights, offset

    def _warn(self) -> None:
        warnings.warn(
            f"Stopped after max_iter={self.max_iter} steps, short of tol={self.tol}. "
            "Standardise the features, lower C, or raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=4,
        )

    def _penalty(self, sides: Array) -> float:
        """Return the weight of squared weights against squared distances to targets."""
        return 1 / (2 * float(self.C))

    def _aim(self, sides: Array, scores: Array) -> Array:
        """Give targets whose ridge regression lessens the objective from these scores."""
        targets: Array = scores + sides * np.maximum(1 - sides * scores, 0)
        return targets

    def _loss(self, sides: Array, scores: Array, root: Array) -> float:
        """Sum the losses of all rows, in the unit of squared distances to targets."""
        return _power(np.maximum(1 - sides * scores, 0) * root)

    def decision_function(self, X: ArrayLike) -> Array:
        """Score images: the higher, the more like the class.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Features like those seen in `fit`.

        Returns
        -------
        ndarray, shape (n, n_classes), or (n,) for two classes
            Above nought on the side of the class (of the second one of two).
        """
        check_is_fitted(self)
        data = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        scores: Array = data @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> Array:
        """Name the class with the highest score.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Features like those seen in `fit`.

        Returns
        -------
        ndarray, shape (n,)
            Labels.
        """
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        labels: Array = self.classes_[best]
        return labels


class _Whole:
    """Rows in memory (n, p), centred and weighted in place."""

    def __init__(self, data: Array, centre: Array, root: Array) -> None:
        self.data = data
        self.dtype = data.dtype
        self.n_features = data.shape[1]
        self.wide = data.shape[1] > data.shape[0]
        for rows, block in self:
            block -= centre
            block *= root[rows]

    def __iter__(self) -> Iterator[tuple[slice, Array]]:
        """Give slices of rows and the rows, as many as a cache holds."""
        size = max(1, _BYTES // self.data[0].nbytes)
        for start in range(0, len(self.data), size):
            rows = slice(start, start + size)
            yield rows, self.data[rows]

    def gram(self, dtype: Any) -> Array:
        """Lower triangle of the smaller Gram matrix."""
        data = self.data.astype(dtype, copy=False)
        (syrk,) = linalg.get_blas_funcs(("syrk",), (data,))
        gram: Array = syrk(1.0, data.T, trans=self.wide, lower=True)
        return gram

    def dot(self, weights: Array) -> Array:
        """Scores (n, k) of weights (p, k)."""
        return product(self.data, weights)

    def dot_transposed(self, targets: Array) -> Array:
        """Sum of the rows (p, k), each times its targets (n, k)."""
        return product(self.data.T, targets)


class _InBlocks:
    """The same of rows that are read block by block."""

    wide = False

    def __init__(self, blocks: Blocks, centre: Array, root: Array) -> None:
        self.blocks, self.centre, self.root = blocks, centre, root
        self.dtype = np.dtype(np.float32)
        self.n_features = blocks.shape[1]

    def __iter__(self) -> Iterator[tuple[slice, Array]]:
        for rows, block in self.blocks:
            yield rows, (block - self.centre) * self.root[rows]

    def gram(self, dtype: Any) -> Array:
        p = self.blocks.shape[1]
        (syrk,) = linalg.get_blas_funcs(("syrk",), dtype=dtype)
        gram = np.zeros((p, p), dtype, order="F")
        for _, block in self:
            gram = syrk(
                *(1.0, block.astype(dtype, copy=False).T, 1.0, gram),
                lower=True,
                overwrite_c=True,
            )
        return gram

    def dot(self, weights: Array) -> Array:
        scores = np.empty((self.blocks.shape[0], weights.shape[1]), weights.dtype)
        for rows, block in self:
            scores[rows] = product(block, weights)
        return scores

    def dot_transposed(self, targets: Array) -> Array:
        found = np.zeros((self.blocks.shape[1], targets.shape[1]), targets.dtype)
        for rows, block in self:
            found += product(block.T, targets[rows])
        return found


class _Ridge:
    """Ridge regression on fixed data (n, p), for one set of targets after the other."""

    def __init__(self, data: _Whole | _InBlocks, alpha: float) -> None:
        self.data = data
        self.dtype = data.dtype
        try:
            self.factor = self._factorise(self.dtype, alpha)
        except linalg.LinAlgError:
            self.dtype = np.dtype(np.float64)
            try:
                self.factor = self._factorise(self.dtype, alpha)
            except linalg.LinAlgError as error:
                raise ParameterError(
                    "Got a C too large to solve for these data. Lower C."
                ) from error

    def _factorise(self, dtype: Any, alpha: float) -> Any:
        """Cholesky factor of the smaller Gram matrix, alpha added to its diagonal."""
        gram = self.data.gram(dtype)
        diagonal = np.einsum("ii->i", gram)
        diagonal += alpha
        factor = linalg.cho_factor(
            gram, lower=True, overwrite_a=True, check_finite=False
        )
        pivots = np.einsum("ii->i", factor[0]) ** 2
        if pivots.min() < 10 * np.finfo(dtype).eps * pivots.max():
            raise linalg.LinAlgError("what is left of a feature is rounding error")
        return factor

    def solve(self, targets: Array) -> Array:
        """Targets (n, k) -> weights (p, k)."""
        wide = self.data.wide
        right = targets if wide else self.data.dot_transposed(targets)
        found = linalg.cho_solve(self.factor, right, check_finite=False)
        weights: Array = self.data.dot_transposed(found) if wide else found
        return weights


def product(a: Array, b: Array) -> Array:
    """Multiply matrices by scipy's library, which the factors are made by, too.

    numpy brings threads of its own, and either's would wait for the other's.
    """
    (gemm,) = linalg.get_blas_funcs(("gemm",), (a, b))
    found: Array = gemm(1.0, b.T, a.T).T if a.flags.c_contiguous else gemm(1.0, a, b)
    return found


def _power(values: Array) -> float:
    """Sum of squares, in double precision."""
    return float(np.einsum("ij,ij->", values, values, dtype=np.float64))
