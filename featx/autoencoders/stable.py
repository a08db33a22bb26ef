"""The features that changed views of an image have in common, in closed form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.autoencoders.base import MOST_CHANNELS, Array, batches, check_number
from featx.memory_maps import take_rows

_MOST_VALUES = 2**28  # of codes that are held at once
_VIEWS = 10_000
_MOST_VIEWS = 10  # of one image
_AT_ONCE = 2**24  # values of images
_MOST_BASIS = 2000  # principal components of the codes, at most
_IMAGES_PER_FEATURE = 5


class Projection(NamedTuple):
    """Standardized code -> features, and back.

    Parameters
    ----------
    mean, scale : ndarray of float32, shape (n_code,)
        What standardizes the code.
    components : ndarray of float32, shape (n_code, n_features)
        Standardized code -> features.
    decoder : ndarray of float32, shape (n_features, n_code)
        Features -> standardized code.
    ratios : ndarray of float32, shape (n_features,)
        Variance between images, in units of that between views, of each direction.
    n_views : int
        Views of each image that were looked at.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    components: NDArray[np.float32]
    decoder: NDArray[np.float32]
    ratios: NDArray[np.float32]
    n_views: int


@dataclass(frozen=True)
class ViewStability:
    """Finds the directions of a code that differ between images but not between views.

    Parameters
    ----------
    encode : callable
        Images (n, h, w, c) -> code (n, n_code), float32.
    value_range : tuple of float
        Lowest and highest value of images.
    mirror : bool
        Mirror half of the views.
    n_components : int
        Directions to keep, at most.
    view_eps : float
        Added to the variance between views, in units of the variance of one value.
    n_images : int
        Images to learn from, at most.
    n_views : int or None
        Changed views of every image; None makes 10,000 in all, but at most ten of each.
    """

    encode: Callable[[Array], NDArray[np.float32]]
    value_range: tuple[float, float]
    mirror: bool
    n_components: int
    view_eps: float = 0.1
    n_images: int = 10_000
    n_views: int | None = None

    def learn(self, images: Array, rng: np.random.Generator) -> Projection:
        """Learn from images (n, h, w, c), n >= 2."""
        from scipy.linalg import eigh
        from sklearn.decomposition import PCA

        rows = self._rows(images, rng)
        codes = np.concatenate([self.encode(some) for some in _parts(images, rows)])
        mean = codes.mean(axis=0)
        spread = codes.std(axis=0)
        least = 1e-6 * max(float(np.abs(mean).max()), float(spread.max()))  # rounding
        scale = np.where(spread > least, spread, 1).astype(np.float32)
        codes -= mean
        codes /= scale
        n_basis = basis_size(len(rows), self.n_images, codes.shape[1])
        pca = PCA(n_basis, iterated_power=2, random_state=int(rng.integers(2**31)))
        with np.errstate(invalid="ignore"):  # of constant codes: a share of none
            scores = pca.fit_transform(codes)
        within = np.zeros((n_basis, n_basis))
        n_views = self.n_views or views_each(len(rows))
        for _ in range(n_views):
            views = self._views(images, rows, int(rng.integers(2**31)))
            start = 0
            for some in views:
                code = (self.encode(some) - mean) / scale
                change = pca.transform(code) - scores[start : start + len(some)]
                within += change.T @ change / (2 * len(rows) * n_views)
                start += len(some)
        within[np.diag_indices(n_basis)] += float(self.view_eps)
        variances, directions = eigh(_covariance(scores), within)
        k = min(self.n_components, n_basis)
        ratios = variances[::-1][:k].clip(0).astype(np.float32)
        rotation = np.linalg.qr(rng.normal(size=(k, k)))[0]
        power = max(float(ratios.mean()), 1e-12)
        chosen = directions[:, ::-1][:, :k] @ rotation
        components = pca.components_.T @ (chosen / np.sqrt(power))
        components = components.astype(np.float32)
        # least squares from features to codes, as directions' @ within @ directions = 1
        decoder = (np.sqrt(power) * (chosen.T @ within)) @ pca.components_
        decoder = decoder.astype(np.float32)
        return Projection(mean, scale, components, decoder, ratios, n_views)

    def _rows(self, images: Array, rng: np.random.Generator) -> NDArray[np.int64]:
        n_code = self.encode(images[:1]).shape[1]
        n = seen_images(len(images), self.n_images, n_code)
        if n == len(images):
            return np.arange(n)
        return np.sort(rng.choice(len(images), n, replace=False))

    def _views(
        self, images: Array, rows: NDArray[np.int64], seed: int
    ) -> Iterator[Array]:
        import torch

        from featx.autoencoders.tensors import to_tensor
        from featx.autoencoders.views import changed_views

        generator = torch.Generator().manual_seed(seed)
        for some in _parts(images, rows):
            yield changed_views(
                to_tensor(some),
                generator,
                mirror=self.mirror,
                value_range=self.value_range,
            ).numpy()


def _parts(images: Array, rows: NDArray[np.int64]) -> Iterator[Array]:
    """Yield some images at a time: what fits into memory beside their codes."""
    for part in batches(len(rows), max(1, _AT_ONCE // images[0].size)):
        yield take_rows(images, rows[part])


def same_length(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows (n, d) in place to mean square one: only their directions are kept.

    How far an image is from the mean says how much contrast it has, hardly what it shows.

    Examples
    --------
    >>> same_length(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)).round(2)
    array([[0.85, 1.13],
           [0.  , 0.  ]], dtype=float32)
    """
    power = np.mean(np.square(features), axis=1, keepdims=True)
    features /= np.sqrt(np.maximum(power, 1e-12))
    return features


def _covariance(scores: Array) -> NDArray[np.float64]:
    return np.atleast_2d(np.cov(scores, rowvar=False, ddof=0))


def views_each(n_images: int) -> int:
    """Choose the views of every image where nothing else is said.

    >>> views_each(50), views_each(4000), views_each(60_000)
    (10, 2, 1)
    """
    return int(np.clip(_VIEWS // n_images, 1, _MOST_VIEWS))


def resolve_components(n_components: int | str, n_images: int, least: int = 256) -> int:
    """Return the number of features; "auto" is one for every 5, `least` to 1,024.

    >>> [resolve_components("auto", n) for n in (100, 2500, 60_000)]
    [256, 500, 1024]
    >>> resolve_components(32, 60_000)
    32
    """
    if n_components != "auto":
        check_number("n_components", n_components, 1, MOST_CHANNELS, integer=True)
        return int(n_components)
    return int(np.clip(n_images // _IMAGES_PER_FEATURE, least, 1024))


def seen_images(n_images: int, most: int, n_code: int) -> int:
    """Images that the directions of a code of this width are learned from."""
    return min(n_images, max(2, min(most, _MOST_VALUES // n_code)))


def basis_size(n_images: int, most: int, n_code: int) -> int:
    """Principal components among which directions are looked for.

    >>> basis_size(30, 10_000, 64), basis_size(5000, 10_000, 19_200)
    (29, 2000)
    """
    seen = seen_images(n_images, most, n_code)
    return min(_MOST_BASIS, max(1, seen - 1), n_code)


def learning_operations(
    n_images: int, n_code: int, encoding: float, n_views: int | None = None
) -> float:
    """Floating-point operations of `ViewStability.learn`, with those of encoding."""
    n_views = n_views or views_each(n_images)
    n_basis = basis_size(n_images, n_images, n_code)
    products = n_images * n_code * n_basis * (14.0 + 2 * n_views)
    return products + (1 + n_views) * n_images * encoding
