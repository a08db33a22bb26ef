"""What the convolutional networks are built of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from featx.autoencoders.base import Array
from featx.autoencoders.convolution import (
    DoublingConv,
    HalvingConv,
    KeepingConv,
    exact_where_narrow,
)
from featx.autoencoders.tensors import channel_statistics

_EVEN_CELLS_ONLY = ("mps",)  # devices


class Normalization(nn.Module):
    """Standardize each channel, and back; the first and last layer of every network.

    It lives inside the network so that a batch can stay uint8 until it is on the device.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(depth))
        self.register_buffer("std", torch.ones(depth))

    def learn(self, images: Array) -> None:
        """Learn the statistics of the channels from images (n, h, w, c)."""
        mean, std = channel_statistics(images)
        self.mean.copy_(mean)
        self.std.copy_(std)

    def forward(self, images: Tensor) -> Tensor:
        """(B, h, w, c) in the images' range -> (B, c, h, w), standardized."""
        width = images.shape[2]
        rows = images.float().flatten(2)  # (B, h, w * c): long rows are vectorized
        rows = (rows - self.mean.repeat(width)).div_(self.std.repeat(width))
        # permuting NHWC gives channels-last memory without moving a byte
        return rows.view(images.shape).permute(0, 3, 1, 2)

    def inverse(self, x: Tensor) -> Tensor:
        """(B, c, h, w), standardized -> (B, h, w, c) in the images' range."""
        return x.permute(0, 2, 3, 1) * self.std + self.mean


def average_cells(x: Tensor, grid: int | tuple[int, int]) -> Tensor:
    """Average maps (B, c, h, w) over the cells of a grid, as even as they can be.

    Apple GPUs lack this for cells that are not all of one size; these are averaged on the
    processor.

    Examples
    --------
    >>> average_cells(torch.arange(3.0).view(1, 1, 1, 3), (1, 2))
    tensor([[[[0.5000, 1.5000]]]])
    """
    rows, columns = (grid, grid) if isinstance(grid, int) else grid
    uneven = x.shape[2] % rows or x.shape[3] % columns
    if x.device.type in _EVEN_CELLS_ONLY and uneven:
        return F.adaptive_avg_pool2d(x.cpu(), grid).to(x.device)
    return F.adaptive_avg_pool2d(x, grid)


class ConvStage(nn.Sequential):
    """A 3x3 convolution, batch normalization, ReLU; with stride 2 it halves the image."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 2) -> None:
        convolution = (
            HalvingConv(in_channels, out_channels)
            if stride == 2
            else KeepingConv(in_channels, out_channels)
        )
        super().__init__(convolution, nn.BatchNorm2d(out_channels), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """(B, c, h, w) -> (B, c', h', w')."""
        if self.training:
            trained: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            return trained
        return F.relu_(_normalized(x, self[0], self[1]))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, whose result is added to what they got [1]_.

    References
    ----------
    .. [1] K. He et al., "Deep residual learning for image recognition", CVPR 2016.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvStage(channels, channels, stride=1)
        self.second = KeepingConv(channels, channels)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c, h, w) -> the same shape."""
        change = self.first(x)
        if self.training:
            change = self.norm(self.second(change))
        else:
            change = _normalized(change, self.second, self.norm)
        return F.relu(x + change)


def _normalized(x: Tensor, convolution: Any, norm: Any) -> Tensor:
    """Convolve and normalize by fixed statistics, which fold into the convolution.

    That is two passes over its output fewer.
    """
    gain = norm.weight * (norm.running_var + norm.eps).rsqrt()
    weight = convolution.weight * gain[:, None, None, None]
    bias = norm.bias - norm.running_mean * gain
    with exact_where_narrow(x) as x:
        return F.conv2d(x, weight, bias, convolution.stride, padding=1)


class ConvEncoder(nn.Sequential):
    """Convolutional stages, each halving the image."""

    def __init__(self, in_channels: int, channels: tuple[int, ...]) -> None:
        stages = []
        for out_channels in channels:
            stages.append(ConvStage(in_channels, out_channels))
            in_channels = out_channels
        super().__init__(*stages)


class ConvDecoder(nn.Module):
    """The encoder mirrored: each stage doubles the image and crops it to its size."""

    def __init__(
        self,
        channels: tuple[int, ...],
        out_channels: int,
        sizes: list[tuple[int, int]],
    ) -> None:
        super().__init__()
        outs = [*reversed(channels[:-1]), out_channels]
        self.sizes = list(reversed(sizes[:-1]))
        self.stages = nn.ModuleList()
        for i, (c_in, c_out) in enumerate(zip(reversed(channels), outs, strict=True)):
            last = i == len(outs) - 1
            stage: list[nn.Module] = [DoublingConv(c_in, c_out)]
            if not last:  # the norm takes the bias away again: nothing to learn
                stage[0].bias.requires_grad_(False)
                stage += [nn.BatchNorm2d(c_out), nn.ReLU()]
            self.stages.append(nn.Sequential(*stage))

    def forward(self, code: Tensor) -> Tensor:
        """(B, k, h', w') -> (B, c, h, w)."""
        for stage, (height, width) in zip(self.stages, self.sizes, strict=True):
            code = stage(code)[:, :, :height, :width]
        return code
