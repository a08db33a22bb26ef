"""Changed views of images: moved a little, mirrored, in other light and color."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featx.autoencoders.base import Array
from featx.autoencoders.inputs import pixel_range

_MOVED = 8  # a view is moved by up to this part of a side, one eighth
_LIGHT = 0.4  # contrast and saturation change by up to this part
_BRIGHTNESS = 20 / 255  # of the range of the images, all channels alike
_TINT = 12 / 255  # likewise, each channel by itself


def changed_views(
    images: Array, rng: np.random.Generator, *, mirror: bool
) -> NDArray[np.float32]:
    """Give one changed view of each image (n, h, w, c), in the range of the images.

    An image is moved by up to an eighth of its sides, with its border mirrored; half of
    them are mirrored, if `mirror`; contrast, brightness and, of several channels,
    saturation and tint change.

    Examples
    --------
    >>> images = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)
    >>> changed_views(images, np.random.default_rng(0), mirror=True).shape
    (2, 8, 8, 3)
    """
    views = _moved(images.astype(np.float32), rng)
    if mirror:
        chosen = rng.random(len(views)) < 0.5
        views[chosen] = views[chosen, :, ::-1]
    n, depth = len(views), images.shape[3]
    low, high = pixel_range(images if images.dtype == np.uint8 else views)

    def draw(most: float, *shape: int) -> NDArray[np.float32]:
        return rng.uniform(-most, most, (n, 1, 1, *shape)).astype(np.float32)

    if depth > 1:
        gray = views.mean(3, keepdims=True)
        views = gray + (views - gray) * (1 + draw(1.5 * _LIGHT, 1))
    middle = views.mean((1, 2, 3), keepdims=True)
    views = middle + (views - middle) * (1 + draw(_LIGHT, 1))
    views += (high - low) * draw(_BRIGHTNESS, 1)
    if depth > 1:
        views += (high - low) * draw(_TINT, depth)
    return views.clip(low, high)


def _moved(images: NDArray[np.float32], rng: np.random.Generator) -> Array:
    """Move each image by whole pixels; what comes in is the mirrored border."""
    n, height, width, _ = images.shape
    rows, columns = (
        _reflected(np.arange(side) + rng.integers(-m, m + 1, (n, 1)), side)
        for side, m in ((height, height // _MOVED), (width, width // _MOVED))
    )
    each = np.arange(n)[:, None, None]
    moved: Array = images[each, rows[:, :, None], columns[:, None, :]]
    return moved


def _reflected(places: Array, side: int) -> Array:
    """Places outside of a side become those as far inside.

    >>> _reflected(np.array([-2, 0, 3, 4]), 4)
    array([2, 0, 3, 2])
    """
    last = max(1, side - 1)
    return np.abs((places + last) % (2 * last) - last) if side > 1 else 0 * places
