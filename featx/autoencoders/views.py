"""Changed views of images: moved a little, mirrored, in other light and color."""

from __future__ import annotations

import torch
from torch import Tensor

_MOVED = 8  # a view is moved by up to this part of a side, one eighth
_LIGHT = 0.4  # contrast changes by up to this part
_SATURATION = 0.6  # likewise
_BRIGHTNESS = 20 / 255  # of the range of the images, all channels alike
_TINT = 12 / 255  # likewise, each channel by itself


@torch.no_grad()
def changed_views(
    images: Tensor,
    generator: torch.Generator,
    *,
    mirror: bool,
    value_range: tuple[float, float],
) -> Tensor:
    """Give one changed view of each image (n, h, w, c), float32, in the range of values.

    An image is moved by up to an eighth of its sides, with its border mirrored; half of
    them are mirrored, if `mirror`; contrast, brightness and, of several channels,
    saturation and tint change.

    Examples
    --------
    >>> images = torch.arange(2 * 8 * 8 * 3, dtype=torch.uint8).view(2, 8, 8, 3)
    >>> generator = torch.Generator().manual_seed(0)
    >>> views = changed_views(images, generator, mirror=True, value_range=(0, 255))
    >>> views.shape
    torch.Size([2, 8, 8, 3])
    """
    n, height, width, depth = images.shape
    device = images.device
    low, high = value_range

    def draw(most: float, *shape: int) -> Tensor:
        uniform = torch.rand(n, 1, 1, *shape, device=device, generator=generator)
        return most * (2 * uniform - 1)

    rows = _moved(n, height, generator)
    columns = _moved(n, width, generator)
    if mirror:
        mirrored = torch.rand(n, 1, device=device, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    each = torch.arange(n, device=device)[:, None, None]
    views = images[each, rows[:, :, None], columns[:, None, :]].float()
    if depth > 1:
        gray = views.mean(3, keepdim=True)
        views.sub_(gray).mul_(1 + draw(_SATURATION, 1)).add_(gray)
    middle = views.mean((1, 2, 3), keepdim=True)
    light = middle + (high - low) * draw(_BRIGHTNESS, 1)
    views.sub_(middle).mul_(1 + draw(_LIGHT, 1)).add_(light)
    if depth > 1:
        views += (high - low) * draw(_TINT, depth)
    return views.clamp_(low, high)


def _moved(n: int, side: int, generator: torch.Generator) -> Tensor:
    """Give the places (n, side) that moved images take their rows or columns from."""
    device, most = generator.device, side // _MOVED
    steps = torch.randint(-most, most + 1, (n, 1), device=device, generator=generator)
    return _reflected(torch.arange(side, device=device) + steps, side)


def _reflected(places: Tensor, side: int) -> Tensor:
    """Places outside of a side become those as far inside.

    >>> _reflected(torch.tensor([-2, 0, 3, 4]), 4)
    tensor([2, 0, 3, 2])
    """
    last = max(1, side - 1)
    return ((places + last) % (2 * last) - last).abs() if side > 1 else 0 * places
