"""How near the nearest neighbor is, against what chance alone would bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

CHANCE = 1e-3
_N_NEIGHBORS = 64
_MOST_TOLD = 500  # points whose neighbors say how they lie
_ROUNDING = 1e-4  # features of equal images differ by less


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
    dimension = _dimension(middle[apart], far[apart], k)
    ratio = np.divide(first, far, out=np.ones_like(far), where=far > 0)
    return Nearest(rows[:, 0], first, k * ratio**dimension)


@dataclass(frozen=True, eq=False)
class CopyDistance:
    """How near another point must be to be a copy, rather than a neighbor by chance.

    Parameters
    ----------
    points : ndarray of float32, shape (n, n_features)
        The points, of variance one along each direction.
    ratio : float
        The distance of a copy, in distances to the last of some neighbors.
    """

    points: NDArray[np.float32]
    ratio: float

    @classmethod
    def of(cls, points: NDArray[np.float32]) -> Self:
        """Estimate it from neighbors of some of the points, as `nearest` does.

        Examples
        --------
        >>> points = np.random.default_rng(0).normal(size=(400, 8)).astype(np.float32)
        >>> near = CopyDistance.of(points)
        >>> distances = np.linalg.norm(points[1:] - points[0], axis=1)
        >>> bool(near.around(points[:1])[0] < distances.min())
        True
        """
        k = min(_N_NEIGHBORS, (len(points) - 1) // 2)
        if k < 4:
            return cls(points, 0)
        some = points[:: -(-len(points) // _MOST_TOLD)]
        search = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(points)
        distances, _ = search.kneighbors(some)  # the first is the point itself
        middle, far = distances[:, k // 2], distances[:, k]
        apart = middle > 0
        if not apart.any():
            return cls(points, 0)
        dimension = _dimension(middle[apart], far[apart], k)
        return cls(points, float((CHANCE / k) ** (1 / dimension)))

    def around(self, some: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give for some points (m, n_features) the distance within which others are copies.

        All distances from them to `points` are held at once.
        """
        if not self.ratio:
            return np.full(len(some), _ROUNDING)
        k = min(_N_NEIGHBORS, (len(self.points) - 1) // 2)
        distances = euclidean_distances(some, self.points)
        distances.partition(k, axis=1)
        return np.maximum(_ROUNDING, self.ratio * distances[:, k].astype(float))


def _dimension(middle: NDArray[np.float64], far: NDArray[np.float64], k: int) -> float:
    """Estimate in how many dimensions points lie, from the k // 2-th and k-th neighbors."""
    growth = float(np.median(far / middle))
    return float(np.log(k / (k // 2)) / np.log(max(growth, 1 + 1e-6)))
