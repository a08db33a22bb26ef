"""Kernel values between rows, in the precision that the rows have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 2**22  # values, which stay near the processor


def rbf_values(X: NDArray[Any], Y: NDArray[Any], gamma: float) -> NDArray[Any]:
    """Compare rows by radial basis functions, as scikit-learn's `rbf_kernel` does.

    scikit-learn computes distances in float64 whatever the rows are, which takes several
    times as long. The exponent is good to some ``1e-6`` in float32, if the rows are no
    farther from nought than from each other.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n, d)
        Rows.
    Y : ndarray of the same dtype, shape (m, d)
        Other rows.
    gamma : float
        Factor of the squared distances.

    Returns
    -------
    ndarray of that dtype, shape (n, m)
        In [0, 1].

    Examples
    --------
    >>> rows = np.array([[0.0, 0.0], [3.0, 4.0]])
    >>> rbf_values(rows, rows, gamma=0.1).round(3)
    array([[1.   , 0.082],
           [0.082, 1.   ]])
    """
    values = np.empty((len(X), len(Y)), X.dtype)
    scaled, squares = 2 * gamma * X, gamma * (X**2).sum(axis=1, keepdims=True)
    others = gamma * (Y**2).sum(axis=1)
    size = max(1, _AT_ONCE // max(1, len(Y)))
    for start in range(0, len(X), size):
        here = slice(start, start + size)
        part = np.matmul(scaled[here], Y.T, out=values[here])
        part -= squares[here]
        part -= others
        np.minimum(part, 0, out=part)  # rounding can put it above
        np.exp(part, out=part)
    return values
