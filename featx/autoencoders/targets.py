"""What an autoencoder is to draw, and how far off what it drew is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from featx.autoencoders.base import batches

_BYTES = 2**20  # of differences at a time: what a processor's cache can hold
_TOGETHER = 4  # neighboring pixels that one step of the whitening gives
_NEAR = 9  # pixels, along each axis, whose contrast counts as that of a neighborhood


class LocalWhitening(nn.Module):
    """What a pixel says beyond its surroundings, at the contrast of its neighborhood.

    Neighboring pixels are nearly equal, so an autoencoder that is judged by pixels first
    learns large smooth areas. Whitened, all scales count alike.
    """

    kernel: Tensor

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        height, width, depth = image_shape
        # odd, so that there is a center; at most 7 x 7 and the image
        self.size = tuple(min(7, side - 1 + side % 2) for side in (height, width))
        self.register_buffer("kernel", torch.zeros(depth, depth, *self.size))

    @torch.no_grad()
    def learn(self, x: Tensor) -> None:
        """Learn the filter from standardized images (n, c, h, w)."""
        height, width = self.size
        depth = x.shape[1]
        down, right = (max(1, side // 16) for side in x.shape[2:])
        patches = x.unfold(2, height, down).unfold(3, width, right)
        rows = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, depth * height * width)
        rows = rows - rows.mean(0)
        values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
        zca = vectors * (values.clamp(min=0) + 0.02).rsqrt() @ vectors.T
        center = torch.arange(depth) * height * width + height * width // 2
        self.kernel.copy_(zca[center].view(depth, depth, height, width))

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """(B, c, h, w), standardized -> the same shape, locally white."""
        # large weights cancel: bfloat16 would be wrong by 4 %, and no faster
        with torch.autocast(x.device.type, enabled=False):
            white = self._filtered(x)
            rows = white.permute(0, 2, 3, 1).flatten(2)  # (B, h, w * c)
            height, width, depth = x.shape[2], x.shape[3], x.shape[1]
            across = _average_near(width, x.device).repeat_interleave(depth, 0) / depth
            down = _average_near(height, x.device).T
            power = down @ (rows.square() @ across)  # (B, h, w)
            return white * (power[:, None] + 0.05).rsqrt()

    def _filtered(self, x: Tensor) -> Tensor:
        """Convolve, several neighbors at a time.

        Few channels leave most of a processor's vector units idle. Neighbors as further
        channels, of a kernel that is as many pixels wider, fill them: twice as fast.
        """
        height, width = self.size
        depth = len(self.kernel)
        n, _, rows, columns = x.shape
        steps = -(-columns // _TOGETHER)
        beyond = steps * _TOGETHER - columns
        wide = self.kernel.new_zeros(
            _TOGETHER, depth, depth, height, width + _TOGETHER - 1
        )
        for shift, kernel in enumerate(wide):
            kernel[..., shift : shift + width] = self.kernel
        edges = (width // 2, width // 2 + beyond, height // 2, height // 2)
        x = F.pad(x, edges, mode="replicate")
        white = F.conv2d(x, wide.flatten(0, 1), stride=(1, _TOGETHER))
        white = white.permute(0, 2, 3, 1).reshape(n, rows, steps * _TOGETHER, depth)
        return white[:, :, :columns].permute(0, 3, 1, 2)


def _average_near(side: int, device: torch.device) -> Tensor:
    """Give the matrix (side, side) by which a row of pixels is averaged over neighbors.

    >>> _average_near(7, torch.device("cpu"))[:, 0]
    tensor([0.2000, 0.2000, 0.2000, 0.2000, 0.2000, 0.0000, 0.0000])
    """
    place = torch.arange(side, device=device)
    near = ((place[:, None] - place).abs() <= _NEAR // 2).float()
    return near / near.sum(0)


def mean_squared_error(drawn: Tensor, targets: tuple[Tensor, ...]) -> Tensor:
    """Mean squared error, in as few passes over the images as can be; float32.

    What was drawn (B, channels, h, w) is compared with the targets (B, c, h, w), one
    after the other along the channels.

    Examples
    --------
    >>> drawn = torch.tensor([1.0, 2.0, 5.0, 4.0]).view(1, 2, 1, 2)
    >>> target = torch.tensor([1.0, 1.0]).view(1, 1, 1, 2)
    >>> mean_squared_error(drawn, (target, target))
    tensor(6.5000)
    """
    return _MeanSquaredError.apply(drawn, *targets)


class _MeanSquaredError(torch.autograd.Function):
    """Keeps the differences, whose multiple is the gradient of what was drawn."""

    @staticmethod
    def forward(context: Any, drawn: Tensor, *targets: Tensor) -> Tensor:
        differences = torch.empty_like(drawn)
        total = torch.zeros((), device=drawn.device)
        at_once = len(drawn)
        if drawn.device.type == "cpu":
            at_once = max(1, _BYTES // (4 * max(1, drawn[0].numel())))
        for rows in batches(len(drawn), at_once):
            difference = drawn[rows].to(torch.float32, copy=True)
            channel = 0
            for target in targets:
                difference[:, channel : channel + target.shape[1]] -= target[rows]
                channel += target.shape[1]
            # a norm adds up in one pass; one for each image, because a single sum of
            # millions of numbers would be rounded
            lengths = torch.linalg.vector_norm(difference, dim=(1, 2, 3))
            total += lengths.square().sum()
            differences[rows] = difference
        context.save_for_backward(differences)
        return total / drawn.numel()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (differences,) = context.saved_tensors
        of_drawn = differences * (2 * gradient / differences.numel()).to(
            differences.dtype
        )
        return of_drawn, *[None] * (len(context.needs_input_grad) - 1)
