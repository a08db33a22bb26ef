"""Networks of others -> torch modules that can stand in a graph."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from featx.encoders.networks import WeightsTransform
from featx.encoders.torch_encoder import IMAGENET, TorchEncoder
from featx.errors import ParameterError

_LINES = 16  # of pixels that are resized at once


class TorchFeatures(nn.Module):
    """What a fitted `TorchEncoder` says of images (n, h, w, c), float32 in [0, 255].

    Raises
    ------
    ParameterError
        If its preprocessing is somebody's own code.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: TorchEncoder) -> None:
        super().__init__()
        preprocess: Any = encoder.preprocess
        known = isinstance(preprocess, WeightsTransform)
        if not known and preprocess not in (None, "imagenet"):
            raise ParameterError(
                f"Got a TorchEncoder with preprocess={preprocess!r}, but expected None, "
                "'imagenet' or that of a network by its name to export it: no other code "
                "can stand in a graph."
            )
        self.encoder = copy.copy(encoder)
        self.network = self.encoder.module_
        self.is_rounded = encoder.size is None and known
        self.resized: nn.Module | None = None
        if encoder.size is not None or known:
            resize = preprocess.resized if self.is_rounded else encoder._interpolated
            height, width, _ = encoder.image_shape_
            self.resized = _Resized(resize, (height, width))
        scale = (preprocess.mean, preprocess.std) if known else IMAGENET
        self.is_scaled = preprocess is not None
        mean, std = (torch.tensor(one).view(-1, 1, 1) for one in scale)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, images: Tensor) -> Tensor:
        """(n, h, w, c) -> features (n, n_features)."""
        x = images.permute(0, 3, 1, 2)
        if self.resized is not None:
            x = self.resized(x)
        if self.is_rounded:  # as images are that libraries resize
            x = x.round().clamp(0, 255)
        x = self.encoder._in_color(x / 255)
        if self.is_scaled:
            x = (x - self.mean) / self.std
        return torch.cat(self.encoder._said(self.network, x), dim=1)


class _Resized(nn.Module):
    """What resizes images of one size, as one product with a matrix for each side.

    Parameters
    ----------
    resize : callable
        Resizes images (B, C, H, W), in the same way for all of their channels, and each
        side in the same way for all places of the other.
    sides : tuple of int
        Height and width that images have.
    """

    rows: Tensor
    columns: Tensor

    def __init__(
        self, resize: Callable[[Tensor], Tensor], sides: tuple[int, int]
    ) -> None:
        super().__init__()
        self.register_buffer("rows", _weights(resize, sides, 0).T.contiguous())
        self.register_buffer("columns", _weights(resize, sides, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.rows @ (x @ self.columns)


def _weights(
    resize: Callable[[Tensor], Tensor], sides: tuple[int, int], side: int
) -> Tensor:
    """Find what each line of pixels along a side gives to the lines of the result."""
    found = []
    for lines in torch.split(torch.eye(sides[side]), _LINES):
        lines = lines[:, None, :, None] if side == 0 else lines[:, None, None, :]
        resized = resize(lines.expand(-1, 1, *sides))
        middle = resized.shape[3 - side] // 2  # it is never beside the image
        found.append(resized.select(3 - side, middle)[:, 0])
    return torch.cat(found)
