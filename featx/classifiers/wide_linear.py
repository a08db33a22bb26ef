"""Linear classifiers of many dense features: a base that two losses share."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from featx.classifiers.blocks import Blocks
from featx.classifiers.ridge import (
    Array,
    InBlocks,
    InMemory,
    Ridge,
    Rows,
    power,
    product,
)
from featx.errors import ParameterError


class WideLinearClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A linear classifier that is found by ridge regressions sharing one factor.

    A subclass says what its loss is. Rows of data are centered and multiplied by the
    roots of their weights; `sides` (n, 1 or n_classes) are -1 and 1, `share` (n, 1) the
    weights as parts of their sum.
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
            Features, standardized as a rule.
        y : array-like, shape (n,)
            Labels, of two classes or more.

        Returns
        -------
        self : estimator
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
        rows = InMemory(data, product(share.T, data), root)
        return self._learn(rows, sides, share)

    def fit_blocks(self, blocks: Blocks, y: ArrayLike) -> Self:
        """Learn as `fit` does from features that are read block by block.

        Memory holds the Gram matrix of the features, a block, and some scores of every
        image; each step reads all blocks twice.

        Parameters
        ----------
        blocks : Blocks
            Features, standardized as a rule, of at least as many rows as columns.
        y : array-like, shape (n,)
            Labels, of two classes or more.

        Returns
        -------
        self : estimator
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
        center = np.zeros((1, blocks.shape[1]), np.float32)
        for rows, block in blocks:
            center += product(share[rows].T, block)
        return self._learn(InBlocks(blocks, center, root), sides, share)

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

    def _learn(self, data: Rows, sides: Array, share: Array) -> Self:
        weights, offset = self._solve(data, sides, share)
        self.coef_ = np.ascontiguousarray(weights.T)
        self.intercept_ = offset - product(data.center, weights)[0]
        return self

    def _solve(self, data: Rows, sides: Array, share: Array) -> tuple[Array, Array]:
        """Minimize over weights (n_features, k) and offsets (k,).

        By ridge regressions on targets whose squared distances bound the loss.
        """
        alpha = self._penalty(sides)
        ridge, root = Ridge(data, alpha), data.root
        scores = np.zeros(sides.shape, ridge.dtype)
        targets, objective, momentum = self._aim(sides, scores), np.inf, 1.0
        for step in range(1, self.max_iter + 1):
            offset = product(share.T, targets)[0]
            weights = ridge.solve((targets - offset) * root)
            before, scores = scores, data.dot(weights) / root + offset
            loss = self._loss(sides, scores, root)
            last, objective = objective, loss + alpha * power(weights)
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
            "Standardize the features, lower C, or raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=4,
        )

    def _penalty(self, sides: Array) -> float:
        """Return the weight of squared weights against squared distances to targets."""
        raise NotImplementedError

    def _aim(self, sides: Array, scores: Array) -> Array:
        """Give targets whose ridge regression lessens the objective from these scores."""
        raise NotImplementedError

    def _loss(self, sides: Array, scores: Array, root: Array) -> float:
        """Sum the losses of all rows, in the unit of squared distances to targets."""
        raise NotImplementedError

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
