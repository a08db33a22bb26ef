"""Confidence intervals of parts of a whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest


def wilson(right: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """Give the 95 % interval of each part, after Wilson [1]_.

    Parameters
    ----------
    right, n : array-like of int, shape (k,) or ()
        How many of how many, at least one.

    Returns
    -------
    ndarray of float64, shape (2, k) or (2,)
        Lower and upper ends, in [0, 1].

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical
       inference", Journal of the American Statistical Association 22 (1927).

    Examples
    --------
    >>> wilson([9, 0], [10, 10]).round(3)
    array([[0.596, 0.   ],
           [0.982, 0.278]])
    """
    counts = np.stack(np.broadcast_arrays(right, n), axis=-1)
    ends = [
        binomtest(int(k), int(of)).proportion_ci(0.95, "wilson")
        for k, of in counts.reshape(-1, 2)
    ]
    return np.array(ends).T.reshape(2, *counts.shape[:-1])
