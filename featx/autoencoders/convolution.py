"""Strided convolutions, written in the ways that a processor does them fastest.

Gradients of weights are matrix products: with bfloat16 1.2 to 1.7 times as fast as the
gradient of a convolution, copying the patches included. A transposed convolution to few
channels is a convolution to four times as many, which are pixels: twice as fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

_FEWEST = 32  # channels on both sides, below which the product does not pay
_BYTES = 2 * 2**20  # of patches at a time: what a processor's cache can hold


class HalvingConv(nn.Conv2d):
    """A 3x3 convolution in steps of two pixels, without bias."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c, h, w) -> (B, c', h', w'), half as high and wide, rounded up."""
        with exact_where_narrow(x) as x:
            if _pays(self, x):
                return _Halving.apply(*_cast(x, self.weight))
            return super().forward(x)


class KeepingConv(nn.Conv2d):
    """A 3x3 convolution that keeps the size, without bias."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c, h, w) -> (B, c', h, w)."""
        with exact_where_narrow(x) as x:
            return super().forward(x)


class DoublingConv(nn.ConvTranspose2d):
    """A 4x4 transposed convolution in steps of two pixels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 4, 2, 1)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(B, c, h, w) -> (B, c', 2h, 2w)."""
        with exact_where_narrow(x) as x:
            if _pays(self, x):
                return _Doubling.apply(*_cast(x, self.weight, self.bias))
            if x.device.type == "cpu" and self.out_channels < _FEWEST // 2:
                return _parted(x, self.weight, self.bias)
            return super().forward(x, output_size)


def _autocast(layer: nn.Module, x: Tensor) -> bool:
    """Whether the layer is trained on a processor in a shorter format."""
    on_cpu = x.device.type == "cpu"
    return layer.training and on_cpu and torch.is_autocast_enabled("cpu")


@contextmanager
def exact_where_narrow(x: Tensor) -> Iterator[Tensor]:
    """Give maps (B, c, h, w), those of one or two pixels' width to be convolved in float32.

    On processors with AMX and with bfloat16, oneDNN (in torch 2.15) reads memory that
    nobody has written where the result of a strided convolution, or the gradient of any,
    is one pixel wide: it can be anything. Maps this narrow cost little in any format.
    """
    if x.device.type == "cpu" and x.shape[3] <= 2:
        with torch.autocast("cpu", enabled=False):
            yield x.float()
    else:
        yield x


def _pays(layer: nn.Conv2d | nn.ConvTranspose2d, x: Tensor) -> bool:
    """Whether there will be a gradient that is found faster as a product."""
    fewest = min(layer.in_channels, layer.out_channels)
    return _autocast(layer, x) and fewest >= _FEWEST


def _cast(*tensors: Tensor | None) -> list[Tensor | None]:
    """To the format of autocasting, which does not reach into what is written here."""
    dtype = torch.get_autocast_dtype("cpu")
    return [None if one is None else one.to(dtype) for one in tensors]


def _parted(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Give each 2 x 2 pixels as channels of one, by a convolution, and part them."""
    n, _, rows, columns = x.shape
    depth = weight.shape[1]
    taps = torch.unflatten(torch.unflatten(weight, 3, (2, 2)), 2, (2, 2)).flip(2, 4)
    kernel = taps.permute(3, 5, 1, 0, 2, 4).flatten(0, 2)
    bias = None if bias is None else bias.repeat(4)
    blocks = F.conv2d(x, kernel, bias, padding=1).permute(0, 2, 3, 1)
    pixels = torch.unflatten(blocks, 3, (2, 2, depth)).transpose(2, 3)
    pixels = pixels.reshape(n, 2 * rows + 2, 2 * columns + 2, depth)
    return pixels[:, 1:-1, 1:-1].permute(0, 3, 1, 2)


class _Halving(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor) -> Tensor:
        context.save_for_backward(x, weight)
        return F.conv2d(x, weight, None, 2, 1)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = context.saved_tensors
        of_x = None
        if context.needs_input_grad[0]:
            of_x = conv2d_input(x.shape, weight, gradient, 2, 1)  # type: ignore[no-untyped-call]
        return of_x, _gradient_of_weight(gradient, x, weight)


class _Doubling(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        context.save_for_backward(x, weight)
        return F.conv_transpose2d(x, weight, bias, 2, 1)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = context.saved_tensors
        of_x = of_bias = None
        if context.needs_input_grad[0]:
            of_x = F.conv2d(gradient, weight, None, 2, 1)
        if context.needs_input_grad[2]:
            of_bias = _rows(gradient).float().sum(0).to(gradient.dtype)
        return of_x, _gradient_of_weight(x, gradient, weight), of_bias


def _gradient_of_weight(small: Tensor, large: Tensor, weight: Tensor) -> Tensor:
    """Sum over positions of the small image times the patch of the large one there."""
    size = weight.shape[-1]
    patch = size * size * large.shape[1]
    total = torch.zeros(patch, small.shape[1])
    at_once = max(1, _BYTES // (small[0, 0].numel() * patch * large.itemsize))
    for rows, images in zip(
        torch.split(small, at_once), torch.split(large, at_once), strict=True
    ):
        total += _patches(images, size, small.shape[2:]).T @ _rows(rows)
    by_place = total.view(size, size, large.shape[1], small.shape[1])
    return by_place.permute(3, 2, 0, 1).to(weight.dtype)


def _rows(x: Tensor) -> Tensor:
    """(B, c, h, w) -> (B * h * w, c), without a copy where channels lie together."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


def _patches(images: Tensor, size: int, steps: torch.Size) -> Tensor:
    """Patches in steps of two pixels, of images with a margin of one pixel.

    (B, c, h, w) -> (B * h' * w', size * size * c), where `steps` is (h', w').
    """
    margin = F.pad(images.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).contiguous()
    n, _, _, depth = margin.shape
    image, row, column, _ = margin.stride()
    return margin.as_strided(
        (n, *steps, size, size * depth), (image, 2 * row, 2 * column, row, 1)
    ).reshape(-1, size * size * depth)
