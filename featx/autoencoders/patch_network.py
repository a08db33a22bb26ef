"""The patch network: filters on whitened patches, their code pooled over a grid."""

from __future__ import annotations

import math
from itertools import pairwise, product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_CPU_BYTES = 8 * 2**20  # of responses at a time: what a processor's cache can hold
_GPU_BYTES = 2**30


class PatchNetwork(nn.Module):
    """A sparse autoencoder with tied weights on contrast-normalised, whitened patches.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels.
    patch_shape : tuple of int
        Height and width of a patch, in pixels of the reduced image.
    n_components : int
        Filters.
    n_active : int
        Filters that rebuild a patch in training.
    threshold : float
        Responses between minus and plus this do not count in the features.
    grid : tuple of int
        Rows and columns of cells over which the code is averaged.
    reduction : int
        Images are first averaged over squares of this many pixels.
    n_drawn : int
        Principal components of an image that `decode` can draw.
    """

    contrast_floor: Tensor
    centre: Tensor
    whitening: Tensor
    readout: Tensor
    drawing: Tensor
    mean_image: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        patch_shape: tuple[int, int],
        *,
        n_components: int,
        n_active: int,
        threshold: float,
        grid: tuple[int, int],
        reduction: int,
        n_drawn: int,
    ) -> None:
        super().__init__()
        height, width, depth = image_shape
        self.image_size = (height, width)
        self.reduced_shape = (-(-height // reduction), -(-width // reduction), depth)
        self.patch_shape = patch_shape
        self.n_active = n_active
        self.threshold = threshold
        self.reduction = reduction
        self.grid = grid
        self.n_features = grid[0] * grid[1] * 2 * n_components
        size = patch_shape[0] * patch_shape[1] * depth
        self.filters = nn.Parameter(torch.zeros(n_components, size))
        self.register_buffer("contrast_floor", torch.ones(()))
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("whitening", torch.eye(size))
        n_pixels = math.prod(self.reduced_shape)
        self.register_buffer("readout", torch.zeros(self.n_features, n_drawn))
        self.register_buffer("drawing", torch.zeros(n_drawn, n_pixels))
        self.register_buffer("mean_image", torch.zeros(n_pixels))

    @torch.no_grad()
    def learn_whitening(self, patches: Tensor, strength: float) -> None:
        """Learn contrast floor and ZCA whitening from patches (n, ph, pw, c)."""
        rows = patches.float().flatten(1)
        contrast = rows.var(1, correction=0).mean()
        if contrast > 0:  # relative to the usual contrast: flat patches stay small
            self.contrast_floor.copy_(0.01 * contrast)
        rows = self._normalise(rows)
        self.centre.copy_(rows.mean(0))
        rows = rows - self.centre
        # on the CPU: not every device has this decomposition
        values, vectors = torch.linalg.eigh((rows.T @ rows / len(rows)).cpu())
        scale = (values.clamp(min=0) + strength).rsqrt()
        self.whitening.copy_(vectors * scale @ vectors.T)

    @torch.no_grad()
    def start_from(self, patches: Tensor, noise: Tensor) -> None:
        """Make filters of patches (n_components, ph, pw, c): the untrained network."""
        self.filters.copy_(F.normalize(self._whiten(patches) + 1e-3 * noise, dim=1))

    def loss(self, patches: Tensor, generator: torch.Generator) -> Tensor:
        """Power that is lost when a few filters rebuild a patch, a scalar in [0, 1]."""
        x = self._whiten(patches)
        filters = F.normalize(self.filters, dim=1)
        with torch.no_grad():
            active = (x @ filters.T).abs().topk(self.n_active, dim=1).indices
        # an embedding: its gradient is summed in the same order every time
        chosen = F.embedding(active, filters)  # (n, n_active, d)
        code = torch.einsum("nd,nkd->nk", x, chosen)
        rebuilt = torch.einsum("nk,nkd->nd", code, chosen)
        return (x - rebuilt).square().sum() / x.square().sum().clamp(min=1e-12)

    def encode(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> features (B, grid rows * grid columns * 2 * n_components)."""
        # all but the division by the contrast is linear and folds into the filters
        filters = (F.normalize(self.filters, dim=1) @ self.whitening).T.contiguous()
        positions = [
            size - patch + 1
            for size, patch in zip(self.reduced_shape, self.patch_shape, strict=False)
        ]
        rows, columns = (
            [round(i * n / cells) for i in range(cells + 1)]
            for n, cells in zip(positions, self.grid, strict=True)
        )
        budget = _CPU_BYTES if images.device.type == "cpu" else _GPU_BYTES
        largest = (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1)
        at_once = max(1, budget // (4 * largest * len(self.filters)))
        return torch.cat(
            [
                self._pooled_code(part, filters, rows, columns)
                for part in torch.split(images, at_once)
            ]
        )

    def _pooled_code(
        self, images: Tensor, filters: Tensor, rows: list[int], columns: list[int]
    ) -> Tensor:
        height, width = self.patch_shape
        windows = self.reduce(images).unfold(1, height, 1).unfold(2, width, 1)
        windows = windows.permute(0, 1, 2, 4, 5, 3)  # (B, rows, columns, ph, pw, c)
        n, threshold = len(images), self.threshold
        cells = []
        for (top, bottom), (left, right) in product(pairwise(rows), pairwise(columns)):
            patches = windows[:, top:bottom, left:right].flatten(3).flatten(0, 2)
            responses = (self._normalise(patches) - self.centre) @ filters
            responses = responses.float().view(n, -1, filters.shape[1])
            mean = responses.new_full(
                (n, 1, responses.shape[1]), 1 / responses.shape[1]
            )
            # the mean of max(r - t, 0) is the mean of max(r, t), less t: fewer passes,
            # but a difference of near numbers, so never in a short format
            with torch.autocast(images.device.type, enabled=False):
                above = mean @ responses.clamp(min=threshold) - threshold
                below = -(mean @ responses.clamp_(max=-threshold)) - threshold
            cells += [above.squeeze(1), below.squeeze(1)]
        return torch.cat(cells, dim=1)

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
        if self.reduction > 1:
            small = F.interpolate(small, self.image_size, mode="bilinear")
        return small.permute(0, 2, 3, 1)

    def reduce(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> the reduced image, float32."""
        images = images.float()
        if self.reduction == 1:
            return images
        small = F.avg_pool2d(images.permute(0, 3, 1, 2), self.reduction, ceil_mode=True)
        return small.permute(0, 2, 3, 1)

    def _normalise(self, rows: Tensor) -> Tensor:
        """Patches (n, d) -> nought mean, and variance one where there is contrast."""
        rows = rows - rows.mean(1, keepdim=True)
        variance = rows.square().mean(1, keepdim=True)
        return rows * (variance + self.contrast_floor).rsqrt()

    def _whiten(self, patches: Tensor) -> Tensor:
        """(n, ph, pw, c) in the images' range -> (n, d), normalised and white."""
        rows = self._normalise(patches.float().flatten(1))
        return (rows - self.centre) @ self.whitening
