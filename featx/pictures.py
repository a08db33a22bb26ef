"""What an encoder draws, kept under all that it depends on: reconstructions, filters."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from featx.errors import CacheError
from featx.features import CachedEncoder
from featx.features.digest import digest_json
from featx.storage import (
    FORMAT,
    MANIFEST,
    cache_errors,
    new_folder,
    provenance,
    read_manifest,
    write_json,
)

Pictures = tuple[NDArray[np.uint8], NDArray[np.uint8] | None]


def pictures_of(
    cache_folder: Path, encoder: CachedEncoder, images: NDArray[np.uint8]
) -> Pictures:
    """Draw with an encoder, or recall what it drew before.

    Parameters
    ----------
    cache_folder : Path
        Folder of the cache.
    encoder : CachedEncoder
        With a decoder. It is read from the cache only where something is to be drawn.
    images : ndarray of uint8, shape (k, h, w, c)
        Images.

    Returns
    -------
    reconstructions : ndarray of uint8, shape (k, h, w, c)
        The images, encoded and decoded.
    filters : ndarray of uint8, shape (m, h, w, c), or None
        The first filters, where they look like images.

    Raises
    ------
    CacheError
        If the entry is damaged.
    """
    shape = list(images.shape)
    seen = hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()
    key = digest_json(
        {"format": FORMAT, "encoder": encoder.digest, "shape": shape, "images": seen}
    )
    folder = cache_folder / "pictures" / key
    if read_manifest(folder) is not None:
        return _read(folder)
    drawn = reconstruct(encoder.encoder, images), filter_pictures(encoder.encoder)
    # what cannot be kept is drawn again the next time
    with (
        suppress(CacheError),
        new_folder(folder) as work,
        cache_errors(folder.parent),
    ):
        np.save(work / "reconstructions.npy", drawn[0])
        if drawn[1] is not None:
            np.save(work / "filters.npy", drawn[1])
        what = {"what": f"{encoder.params['class']}, {len(images)} reconstructions"}
        write_json(work / MANIFEST, what | provenance())
    return drawn


def _read(folder: Path) -> Pictures:
    with cache_errors(folder):
        try:
            restored = np.load(folder / "reconstructions.npy")
            filters = folder / "filters.npy"
            return restored, np.load(filters) if filters.exists() else None
        except (ValueError, EOFError) as error:
            raise CacheError(
                f"Got pictures that cannot be read in {folder} ({error}). Remove them "
                f"with 'featx cache rm {folder.name}' and run again."
            ) from error


def reconstruct(encoder: Any, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Encode and decode images.

    Parameters
    ----------
    encoder : estimator
        Fitted, with a decoder.
    images : ndarray of uint8, shape (k, h, w, c)
        Images.

    Returns
    -------
    ndarray of uint8, shape (k, h, w, c)
        Reconstructions.
    """
    restored = encoder.reconstruct(images)
    return np.rint(np.clip(restored, 0, 255)).astype(np.uint8).reshape(images.shape)


def filter_pictures(encoder: BaseEstimator, k: int = 64) -> NDArray[np.uint8] | None:
    """Draw the first filters of an encoder.

    Parameters
    ----------
    encoder : estimator
        Fitted.
    k : int, default=64
        Filters to draw.

    Returns
    -------
    ndarray of uint8, shape (k, h, w, c), or None
        Each filter scaled so that its strongest value is white or black and nought is
        grey; None if the encoder has no ``components_`` in the shape of images.
    """
    components = getattr(encoder, "components_", None)
    if components is None or np.ndim(components) != 4:
        return None
    shown = np.asarray(components[:k], np.float64)
    strongest = np.abs(shown).max(axis=(1, 2, 3), keepdims=True)
    return np.rint(127.5 * (1 + shown / np.maximum(strongest, 1e-12))).astype(np.uint8)
