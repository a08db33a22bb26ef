"""Training images that a model remembers: which are most like a new one, and how like."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

from featx.errors import DataError
from featx.memory_maps import take_rows

MOST_KNOWN = 50_000  # images that are remembered
N_COMPONENTS = 64  # of their features, at most one for ten images
_MOST_REDUCED = 10_000  # images that the components are found on
_MOST_VALUES = 2**27  # of their features
_AT_ONCE = 2**24  # values of features, and distances
_MOST_USUAL = 2000  # images that say how far it is usually to the next ones
_N_NEAREST = 5  # that say how like an image is to those that are known
_FLOOR = 1e-3  # of what an image usually has in all directions, added to what is left
_LEAST_APART = 0.01  # of the logarithm of that: less is rounding
_FEW = 0.05  # of images have more than what is usual in a respect

Rows = NDArray[np.int64]


class Neighbors(NamedTuple):
    """The known images that are nearest to others, the nearest first.

    Parameters
    ----------
    distances : ndarray of float64, shape (n, k)
        In the reduced features, whose variance along each direction is one.
    rows : ndarray of int64, shape (n, k)
        Which of the known images they are.
    """

    distances: NDArray[np.float64]
    rows: Rows


class Reduction(NamedTuple):
    """Features -> few numbers, of variance one over the training images.

    Parameters
    ----------
    mean, scale : ndarray of float32, shape (n_features,)
        Mean and standard deviation of each feature.
    components : ndarray of float32, shape (n_features, k)
        Directions of length one, at right angles.
    spread : ndarray of float32, shape (k,)
        Standard deviation along each; infinite where there is none.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    components: NDArray[np.float32]
    spread: NDArray[np.float32]

    def __call__(
        self, X: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Reduce features (n, n_features), and say how much is left in other directions.

        Returns
        -------
        points : ndarray of float32, shape (n, k)
            The few numbers.
        residuals : ndarray of float32, shape (n,)
            Logarithm of the sum of squares that is left.
        """
        features = (X - self.mean) / self.scale
        along = features @ self.components
        left = np.square(features).sum(axis=1) - np.square(along).sum(axis=1)
        residuals = np.log(np.maximum(left, 0) + _FLOOR * features.shape[1])
        points = along / self.spread
        return points.astype(np.float32), residuals.astype(np.float32)

    def of_rows(
        self, X: Any, rows: Rows
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Do so for some rows of an array or a file, not all in memory at once."""
        size = max(1, _AT_ONCE // X.shape[1])
        starts = range(0, len(rows), size)
        parts = [self(take_rows(X, rows[start : start + size])) for start in starts]
        points, residuals = map(np.concatenate, zip(*parts, strict=True))
        return points, residuals


@dataclass(frozen=True, eq=False)
class KnownImages:
    """Training images, by few numbers each.

    Parameters
    ----------
    mean, scale, components, spread : ndarray of float32
        See `Reduction`.
    points : ndarray of float32, shape (n, k)
        The images.
    residuals : ndarray of float32, shape (n,)
        What is left of each, likewise.
    labels : ndarray of int64, shape (n,)
        Their classes.
    ids : ndarray of str, shape (n,)
        Their names.
    middle, width : ndarray of float64, shape (2,)
        Of the mean distance to the nearest others, and of how far the residual is from the
        mean of theirs: the median, and how far above it few images are.
    usual : ndarray of float64, shape (m,)
        How unlike the others some of them are, which had no part in the components: how
        many widths above the middle in the respect that has more; from the smallest on.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    components: NDArray[np.float32]
    spread: NDArray[np.float32]
    points: NDArray[np.float32]
    residuals: NDArray[np.float32]
    labels: NDArray[np.int64]
    ids: NDArray[np.str_]
    middle: NDArray[np.float64]
    width: NDArray[np.float64]
    usual: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        X: Any,
        y: NDArray[np.int64],
        ids: NDArray[np.str_],
        *,
        groups: NDArray[np.int64] | None = None,
        seed: int = 0,
    ) -> Self:
        """Remember training images.

        Parameters
        ----------
        X : ndarray or memmap of float32, shape (n, n_features)
            Their features; at least two images.
        y : ndarray of int64, shape (n,)
            Their classes.
        ids : ndarray of str, shape (n,)
            Their names. Of a path that leaves the folder of the data the last part is kept.
        groups : ndarray of int64, shape (n,), optional
            What images have in common: the nearest others are looked for in other groups.
        seed : int, default=0
            Of the choice of images.
        """
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.permutation(len(y))[:MOST_KNOWN])
        own = rows if groups is None else groups[rows]
        if (own == own[0]).all():  # no image has others in another group
            own = rows
        units = rng.permutation(np.unique(own))
        is_apart = np.isin(own, units[: min(len(units) // 3, _MOST_USUAL)])
        reduce = reduction(X, rows[~is_apart], seed)
        points, residuals = reduce.of_rows(X, rows)
        names = np.array([inside(name) for name in ids[rows].tolist()])
        asked = np.flatnonzero(is_apart) if is_apart.any() else np.arange(len(rows))
        found = _usual(points, residuals, rng.permutation(asked)[:_MOST_USUAL], own)
        middle, high = np.quantile(found, [0.5, 1 - _FEW], axis=0)
        distance, apart = high - middle
        width = np.array([distance or 1.0, max(apart, _LEAST_APART)])
        usual = np.sort(((found - middle) / width).max(axis=1))
        return cls(*reduce, points, residuals, y[rows], names, middle, width, usual)

    def nearest(self, features: NDArray[np.float32], k: int) -> Neighbors:
        """Find the k known images that are nearest to each of others (n, n_features)."""
        return self._nearest(self.reduced(features), k)

    def _nearest(self, points: NDArray[np.float32], k: int) -> Neighbors:
        k = min(k, len(self.points))
        if not len(points):
            return Neighbors(np.empty((0, k)), np.empty((0, k), np.int64))
        search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(self.points)
        distances, rows = search.kneighbors(points)
        return Neighbors(distances.astype(float), rows)

    def likeness(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Say of images (n, n_features) what share of known ones is as unlike the others.

        Unlike is an image that is far from those that are nearest to it, or that has much
        more or much less than they have in the directions that are not looked at: a flat
        picture is near to many. It is a conformal p-value [1]_, shape (n,): of images that
        come as the known ones did, a share of about t has one of at most t; where fewer
        than 300 are known, up to half as many again have the least one.

        References
        ----------
        .. [1] S. Bates, E. Candès, L. Lei, Y. Romano and M. Sesia, "Testing for outliers
           with conformal p-values", Annals of Statistics 51 (2023).
        """
        points, residuals = self._reduced(features)
        near = self._nearest(points, _N_NEAREST)
        apart = np.abs(residuals - self.residuals[near.rows].mean(axis=1))
        found = np.stack([near.distances.mean(axis=1), apart], axis=1)
        unlike = ((found - self.middle) / self.width).max(axis=1)
        as_unlike = len(self.usual) - np.searchsorted(self.usual, unlike, side="left")
        return (1.0 + as_unlike) / (1 + len(self.usual))

    def reduced(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reduce features (n, n_features) to few numbers each, as those of the points."""
        return self._reduced(features)[0]

    def _reduced(
        self, features: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with np.errstate(all="ignore"):
            reduce = Reduction(self.mean, self.scale, self.components, self.spread)
            points, residuals = reduce(features)
        if not (np.isfinite(points).all() and np.isfinite(residuals).all()):
            raise DataError(
                "Got features that are NaN or infinite for some images, but expected "
                "numbers. Fit the model anew and save it."
            )
        return points, residuals


def reduction(X: Any, rows: Rows, seed: int) -> Reduction:
    """Find what makes few numbers of features, by some of the images."""
    most = min(_MOST_REDUCED, max(2, _MOST_VALUES // X.shape[1]))
    some = np.array(take_rows(X, rows[:: -(-len(rows) // most)]), np.float32)
    mean = some.mean(axis=0)
    some -= mean
    scale = some.std(axis=0)
    scale[scale < 1e-6 * max(float(scale.max()), 1e-30)] = 1
    some /= scale
    k = max(1, min(N_COMPONENTS, len(some) // 10, some.shape[1]))
    pca = PCA(k, copy=False, random_state=seed)
    with np.errstate(invalid="ignore"):  # of constant features: a share of none
        pca.fit(some)
    spread = np.sqrt(pca.explained_variance_).astype(np.float32)
    spread[spread < 1e-6 * max(float(spread.max()), 1e-30)] = np.inf
    components = np.ascontiguousarray(pca.components_.T, np.float32)
    return Reduction(mean, scale, components, spread)


def _usual(
    points: NDArray[np.float32],
    residuals: NDArray[np.float32],
    asked: Rows,
    own: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Say of some points how unlike the others, of other groups, they are."""
    found = []
    for part in np.array_split(asked, -(-len(asked) * len(points) // _AT_ONCE)):
        distances = euclidean_distances(points[part], points).astype(float)
        distances[own[part][:, None] == own] = np.inf
        k = min(_N_NEAREST, len(points))
        rows = np.argpartition(distances, k - 1, axis=1)[:, :k]
        near = np.take_along_axis(distances, rows, axis=1)
        kept = np.isfinite(near)
        distance, residual = (
            np.where(kept, values, 0).sum(axis=1) / kept.sum(axis=1)
            for values in (near, residuals[rows])
        )
        found.append(np.stack([distance, np.abs(residuals[part] - residual)], axis=1))
    return np.concatenate(found)


def inside(name: str) -> str:
    """Name an image that lies elsewhere without saying where.

    >>> inside("cats/1.png"), inside("/home/ada/1.png"), inside("../b/1.png")
    ('cats/1.png', '1.png', '1.png')
    """
    outside = os.path.isabs(name) or name.startswith("..")
    return os.path.basename(name) if outside else name
