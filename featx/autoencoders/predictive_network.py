"""The predictive network: a changed view of an image -> what its views have in common."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from featx.autoencoders.layers import (
    ConvStage,
    Normalization,
    ResidualBlock,
    average_cells,
)
from featx.autoencoders.readout import Readout
from featx.autoencoders.stable import Projection
from featx.autoencoders.views import changed_views

_POOLING = 2  # rows and columns of the grid of cells over which maps are averaged
_LEAST_VARIANCE = 1e-4  # within a cell, far above rounding


class PredictiveNetwork(nn.Module):
    """Three stages of convolutions, a head for training and a projection to features.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    n_channels : int
        Channels of the first stage; each stage has twice as many as the one before.
    widths : tuple of int
        Features of the network, and of its teacher: images are drawn from both.
    patch_size : int
        Side of the square of pixels that become channels of one position.
    value_range : tuple of float
        Lowest and highest value of images.
    drawn : tuple of int
        Pixels that are averaged to one when drawing, along each axis, and principal
        components of an image that can be drawn.
    shifts : list of tuple of int
        Pixels, down and to the right, by which an image is moved; features are means over
        all of these.
    """

    center: Tensor
    scale: Tensor
    components: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        *,
        n_channels: int,
        widths: tuple[int, int],
        patch_size: int,
        value_range: tuple[float, float],
        drawn: tuple[int, int],
        shifts: list[tuple[int, int]],
    ) -> None:
        super().__init__()
        depth = image_shape[2]
        self.shifts = shifts
        self.n_channels = n_channels
        self.value_range = value_range
        self.patch_size = patch_size
        self.normalization = Normalization(depth)
        self.stages = nn.ModuleList(
            [
                ConvStage(depth * patch_size**2, n_channels, stride=1),
                nn.Sequential(
                    ConvStage(n_channels, 2 * n_channels),
                    ResidualBlock(2 * n_channels),
                ),
                ConvStage(2 * n_channels, 4 * n_channels),
            ]
        )
        self.head: nn.Linear | None = None
        n_code = 2 * 7 * n_channels * _POOLING**2  # means and deviations
        self.n_features = sum(widths)
        self.register_buffer("center", torch.zeros(n_code))
        self.register_buffer("scale", torch.ones(n_code))
        self.register_buffer("components", torch.zeros(n_code, widths[0]))
        self.readout = Readout(image_shape, drawn[0], self.n_features, drawn[1])

    def add_head(self, n_targets: int) -> None:
        """Add what predicts so many values: the network is to be trained."""
        self.head = nn.Linear(4 * self.n_channels * _POOLING**2, n_targets)

    def loss(
        self, images: Tensor, generator: torch.Generator, targets: Tensor
    ) -> Tensor:
        """Mean squared error of what changed views predict of targets (B, n_targets)."""
        views = changed_views(
            images, generator, mirror=False, value_range=self.value_range
        )
        assert self.head is not None
        *_, last = self._maps(views)
        predicted = self.head(average_cells(last, _POOLING).flatten(1))
        return F.mse_loss(predicted.float(), targets)

    def code(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> what all stages say (B, n_code), float32.

        It is the mean and the standard deviation of their outputs in each cell.
        """
        said = []
        for maps in self._maps(images):
            maps = maps.float()
            mean = average_cells(maps, _POOLING)
            variance = average_cells(maps.square(), _POOLING) - mean.square()
            deviation = (variance.clamp(min=0) + _LEAST_VARIANCE).sqrt()
            said += [mean.flatten(1), deviation.flatten(1)]
        return torch.cat(said, dim=1)

    def encode(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> features of the network (B, widths[0]), float32.

        They are the mean over the image as it is and moved.
        """
        codes = [self.code(_moved(images, *shift)) for shift in self.shifts]
        code = torch.stack(codes).mean(dim=0)
        with torch.autocast(code.device.type, enabled=False):
            return ((code - self.center) / self.scale) @ self.components

    def decode(self, features: Tensor) -> Tensor:
        """Features -> (B, h, w, c) in the images' range."""
        return self.readout(features)

    @torch.no_grad()
    def project(self, learned: Projection) -> None:
        """Make features by a projection of the code."""
        self.center.copy_(torch.from_numpy(learned.mean))
        self.scale.copy_(torch.from_numpy(learned.scale))
        self.components.copy_(torch.from_numpy(learned.components))

    def _maps(self, images: Tensor) -> Iterator[Tensor]:
        """Output of each stage: (B, channels, rows, columns)."""
        x = self.normalization(images)
        size = self.patch_size
        if size > 1:
            height, width = x.shape[2:]
            x = F.pad(x, (0, -width % size, 0, -height % size), mode="replicate")
            x = F.pixel_unshuffle(x, size)
            x = x.contiguous(memory_format=torch.channels_last)
        for stage in self.stages:
            x = stage(x)
            yield x


def _moved(images: Tensor, down: int, right: int) -> Tensor:
    """Move images (B, h, w, c) and repeat their border where nothing is left."""
    rows, columns = (
        (torch.arange(side, device=images.device) - shift).clamp(0, side - 1)
        for side, shift in zip(images.shape[1:3], (down, right), strict=True)
    )
    return images[:, rows][:, :, columns]
