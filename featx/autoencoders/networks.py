"""The networks: images (B, h, w, c) in their own range <-> features (B, n)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from featx.autoencoders.corruption import add_noise, draw_mask
from featx.autoencoders.layers import ConvDecoder, ConvEncoder, Normalization
from featx.autoencoders.targets import LocalWhitening, mean_squared_error


class ConvNetwork(nn.Module):
    """A convolutional autoencoder with a wide spatial code.

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
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        channels: tuple[int, ...],
        *,
        pooling: int | None = None,
        all_layers: bool = True,
    ) -> None:
        super().__init__()
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
        maps = [self.head(x), *(stages[-2::-1] if self.all_layers else [])]
        return torch.cat([self._pool(one).flatten(1) for one in maps], dim=1)

    def _pool(self, x: Tensor) -> Tensor:
        return x if x.shape[2:] == self.grid else F.adaptive_avg_pool2d(x, self.grid)

    def decode(self, features: Tensor) -> Tensor:
        """Features (B, n_features) -> (B, h, w, c) in the images' range, by the code."""
        n_code = self.code_channels * self.grid[0] * self.grid[1]
        code = features[:, :n_code].reshape(-1, self.code_channels, *self.grid)
        if self.grid != self.code_size:
            code = F.interpolate(code, self.code_size)
        pixels, _ = self.decoder(code).chunk(2, dim=1)
        return self.normalization.inverse(pixels)

    def head(self, x: Tensor) -> Tensor:
        """Output of the last stage -> code (B, k, h', w')."""
        return x

    def code(self, x: Tensor) -> Tensor:
        """Standardized (B, c, h, w) -> code (B, k, h', w')."""
        return self.head(self.encoder(x))

    def error(self, code: Tensor, x: Tensor, where: Tensor | None = None) -> Tensor:
        """Mean squared error of what a code gives: of pixels and of whitened ones.

        The code is (B, k, h', w'), `x` the standardized images (B, c, h, w) as they
        should be drawn; `where` (B, 1, h, w) is 1 where a pixel counts, else 0.
        """
        drawn = self.decoder(code)
        return mean_squared_error(drawn, (x, self.whitening(x)), where)

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of standardized and of whitened pixels, a scalar."""
        x = self.normalization(images)
        return self.error(self.code(x), x)


class MaskedNetwork(ConvNetwork):
    """Paints what is hidden of an image, and is judged on that alone.

    `mask_fraction` of the blocks is hidden, whose side is `mask_size` in pixels.
    """

    def __init__(
        self, *args: Any, mask_fraction: float, mask_size: int, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.mask_fraction = mask_fraction
        self.mask_size = mask_size

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the hidden pixels, plain and whitened; a scalar."""
        x = self.normalization(images)
        hidden = draw_mask(x, self.mask_fraction, self.mask_size, generator)
        return self.error(self.code(x * (1 - hidden)), x, hidden)


class DenoisingNetwork(MaskedNetwork):
    """Restores whole images from noisy ones with hidden blocks.

    `noise` is its standard deviation, in those of the channels.
    """

    def __init__(self, *args: Any, noise: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.noise = noise

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the restored pixels, plain and whitened; a scalar."""
        x = self.normalization(images)
        noisy = add_noise(x, self.noise, generator)
        hidden = draw_mask(x, self.mask_fraction, self.mask_size, generator)
        return self.error(self.code(noisy * (1 - hidden)), x)


class VariationalNetwork(ConvNetwork):
    """A code drawn from a normal distribution at each position; features are its mean.

    `beta` weighs the divergence from the prior, per value of the code.
    """

    def __init__(self, *args: Any, beta: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.beta = beta
        channels = self.code_channels
        self.mean = nn.Conv2d(channels, channels, 1)
        self.log_variance = nn.Conv2d(channels, channels, 1)

    def head(self, x: Tensor) -> Tensor:
        """Output of the last stage -> mean of the code (B, k, h', w')."""
        return self.mean(x)

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of both kinds of pixels + beta * divergence, a scalar."""
        x = self.normalization(images)
        hidden = self.encoder(x)
        mean = self.mean(hidden).float()
        log_variance = self.log_variance(hidden).float().clamp(-10, 10)
        code = add_noise(mean, (log_variance / 2).exp(), generator)
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).mean() / 2
        return self.error(code, x) + self.beta * divergence


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
