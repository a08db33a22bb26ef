"""Draws images from features that say nothing of single pixels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Readout(nn.Module):
    """Features -> images, by ridge regression of their principal components.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    downsample : int
        Images are first averaged over squares of this many pixels.
    n_features : int
        Columns of the features.
    n_drawn : int
        Principal components that can be drawn.
    """

    weights: Tensor
    components: Tensor
    mean_image: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        downsample: int,
        n_features: int,
        n_drawn: int,
    ) -> None:
        super().__init__()
        height, width, depth = image_shape
        self.image_size = (height, width)
        self.downsample = downsample
        self.reduced_shape = (-(-height // downsample), -(-width // downsample), depth)
        n_pixels = math.prod(self.reduced_shape)
        self.register_buffer("weights", torch.zeros(n_features, n_drawn))
        self.register_buffer("components", torch.zeros(n_drawn, n_pixels))
        self.register_buffer("mean_image", torch.zeros(n_pixels))

    @torch.no_grad()
    def learn(self, small: Tensor, features: Tensor) -> None:
        """Learn to draw reduced images (n, h, w, c) from features (n, n_features)."""
        pixels = small.flatten(1)
        mean, offset = pixels.mean(0), features.mean(0)
        # decompositions on the CPU: not every device has them
        _, _, components = torch.linalg.svd((pixels - mean).cpu(), full_matrices=False)
        components = components.to(pixels.device)
        components = components[: len(self.components)]
        x = features - offset
        gram = x @ x.T
        gram.diagonal().add_(3e-3 * gram.diagonal().mean() + 1e-6)
        target = (pixels - mean) @ components.T
        weights = x.T @ torch.linalg.solve(gram.cpu(), target.cpu()).to(x.device)
        self.weights.copy_(weights)
        self.components.copy_(components)
        self.mean_image.copy_(mean - offset @ weights @ components)

    def forward(self, features: Tensor) -> Tensor:
        """Features -> (B, h, w, c) in the images' range."""
        pixels = features @ self.weights @ self.components + self.mean_image
        small = pixels.view(-1, *self.reduced_shape).permute(0, 3, 1, 2)
        if self.downsample > 1:
            small = F.interpolate(small, self.image_size, mode="bilinear")
        return small.permute(0, 2, 3, 1)

    def reduce(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> the reduced image, float32."""
        return averaged(images.float(), self.downsample)


def averaged(images: Tensor, factor: int) -> Tensor:
    """Average images (B, h, w, c) over squares of factor x factor pixels."""
    if factor == 1 or not images.numel():
        return images
    x = images.permute(0, 3, 1, 2)
    # at the border over what is there; so it counts anyway, but graphs must be told
    small = F.avg_pool2d(x, factor, ceil_mode=True, count_include_pad=False)
    return small.permute(0, 2, 3, 1)
