"""The networks: images (B, h, w, c) in their own range <-> code (B, k, h', w')."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from featx.autoencoders.corruption import add_noise, draw_mask


class Normalization(nn.Module):
    """Standardise each channel, and back; the first and last layer of every network.

    It lives inside the network so that a batch can stay uint8 until it is on the device.

    Parameters
    ----------
    mean, std : Tensor, shape (c,)
        Channel statistics of the training images, in their own range.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, images: Tensor) -> Tensor:
        """(B, h, w, c) in the images' range -> (B, c, h, w), standardised."""
        # permuting NHWC gives channels-last memory without moving a byte
        return ((images.float() - self.mean) / self.std).permute(0, 3, 1, 2)

    def inverse(self, x: Tensor) -> Tensor:
        """(B, c, h, w), standardised -> (B, h, w, c) in the images' range."""
        return x.permute(0, 2, 3, 1) * self.std + self.mean


class ConvEncoder(nn.Sequential):
    """Strided 3x3 convolutions, each halving the image; batch normalisation; ReLU."""

    def __init__(self, in_channels: int, channels: tuple[int, ...]) -> None:
        layers: list[nn.Module] = []
        for out_channels in channels:
            layers += [
                nn.Conv2d(in_channels, out_channels, 3, 2, 1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(),
            ]
            in_channels = out_channels
        super().__init__(*layers)


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
            stage: list[nn.Module] = [nn.ConvTranspose2d(c_in, c_out, 4, 2, 1)]
            stage += [] if last else [nn.BatchNorm2d(c_out), nn.ReLU()]
            self.stages.append(nn.Sequential(*stage))

    def forward(self, code: Tensor) -> Tensor:
        """(B, k, h', w') -> (B, c, h, w)."""
        for stage, (height, width) in zip(self.stages, self.sizes, strict=True):
            code = stage(code)[:, :, :height, :width]
        return code


class ConvNetwork(nn.Module):
    """A convolutional autoencoder with a wide spatial code.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    channels : tuple of int
        Output channels of each halving stage; the last one is the code's.
    mean, std : Tensor, shape (c,)
        Channel statistics of the training images.
    pooling : int, default=None
        Rows and columns of the grid over which the code is averaged to features.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        channels: tuple[int, ...],
        mean: Tensor,
        std: Tensor,
        *,
        pooling: int | None = None,
    ) -> None:
        super().__init__()
        height, width, depth = image_shape
        sizes = stage_sizes(height, width, len(channels))
        self.code_size = sizes[-1]
        self.pooled_size = self.code_size
        if pooling is not None:
            self.pooled_size = (min(pooling, sizes[-1][0]), min(pooling, sizes[-1][1]))
        self.code_shape = (channels[-1], *self.pooled_size)
        self.normalization = Normalization(mean, std)
        self.encoder = ConvEncoder(depth, channels)
        self.decoder = ConvDecoder(channels, depth, sizes)

    def encode(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> features (B, k * h' * w')."""
        code = self.code(self.normalization(images))
        if self.pooled_size != self.code_size:
            code = F.adaptive_avg_pool2d(code, self.pooled_size)
        return code.flatten(1)

    def decode(self, features: Tensor) -> Tensor:
        """Features (B, k * h' * w') -> (B, h, w, c) in the images' range."""
        code = features.reshape(-1, *self.code_shape)
        if self.pooled_size != self.code_size:
            code = F.interpolate(code, self.code_size)
        return self.normalization.inverse(self.decoder(code))

    def code(self, x: Tensor) -> Tensor:
        """Standardised (B, c, h, w) -> code (B, k, h', w')."""
        return self.encoder(x)

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared reconstruction error of standardised images, a scalar."""
        x = self.normalization(images)
        return F.mse_loss(self.decoder(self.encoder(x)).float(), x)


class DenoisingNetwork(ConvNetwork):
    """Restores whole images from noisy ones with hidden blocks.

    Parameters
    ----------
    *args, **kwargs
        As for `ConvNetwork`.
    noise : float
        Standard deviation of the noise, in those of the channels.
    mask_fraction : float
        Part of the blocks that is hidden.
    mask_size : int
        Side of a block in pixels.
    """

    def __init__(
        self,
        *args: Any,
        noise: float,
        mask_fraction: float,
        mask_size: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.noise = noise
        self.mask_fraction = mask_fraction
        self.mask_size = mask_size

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the restored images, standardised; a scalar."""
        x = self.normalization(images)
        seen = add_noise(x, self.noise, generator)
        hidden = draw_mask(x, self.mask_fraction, self.mask_size, generator)
        restored = self.decoder(self.code(seen * (1 - hidden)))
        return F.mse_loss(restored.float(), x)


class MaskedNetwork(ConvNetwork):
    """Paints what is hidden of an image, and is judged on that alone.

    Parameters
    ----------
    *args, **kwargs
        As for `ConvNetwork`.
    mask_fraction : float
        Part of the blocks that is hidden.
    mask_size : int
        Side of a block in pixels.
    """

    def __init__(
        self, *args: Any, mask_fraction: float, mask_size: int, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.mask_fraction = mask_fraction
        self.mask_size = mask_size

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of the hidden pixels, standardised; a scalar."""
        x = self.normalization(images)
        hidden = draw_mask(x, self.mask_fraction, self.mask_size, generator)
        painted = self.decoder(self.code(x * (1 - hidden))).float()
        lost = ((painted - x).square() * hidden).sum()
        return lost / (hidden.sum() * x.shape[1]).clamp(min=1)


class VariationalNetwork(ConvNetwork):
    """A code drawn from a normal distribution at each position; features are its mean.

    Parameters
    ----------
    *args, **kwargs
        As for `ConvNetwork`.
    beta : float
        Weight of the divergence from the prior, per value of the code.
    """

    def __init__(self, *args: Any, beta: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.beta = beta
        channels = self.code_shape[0]
        self.mean = nn.Conv2d(channels, channels, 1)
        self.log_variance = nn.Conv2d(channels, channels, 1)

    def code(self, x: Tensor) -> Tensor:
        """Standardised (B, c, h, w) -> mean of the code (B, k, h', w')."""
        return self.mean(self.encoder(x))

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of standardised images + beta * divergence, a scalar."""
        x = self.normalization(images)
        hidden = self.encoder(x)
        mean = self.mean(hidden).float()
        log_variance = self.log_variance(hidden).float().clamp(-10, 10)
        code = add_noise(mean, (log_variance / 2).exp(), generator)
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).mean() / 2
        error = F.mse_loss(self.decoder(code).float(), x)
        return error + self.beta * divergence


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
