"""Images of any size -> the size that a model knows, as Pillow does it, in torch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

_LOBES = 3  # of Lanczos' filter, on each side


class _Side(NamedTuple):
    """Where the pixels of one side of the result come from; scalar tensors.

    `length` pixels of the image from `start` become `n_new` of the result, the first of
    which is at `place`.
    """

    start: Tensor
    length: Tensor
    place: Tensor
    n_new: Tensor

    @property
    def shrinks(self) -> Tensor:
        """How many pixels of the image become one; along which more do is gone first."""
        return self.length / self.n_new.clamp(min=1)


class Resizing(nn.Module):
    """Resize images (n, h, w, c) of any h and w: Lanczos, antialiased.

    Each side is one product with a matrix, whose entries follow from the size of the
    images, so that it can stand in a graph. Values are those of Pillow 13; some differ by 1
    of 255, and where hard edges of black and white are enlarged by more.

    Parameters
    ----------
    size : tuple of int
        Height and width of the result.
    fit : {"stretch", "pad", "crop"}
        What becomes of images in another shape, see `featx.images.pixels.resize`.
    """

    def __init__(self, size: tuple[int, int], fit: str) -> None:
        super().__init__()
        self.size, self.fit = size, fit

    def forward(self, images: Tensor) -> Tensor:
        """(n, h, w, c), uint8 -> (n, height, width, c), float32 in [0, 255]."""
        x = images.float().permute(0, 3, 1, 2)
        rows, columns = _places(images.shape[1]), _places(images.shape[2])
        down, across = self._sides(rows[-1] + 0.5, columns[-1] + 0.5)
        widths, inside = _weights(columns, across, self.size[1])
        heights, there = _weights(rows, down, self.size[0])
        # what is rounded between the two depends on which is first
        across_first = _rounded(heights @ _rounded(x @ widths.T))
        down_first = _rounded(_rounded(heights @ x) @ widths.T)
        x = torch.where(down.shrinks > across.shrinks, down_first, across_first)
        if self.fit == "pad":
            outside = 1 - there[:, None] * inside
            x = x + outside * _border(images)[..., None, None]
        return x.permute(0, 2, 3, 1)

    def _sides(self, height: Tensor, width: Tensor) -> tuple[_Side, _Side]:
        n_rows, n_columns = (torch.tensor(float(side)) for side in self.size)
        nought = torch.zeros(())
        if self.fit == "crop":
            tall = torch.minimum(height, width * n_rows / n_columns)
            wide = torch.minimum(width, height * n_columns / n_rows)
            return (
                _Side((height - tall) / 2, tall, nought, n_rows),
                _Side((width - wide) / 2, wide, nought, n_columns),
            )
        if self.fit == "pad":
            flat = width * n_rows > height * n_columns  # flatter than the result
            tall = (height / width * n_columns).round().clamp(min=1)
            wide = (width / height * n_rows).round().clamp(min=1)
            tall = torch.where(flat, tall, n_rows)
            wide = torch.where(flat, n_columns, wide)
            return (
                _Side(nought, height, ((n_rows - tall) / 2).round(), tall),
                _Side(nought, width, ((n_columns - wide) / 2).round(), wide),
            )
        return (
            _Side(nought, height, nought, n_rows),
            _Side(nought, width, nought, n_columns),
        )


def _places(n: int) -> Tensor:
    """Middles of the pixels of one side, shape (n,)."""
    return torch.arange(n, dtype=torch.float32) + 0.5


def _weights(places: Tensor, side: _Side, n: int) -> tuple[Tensor, Tensor]:
    """Weigh the pixels of one side for each of n of the result (n, len(places)).

    The second tensor (n,) is 1 for those that the image reaches, 0 beside it.
    """
    middles = _places(n) - side.place
    inside = ((middles > 0) & (middles < side.n_new)).float()
    centers = side.start + middles * side.shrinks
    distances = (places - centers[:, None]) / side.shrinks.clamp(min=1)
    near = (distances.abs() < _LOBES).float()
    weights = torch.sinc(distances) * torch.sinc(distances / _LOBES) * near
    sums = weights.sum(dim=1, keepdim=True)
    weights = weights / torch.where(sums.abs() < 1e-6, torch.ones_like(sums), sums)
    return weights * inside[:, None], inside


def _rounded(x: Tensor) -> Tensor:
    return (x + 0.5).floor().clamp(0, 255)


def _border(images: Tensor) -> Tensor:
    """Mean color of the outermost pixels, (n, c); the corners count twice."""
    x = images.float()
    ring = [x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]]
    return torch.cat(ring, dim=1).mean(dim=1).round()
