"""What the parameters of `PatchAutoencoder` mean for images of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from featx.autoencoders.base import MOST_CHANNELS, check_number
from featx.errors import ParameterError

if TYPE_CHECKING:
    from featx.autoencoders.patch import PatchAutoencoder

Size = tuple[int, int]  # height, width

_LONGER_SIDE = 48  # larger images are reduced to this before patches are cut
_MOST_SCALES = 16  # of which the last one would see 32,768 pixels as one


class PatchGeometry(NamedTuple):
    """Pixels that are averaged to one, and what is seen of the reduced images."""

    downsample: int
    reduced_shape: tuple[int, int, int]
    patch_shape: Size
    n_filters: tuple[int, ...]  # at each resolution, the finest first


def resolve_geometry(encoder: PatchAutoencoder, n_images: int) -> PatchGeometry:
    """Check the parameters that depend on the images' shape, and choose those on auto."""
    height, width, depth = encoder.image_shape_
    longer = max(height, width)
    if encoder.downsample == "auto":
        downsample = -(-longer // _LONGER_SIDE)
    else:
        check_number("downsample", encoder.downsample, 1, longer, integer=True)
        downsample = int(encoder.downsample)
    rows, columns = -(-height // downsample), -(-width // downsample)
    size = 6
    if encoder.patch_size != "auto":
        check_number("patch_size", encoder.patch_size, 1, integer=True)
        size = int(encoder.patch_size)
        if size > max(rows, columns):
            raise ParameterError(
                f"Got patch_size={size}, but the images have {rows} x {columns} pixels "
                f"after downsampling by {downsample}. Use a smaller patch_size, or "
                "patch_size='auto'."
            )
    patch_shape = (min(size, rows), min(size, columns))
    n_scales = _resolve_scales(encoder.scales, patch_shape, (rows, columns), downsample)
    n_values = patch_shape[0] * patch_shape[1] * depth
    if n_values == 1 and encoder.patch_size != "auto":
        raise ParameterError(
            "Got patch_size=1 for gray images, but a patch of one value has no "
            "contrast. Use a larger patch_size."
        )
    if encoder.n_components == "auto":
        # few images cannot tell many filters apart
        most = int(np.clip(n_images // 4, 200, 1600))
        finest = int(np.clip(16 * n_values, 64, most))
    else:
        n_components = encoder.n_components
        check_number("n_components", n_components, 1, MOST_CHANNELS, integer=True)
        finest = int(n_components)
    check_number("n_nonzero_coefs", encoder.n_nonzero_coefs, 1, finest, integer=True)
    n_filters = [
        max(int(encoder.n_nonzero_coefs), finest // 2**i) for i in range(n_scales)
    ]
    return PatchGeometry(
        downsample, (rows, columns, depth), patch_shape, tuple(n_filters)
    )


def _resolve_scales(
    scales: int | str, patch_shape: Size, reduced: Size, downsample: int
) -> int:
    if scales == "auto":
        return 2 if min(reduced) >= 4 * max(patch_shape) else 1
    check_number("scales", scales, 1, _MOST_SCALES, integer=True)
    n_scales = int(scales)
    for patch, side in zip(patch_shape, reduced, strict=True):
        if patch * 2 ** (n_scales - 1) > max(patch, side):
            raise ParameterError(
                f"Got scales={n_scales}, but of {reduced[0]} x {reduced[1]} pixels after "
                f"downsampling by {downsample} too few are left at the last one for "
                f"patches of {patch_shape[0]} x {patch_shape[1]}. Use fewer scales, a "
                "smaller patch_size, or scales='auto'."
            )
    return n_scales
