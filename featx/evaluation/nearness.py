"""How near the nearest neighbor is, against what chance alone would bring."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

CHANCE = 1e-3
_N_NEIGHBORS = 64


class Nearest(NamedTuple):
    """The nearest training row of each test row.

    Parameters
    ----------
    rows : ndarray of int64, shape (n_test,)
        Its place.
    distances : ndarray of float, shape (n_test,)
        How far it is.
    by_chance : ndarray of float, shape (n_test,)
        How many rows chance alone would bring as near, see `nearest`.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]
    by_chance: NDArray[np.float64]


def nearest(train: NDArray[np.float32], test: NDArray[np.float32]) -> Nearest | None:
    """Find the nearest training row of each test row, and how unlikely it is so near.

    How near chance alone would bring it is estimated from the farther neighbors, which a
    few copies cannot move: in a space of m dimensions, the number of rows within a distance
    grows with its m-th power, and m follows from the distances to the 32nd and the 64th
    neighbor [1]_.

    Returns
    -------
    Nearest or None
        None where there are fewer than eight training rows, or all are alike.

    References
    ----------
    .. [1] E. Levina and P. J. Bickel, "Maximum likelihood estimation of intrinsic
       dimension", NIPS (2004).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> train, test = rng.normal(size=(200, 8)), rng.normal(size=(5, 8))
    >>> test[3] = train[17] + 0.05
    >>> found = nearest(train, test)
    >>> np.flatnonzero(found.by_chance < CHANCE), int(found.rows[3])
    (array([3]), 17)
    """
    k = min(_N_NEIGHBORS, len(train) // 2)
    if k < 4:
        return None
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(train)
    distances, rows = search.kneighbors(test)
    first, middle, far = distances[:, 0], distances[:, k // 2 - 1], distances[:, -1]
    apart = middle > 0
    if not apart.any():
        return None
    growth = float(np.median(far[apart] / middle[apart]))
    dimension = np.log(k / (k // 2)) / np.log(max(growth, 1 + 1e-6))
    ratio = np.divide(first, far, out=np.ones_like(far), where=far > 0)
    return Nearest(rows[:, 0], first, k * ratio**dimension)
