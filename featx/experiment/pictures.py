"""What an encoder draws, kept under all that it depends on: reconstructions, filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from featx._version import __version__
from featx.features import CachedEncoder
from featx.features.digest import digest_array, digest_json
from featx.memory_maps import load_array
from featx.store import FORMAT, Store

Pictures = tuple[NDArray[np.uint8], NDArray[np.uint8] | None]


def pictures_of(
    store: Store, encoder: CachedEncoder, images: NDArray[np.uint8]
) -> Pictures:
    """Draw with an encoder that has a decoder, or recall what it drew before.

    It is read from the cache only where something is to be drawn. CacheError if what was
    drawn is damaged.

    Returns
    -------
    reconstructions : ndarray of uint8, shape (k, h, w, c)
        The images, encoded and decoded.
    filters : ndarray of uint8, shape (m, h, w, c), or None
        The first filters, where they look like images.
    """
    key = digest_json(
        {
            "format": FORMAT,
            "featx": __version__,
            "encoder": encoder.digest,
            "shape": list(images.shape),
            "images": digest_array(images),
        }
    )
    restored, filters = "reconstructions.npy", "filters.npy"

    def read(folder: Path, _: object) -> Pictures:
        # asked first: where the filters are gone, so are the reconstructions
        filtered = (folder / filters).exists()
        drawn = load_array(folder / restored, "pictures")
        return drawn, load_array(folder / filters, "pictures") if filtered else None

    def write(work: Path, pictures: Pictures) -> None:
        np.save(work / restored, pictures[0])
        if pictures[1] is not None:
            np.save(work / filters, pictures[1])

    def make() -> Pictures:
        fitted = encoder.encoder
        return reconstruct(fitted, images), filter_pictures(fitted)

    what = f"{encoder.params['class']}, {len(images)} reconstructions"
    return store.get_or_make("pictures", key, what, read, make, write)


def reconstruct(encoder: Any, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Encode and decode images of uint8, shape (k, h, w, c), into such images."""
    restored = encoder.reconstruct(images)
    return np.rint(np.clip(restored, 0, 255)).astype(np.uint8).reshape(images.shape)


def filter_pictures(encoder: BaseEstimator, k: int = 64) -> NDArray[np.uint8] | None:
    """Draw the first filters of an encoder, shape (k, h, w, c).

    Each is scaled so that its strongest value is white or black and nought is gray. None
    if the encoder has no ``components_`` in the shape of images.
    """
    components = getattr(encoder, "components_", None)
    if components is None or np.ndim(components) != 4:
        return None
    shown = np.asarray(components[:k], np.float64)
    strongest = np.abs(shown).max(axis=(1, 2, 3), keepdims=True)
    return np.rint(127.5 * (1 + shown / np.maximum(strongest, 1e-12))).astype(np.uint8)
