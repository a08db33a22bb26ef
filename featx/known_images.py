"""Training images that a model remembers: which are most like a new one, and how like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

MOST_KNOWN = 50_000  # images that are remembered
N_COMPONENTS = 64  # of their features
_MOST_REDUCED = 10_000  # images that the components are found on
_MOST_USUAL = 2000  # images that say how far it is usually to the next ones
_N_NEAREST = 5  # whose mean distance says how like an image is to those that are known


class Neighbors(NamedTuple):
    """The known images that are nearest to others, the nearest first.

    Parameters
    ----------
    distances : ndarray of float32, shape (n, k)
        In the reduced features, whose variance along each direction is one.
    rows : ndarray of int64, shape (n, k)
        Which of the known images they are.
    """

    distances: NDArray[np.float32]
    rows: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class KnownImages:
    """Training images, by few numbers each.

    Parameters
    ----------
    mean, components : ndarray of float32, shapes (n_features,) and (n_features, k)
        Features -> few numbers, of variance one over the training images.
    points : ndarray of float32, shape (n, k)
        The images.
    labels : ndarray of int64, shape (n,)
        Their classes.
    ids : ndarray of str, shape (n,)
        Their names.
    usual : ndarray of float32, shape (m,)
        Of some of them, the mean distance to the nearest others.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    ids: NDArray[np.str_]
    usual: NDArray[np.float32]

    @classmethod
    def of(
        cls, X: Any, y: NDArray[np.int64], ids: NDArray[np.str_], *, seed: int = 0
    ) -> Self:
        """Remember training images.

        Parameters
        ----------
        X : ndarray or memmap of float32, shape (n, n_features)
            Their features; at least two images.
        y : ndarray of int64, shape (n,)
            Their classes.
        ids : ndarray of str, shape (n,)
            Their names.
        seed : int, default=0
            Of the choice of images, where there are more than 50,000.
        """
        rng = np.random.default_rng(seed)
        rows = _some(rng, len(y), MOST_KNOWN)
        some = np.asarray(X[_some(rng, len(y), _MOST_REDUCED)], np.float32)
        scale = some.std(axis=0)
        scale[scale < 1e-6 * max(float(scale.max()), 1e-30)] = 1
        mean = some.mean(axis=0)
        pca = PCA(min(N_COMPONENTS, len(some) - 1, some.shape[1]), random_state=seed)
        with np.errstate(invalid="ignore"):  # of constant features: a share of none
            pca.fit((some - mean) / scale)
        spread = np.sqrt(pca.explained_variance_)
        spread[spread < 1e-6 * max(float(spread.max()), 1e-30)] = np.inf
        components = (pca.components_ / spread[:, None] / scale).T.astype(np.float32)
        points = np.concatenate(
            [
                (np.asarray(X[part], np.float32) - mean) @ components
                for part in np.array_split(rows, max(1, len(rows) // 4096))
            ]
        )
        known = cls(
            mean, components, points, y[rows], ids[rows], np.empty(0, np.float32)
        )
        asked = points[_some(rng, len(points), _MOST_USUAL)]
        # the nearest of all is the image itself
        distances = known._nearest(asked, _N_NEAREST + 1).distances[:, 1:]
        usual = np.sort(distances.mean(axis=1)).astype(np.float32)
        return cls(mean, components, points, y[rows], ids[rows], usual)

    def nearest(self, features: NDArray[np.float32], k: int) -> Neighbors:
        """Find the k known images that are nearest to each of others (n, n_features)."""
        return self._nearest(self._reduced(features), k)

    def likeness(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Say of images (n, n_features) how many known ones are as far from the others.

        It is a conformal p-value [1]_, shape (n,): of images that are drawn as the known
        ones were, a share of at most t is at most t.

        References
        ----------
        .. [1] S. Bates, E. Candès, L. Lei, Y. Romano and M. Sesia, "Testing for outliers
           with conformal p-values", Annals of Statistics 51 (2023).
        """
        points = self._reduced(features)
        distances = self._nearest(points, _N_NEAREST).distances.mean(axis=1)
        as_far = len(self.usual) - np.searchsorted(self.usual, distances, side="left")
        return (1.0 + as_far) / (1 + len(self.usual))

    def _reduced(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return (np.asarray(features, np.float32) - self.mean) @ self.components

    def _nearest(self, points: NDArray[np.float32], k: int) -> Neighbors:
        k = min(k, len(self.points))
        if not len(points):
            return Neighbors(np.empty((0, k), np.float32), np.empty((0, k), np.int64))
        search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(self.points)
        return Neighbors(*search.kneighbors(points))


def _some(rng: np.random.Generator, n: int, most: int) -> NDArray[np.int64]:
    """Draw at most so many of n rows, in order."""
    return np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))
