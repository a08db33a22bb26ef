"""The convolutional network: images (B, h, w, c) in their range <-> features (B, n)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from featx.autoencoders.corruption import add_noise, draw_mask
from featx.autoencoders.layers import (
    ConvDecoder,
    ConvEncoder,
    Normalization,
    average_cells,
)
from featx.autoencoders.targets import LocalWhitening, mean_squared_error


class ConvNetwork(nn.Module):
    """A convolutional autoencoder with a wide spatial code.

    In training it sees images with noise and hidden blocks, and is judged by what they
    were without.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    channels : tuple of int
        Output channels of each halving stage; the last one is the code's.
    pooling : int, default=None
        Rows and columns of the grid over which features are averaged; that of the code
        by default.
    all_layers : bool, default=True
        Features are the outputs of every stage, averaged over that grid; else the code.
    noise : float, default=0
        Standard deviation of the noise, in those of the channels.
    mask_fraction : float, default=0
        Part of the blocks that is hidden.
    mask_size : int, default=1
        Side of a block in pixels.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        channels: tuple[int, ...],
        *,
        pooling: int | None = None,
        all_layers: bool = True,
        noise: float = 0.0,
        mask_fraction: float = 0.0,
        mask_size: int = 1,
    ) -> None:
        super().__init__()
        self.noise = noise
        self.mask_fraction = mask_fraction
        self.mask_size = mask_size
        height, width, depth = image_shape
        sizes = stage_sizes(height, width, len(channels))
        self.code_channels, self.code_size = channels[-1], sizes[-1]
        self.grid = self.code_size
        if pooling is not None:
            self.grid = (min(pooling, sizes[-1][0]), min(pooling, sizes[-1][1]))
        self.all_layers = all_layers
        counts = channels if all_layers else channels[-1:]
        self.n_features = sum(counts) * self.grid[0] * self.grid[1]
        self.normalization = Normalization(depth)
        self.whitening = LocalWhitening(image_shape)
        self.encoder = ConvEncoder(depth, channels)
        self.decoder = ConvDecoder(channels, 2 * depth, sizes)  # pixels, whitened ones

    def encode(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> features (B, n_features), the code's first."""
        x = self.normalization(images)
        stages = []
        for stage in self.encoder:
            x = stage(x)
            stages.append(x)
        maps = stages[::-1] if self.all_layers else [x]
        return torch.cat([self._pool(one).flatten(1) for one in maps], dim=1)

    def _pool(self, x: Tensor) -> Tensor:
        return x if x.shape[2:] == self.grid else average_cells(x, self.grid)

    def decode(self, features: Tensor) -> Tensor:
        """Features (B, n_features) -> (B, h, w, c) in the images' range, by the code."""
        n_code = self.code_channels * self.grid[0] * self.grid[1]
        code = features[:, :n_code].reshape(-1, self.code_channels, *self.grid)
        if self.grid != self.code_size:
            code = F.interpolate(code, self.code_size)
        pixels, _ = self.decoder(code).chunk(2, dim=1)
        return self.normalization.inverse(pixels)

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of standardized and of whitened pixels, a scalar."""
        x = self.normalization(images)
        drawn = self.decoder(self.encoder(self._corrupted(x, generator)))
        return mean_squared_error(drawn, (x, self.whitening(x)))

    def _corrupted(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if self.noise > 0:
            x = add_noise(x, self.noise, generator)
        if self.mask_fraction > 0:
            x = x * (1 - draw_mask(x, self.mask_fraction, self.mask_size, generator))
        return x


def stage_sizes(height: int, width: int, stages: int) -> list[tuple[int, int]]:
    """Sizes of the maps from the image down to the code, ``stages + 1`` of them.

    Examples
    --------
    >>> stage_sizes(28, 28, 3)
    [(28, 28), (14, 14), (7, 7), (4, 4)]
    """
    sizes = [(height, width)]
    for _ in range(stages):
        height, width = (height + 1) // 2, (width + 1) // 2
        sizes.append((height, width))
    return sizes
