"""The size that all images of a set are decoded to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

Size = tuple[int, int]  # height, width

# Longest side on a CPU, by the number of images. `benchmarks/working_size.py` compares:
# patches see 48 pixels at most, and what more does for other features is small.
_SIDES = ((20_000, 48), (math.inf, 32))
_SIDE_ON_GPU = 96


def longest_side_for(n_images: int, device: str = "auto") -> int:
    """Choose how long the longer side may be, so that the answer comes in minutes.

    A GPU counts where it is named, such as ``"cuda"``.

    Examples
    --------
    >>> longest_side_for(200), longest_side_for(60_000), longest_side_for(200, "cuda")
    (48, 32, 96)
    """
    if device.startswith(("cuda", "mps")):
        return _SIDE_ON_GPU
    return next(side for most, side in _SIDES if n_images <= most)


def working_size(sizes: Mapping[Size, int], longest_side: int | None) -> Size:
    """Choose one size for images of many, never larger than they are.

    It has the shape that most images have, or else their middle height and width.

    Examples
    --------
    >>> working_size({(2000, 3000): 80, (3000, 2000): 20}, 48)
    (32, 48)
    >>> working_size({(10, 20): 1, (20, 20): 1, (30, 25): 1}, None)
    (20, 20)
    """
    # the larger one of two that are equally common, whatever order they came in
    common = max(sizes, key=lambda size: (sizes[size], size))
    if 2 * sizes[common] > sum(sizes.values()):
        height, width = common
    else:
        height, width = (
            _middle([size[axis] for size in sizes], list(sizes.values()))
            for axis in (0, 1)
        )
    shrink = min(1.0, (longest_side or math.inf) / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def size_notes(
    sizes: Mapping[Size, int], size: Size, fixed: bool, fit: str
) -> tuple[str, ...]:
    """Say in one line what becomes of the images' own sizes, if anything does.

    Nothing need be said where the user fixed the size.

    Examples
    --------
    >>> size_notes({(2000, 3000): 80}, (32, 48), False, "stretch")
    ('images of 2000 x 3000 pixels are used at 32 x 48; --size asks for another size',)
    """
    if fixed or set(sizes) == {size}:
        return ()
    small, large = min(sizes, key=math.prod), max(sizes, key=math.prod)
    if len(sizes) == 1:
        what = f"images of {small[0]} x {small[1]} pixels"
    else:
        what = (
            f"images of {len(sizes):,} sizes, {small[0]} x {small[1]} to {large[0]} x "
            f"{large[1]} pixels,"
        )
    # more than rounding to whole pixels
    bent = any(abs(h / w * size[1] / size[0] - 1) > 0.05 for h, w in sizes)
    verb = {"stretch": "stretched", "pad": "padded", "crop": "cropped"}[fit]
    change = f", {verb} where their shape differs (--fit)" if bent else ""
    return (
        f"{what} are used at {size[0]} x {size[1]}{change}; --size asks for another size",
    )


def _middle(values: Sequence[int], counts: Sequence[int]) -> int:
    """Weighted median."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(np.asarray(counts)[order])
    return int(np.asarray(values)[order][np.searchsorted(share, share[-1] / 2)])
