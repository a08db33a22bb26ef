"""The patch network: patch filters at several resolutions, and a read-out that draws."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from featx.autoencoders.patch_filters import PatchFilters


class PatchNetwork(nn.Module):
    """Patch filters at several resolutions, each half of the one before.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    patch_shape : tuple of int
        Height and width of a patch, in pixels of its resolution.
    n_components : tuple of int
        Filters at each resolution.
    n_nonzero_coefs, threshold, pooling
        See `PatchFilters`.
    downsample : int
        Images are first averaged over squares of this many pixels.
    n_drawn : int
        Principal components of an image that `decode` can draw.
    """

    readout: Tensor
    drawing: Tensor
    mean_image: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        patch_shape: tuple[int, int],
        *,
        n_components: tuple[int, ...],
        n_nonzero_coefs: int,
        threshold: float,
        pooling: int,
        downsample: int,
        n_drawn: int,
    ) -> None:
        super().__init__()
        height, width, depth = image_shape
        self.image_size = (height, width)
        self.reduced_shape = (-(-height // downsample), -(-width // downsample), depth)
        self.downsample = downsample
        self.patch_shape = patch_shape
        rows, columns, _ = self.reduced_shape
        scales: list[PatchFilters] = []
        for n in n_components:
            scales.append(
                PatchFilters(
                    (rows, columns, depth),
                    patch_shape,
                    n_components=n,
                    n_nonzero_coefs=n_nonzero_coefs,
                    threshold=threshold,
                    pooling=pooling,
                )
            )
            rows, columns = -(-rows // 2), -(-columns // 2)
        self.scales = nn.ModuleList(scales)
        self.n_features = sum(scale.n_features for scale in scales)
        n_pixels = math.prod(self.reduced_shape)
        self.register_buffer("readout", torch.zeros(self.n_features, n_drawn))
        self.register_buffer("drawing", torch.zeros(n_drawn, n_pixels))
        self.register_buffer("mean_image", torch.zeros(n_pixels))

    def patches(self, cuts: Tensor) -> Iterator[tuple[PatchFilters, Tensor]]:
        """Give each resolution its patches (n, ph, pw, c) out of cuts of reduced images.

        A cut is a patch of the coarsest resolution; the others see its corner.
        """
        height, width = self.patch_shape
        for scale, corner in self._resolutions(cuts.float()):
            yield scale, corner[:, :height, :width]

    def loss(self, cuts: Tensor, generator: torch.Generator) -> Tensor:
        """Power that is lost in rebuilding patches, a scalar in [0, 1]."""
        losses = [scale.loss(patches) for scale, patches in self.patches(cuts)]
        return torch.stack(losses).mean()

    def encode(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> features (B, n_features), finest resolution first."""
        codes = [s.encode(x) for s, x in self._resolutions(self.reduce(images))]
        return torch.cat(codes, dim=1)

    @torch.no_grad()
    def learn_readout(self, small: Tensor, features: Tensor) -> None:
        """Learn to draw reduced images (n, h, w, c) from features, by ridge regression."""
        pixels = small.flatten(1)
        mean, offset = pixels.mean(0), features.mean(0)
        # decompositions on the CPU: not every device has them
        _, _, components = torch.linalg.svd((pixels - mean).cpu(), full_matrices=False)
        components = components.to(pixels.device)
        components = components[: len(self.drawing)]
        x = features - offset
        gram = x @ x.T
        gram.diagonal().add_(3e-3 * gram.diagonal().mean() + 1e-6)
        target = (pixels - mean) @ components.T
        weights = x.T @ torch.linalg.solve(gram.cpu(), target.cpu()).to(x.device)
        self.readout.copy_(weights)
        self.drawing.copy_(components)
        self.mean_image.copy_(mean - offset @ weights @ components)

    def decode(self, features: Tensor) -> Tensor:
        """Features -> (B, h, w, c) in the images' range."""
        pixels = features @ self.readout @ self.drawing + self.mean_image
        small = pixels.view(-1, *self.reduced_shape).permute(0, 3, 1, 2)
        if self.downsample > 1:
            small = F.interpolate(small, self.image_size, mode="bilinear")
        return small.permute(0, 2, 3, 1)

    def reduce(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> the reduced image, float32."""
        return _reduced(images.float(), self.downsample)

    def _resolutions(self, images: Tensor) -> Iterator[tuple[PatchFilters, Tensor]]:
        for scale in self.scales:
            assert isinstance(scale, PatchFilters)
            yield scale, images
            images = _reduced(images, 2)


def _reduced(images: Tensor, factor: int) -> Tensor:
    """Average images (B, h, w, c) over squares of factor x factor pixels."""
    if factor == 1 or not images.numel():
        return images
    small = F.avg_pool2d(images.permute(0, 3, 1, 2), factor, ceil_mode=True)
    return small.permute(0, 2, 3, 1)
