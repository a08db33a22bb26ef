"""Fitted estimators whose compiled code believes the lengths of their arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_soundness(estimator: Any) -> None:
    """Raise ValueError unless the arrays of a fitted estimator belong together.

    Most estimators compute with NumPy, which refuses what does not fit. Neighbors and
    support vectors are read by compiled code, which would read beyond them.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> knn = KNeighborsClassifier(1).fit([[0.0], [1.0]], [0, 1])
    >>> check_soundness(knn)
    >>> knn._fit_X = knn._fit_X[:0]
    >>> check_soundness(knn)
    Traceback (most recent call last):
    ValueError: _fit_X of KNeighborsClassifier has the shape (0, 1), but expected (2, 1)
    """
    width: Any = getattr(estimator, "n_features_in_", None)
    n_classes = len(getattr(estimator, "classes_", ()))
    if hasattr(estimator, "_fit_X"):
        n = estimator.n_samples_fit_
        _have_shape(estimator, (n, width), "_fit_X")
        if n < 1 or getattr(estimator, "n_neighbors", 1) > n:
            raise ValueError(f"{estimator.n_neighbors} neighbors of {n} images")
        if hasattr(estimator, "_y"):
            _have_shape(estimator, (n,), "_y")
            if not ((estimator._y >= 0) & (estimator._y < n_classes)).all():
                raise ValueError("neighbors of classes that are not there")
    if hasattr(estimator, "support_vectors_") and n_classes:
        n, pairs = len(estimator.support_), n_classes * (n_classes - 1) // 2
        _have_shape(estimator, (n, width), "support_vectors_")
        _have_shape(estimator, (n,), "support_")
        _have_shape(estimator, (n_classes,), "_n_support")
        _have_shape(estimator, (n_classes - 1, n), "dual_coef_", "_dual_coef_")
        _have_shape(estimator, (pairs,), "intercept_", "_intercept_")
        for name in ("_probA", "_probB"):
            if len(getattr(estimator, name)):
                _have_shape(estimator, (pairs,), name)
        if estimator._n_support.min() < 0 or estimator._n_support.sum() != n:
            raise ValueError("support vectors of classes that are not there")


def _have_shape(estimator: Any, shape: tuple[int, ...], *names: str) -> None:
    for name in names:
        actual = np.shape(getattr(estimator, name))
        if actual != shape:
            raise ValueError(
                f"{name} of {type(estimator).__name__} has the shape {actual}, but "
                f"expected {shape}"
            )
