"""The networks: images (B, h, w, c) in their own range <-> features (B, n)."""

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
    depth : int
        Channels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(depth))
        self.register_buffer("std", torch.ones(depth))

    def forward(self, images: Tensor) -> Tensor:
        """(B, h, w, c) in the images' range -> (B, c, h, w), standardised."""
        width = images.shape[2]
        rows = images.float().flatten(2)  # (B, h, w * c): long rows are vectorised
        rows = (rows - self.mean.repeat(width)) / self.std.repeat(width)
        # permuting NHWC gives channels-last memory without moving a byte
        return rows.view(images.shape).permute(0, 3, 1, 2)

    def inverse(self, x: Tensor) -> Tensor:
        """(B, c, h, w), standardised -> (B, h, w, c) in the images' range."""
        return x.permute(0, 2, 3, 1) * self.std + self.mean


class LocalWhitening(nn.Module):
    """What a pixel says beyond its surroundings, at the contrast of its neighbourhood.

    Neighbouring pixels are nearly equal, so an autoencoder that is judged by pixels first
    learns large smooth areas. Whitened, all scales count alike.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    """

    kernel: Tensor

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        height, width, depth = image_shape
        # odd, so that there is a centre; at most 7 x 7 and the image
        self.size = tuple(min(7, side - 1 + side % 2) for side in (height, width))
        self.register_buffer("kernel", torch.zeros(depth, depth, *self.size))

    @torch.no_grad()
    def learn(self, x: Tensor) -> None:
        """Learn the filter from standardised images (n, c, h, w)."""
        height, width = self.size
        depth = x.shape[1]
        down, right = (max(1, side // 16) for side in x.shape[2:])
        patches = x.unfold(2, height, down).unfold(3, width, right)
        rows = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, depth * height * width)
        rows = rows - rows.mean(0)
        values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
        zca = vectors * (values.clamp(min=0) + 0.02).rsqrt() @ vectors.T
        centre = torch.arange(depth) * height * width + height * width // 2
        self.kernel.copy_(zca[centre].view(depth, depth, height, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, c, h, w), standardised -> the same shape, locally white."""
        height, width = self.size
        edges = (width // 2, width // 2, height // 2, height // 2)
        # large weights cancel: bfloat16 would be wrong by 4 %, and no faster
        with torch.autocast(x.device.type, enabled=False):
            white = F.conv2d(F.pad(x, edges, mode="replicate"), self.kernel)
        power = white.square().mean(1, keepdim=True)
        near = power  # averaged over squares, along one axis after the other
        for size, edge in (((1, 9), (0, 4)), ((9, 1), (4, 0))):
            near = F.avg_pool2d(near, size, 1, edge, count_include_pad=False)
        return white * (near + 0.05).rsqrt()


class ConvStage(nn.Sequential):
    """A strided 3x3 convolution that halves the image; batch normalisation; ReLU.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the images it sees and makes.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, 2, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, c, h, w) -> (B, c', h', w')."""
        if self.training:
            trained: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
            return trained
        # fixed statistics fold into the convolution: two passes over its output fewer
        convolution: Any = self[0]
        norm: Any = self[1]
        gain = norm.weight * (norm.running_var + norm.eps).rsqrt()
        weight = convolution.weight * gain[:, None, None, None]
        bias = norm.bias - norm.running_mean * gain
        return F.relu_(F.conv2d(x, weight, bias, stride=2, padding=1))


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
            stage: list[nn.Module] = [nn.ConvTranspose2d(c_in, c_out, 4, 2, 1)]
            if not last:  # the norm takes the bias away again: nothing to learn
                stage[0].bias.requires_grad_(False)
                stage += [nn.BatchNorm2d(c_out), nn.ReLU()]
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
        seen = channels if all_layers else channels[-1:]
        self.n_features = sum(seen) * self.grid[0] * self.grid[1]
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
        seen = [self.head(x), *(stages[-2::-1] if self.all_layers else [])]
        return torch.cat([self._pool(one).flatten(1) for one in seen], dim=1)

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
        """Standardised (B, c, h, w) -> code (B, k, h', w')."""
        return self.head(self.encoder(x))

    def errors(self, code: Tensor, x: Tensor) -> Tensor:
        """Squared errors (B, 2c, h, w) of what a code gives: pixels, whitened ones."""
        target = torch.cat([x, self.whitening(x)], dim=1)
        return F.mse_loss(self.decoder(code).float(), target, reduction="none")

    def loss(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mean squared error of standardised and of whitened pixels, a scalar."""
        x = self.normalization(images)
        return self.errors(self.code(x), x).mean()


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
        """Mean squared error of the restored pixels, plain and whitened; a scalar."""
        x = self.normalization(images)
        seen = add_noise(x, self.noise, generator)
        hidden = draw_mask(x, self.mask_fraction, self.mask_size, generator)
        return self.errors(self.code(seen * (1 - hidden)), x).mean()


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
        """Mean squared error of the hidden pixels, plain and whitened; a scalar."""
        x = self.normalization(images)
        hidden = draw_mask(x, self.mask_fraction, self.mask_size, generator)
        lost = self.errors(self.code(x * (1 - hidden)), x) * hidden
        return lost.sum() / (hidden.sum() * lost.shape[1]).clamp(min=1)


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
        return self.errors(code, x).mean() + self.beta * divergence


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
