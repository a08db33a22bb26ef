"""Confidence intervals of proportions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

_Z = float(ndtri(0.975))


def wilson(right: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """Return the ends of each proportion's 95 % interval, shape (2, k) or (2,) [1]_.

    `right` of `n`, each of shape (k,) or (), need not be whole: means over seeds are not.

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
    right, n = np.broadcast_arrays(np.asarray(right, float), np.asarray(n, float))
    share = right / n
    middle = share + _Z**2 / (2 * n)
    reach = _Z * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    low, high = np.array([middle - reach, middle + reach]) / (1 + _Z**2 / n)
    # exactly 0 and 1, which rounding would miss
    return np.stack([np.where(right == 0, 0, low), np.where(right == n, 1, high)])


def interval_of_mean(right: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the ends of the 95 % interval of an accuracy over seeds.

    The test images are the units. It is Wilson's interval with an effective number of
    images [1]_: the number of single predictions whose mean would have the same variance
    as the mean over images and seeds. For one seed, or seeds that all predict the same, it
    is Wilson's interval. `right` has shape (n_seeds, n_test).

    References
    ----------
    .. [1] E. L. Korn and B. I. Graubard, "Confidence intervals for proportions with
       small expected number of positive counts estimated from survey data", Survey
       Methodology 24 (1998).

    Examples
    --------
    >>> import numpy as np
    >>> once = np.arange(10)[None] < 9
    >>> tuple(round(end, 3) for end in interval_of_mean(np.repeat(once, 3, axis=0)))
    (0.596, 0.982)
    """
    n_seeds, n = right.shape
    shares = right.mean(axis=0)
    mean = float(shares.mean())
    variance = mean * (1 - mean)  # of an image predicted once
    weight = 1.0  # of an image under all seeds, in images predicted once
    if variance:
        weight = variance / max(float(shares.var()), variance / n_seeds)
    low, high = wilson(mean * weight * n, weight * n)
    return float(low), float(high)
