"""Patch filters: a sparse autoencoder of whitened patches, pooled over a grid."""

from __future__ import annotations

from itertools import pairwise, product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_CPU_BYTES = 8 * 2**20  # of responses at a time: what a processor's cache can hold
_GPU_BYTES = 2**30


class PatchFilters(nn.Module):
    """A sparse autoencoder with tied weights on contrast-normalised, whitened patches.

    Parameters
    ----------
    image_shape : tuple of int
        Height, width and channels of the images it sees.
    patch_shape : tuple of int
        Height and width of a patch.
    n_components : int
        Filters.
    n_active : int
        Filters that rebuild a patch in training.
    threshold : float
        Responses between minus and plus this do not count in the features.
    pooling : int
        Rows and columns of cells over which the code is averaged, if there are so many
        positions.
    """

    contrast_floor: Tensor
    centre: Tensor
    whitening: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        patch_shape: tuple[int, int],
        *,
        n_components: int,
        n_active: int,
        threshold: float,
        pooling: int,
    ) -> None:
        super().__init__()
        self.patch_shape = patch_shape
        self.n_active = n_active
        self.threshold = threshold
        self.edges = []
        for size, patch in zip(image_shape, patch_shape, strict=False):
            positions = size - patch + 1
            cells = min(pooling, positions)
            self.edges.append([round(i * positions / cells) for i in range(cells + 1)])
        rows, columns = self.edges
        self.n_features = (len(rows) - 1) * (len(columns) - 1) * 2 * n_components
        size = patch_shape[0] * patch_shape[1] * image_shape[2]
        self.filters = nn.Parameter(torch.zeros(n_components, size))
        self.register_buffer("contrast_floor", torch.ones(()))
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("whitening", torch.eye(size))

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
        """Make filters of patches (n_components, ph, pw, c): the untrained filters."""
        self.filters.copy_(F.normalize(self.whiten(patches) + 1e-3 * noise, dim=1))

    def loss(self, patches: Tensor) -> Tensor:
        """Power that is lost when a few filters rebuild a patch, a scalar in [0, 1]."""
        x = self.whiten(patches)
        filters = F.normalize(self.filters, dim=1)
        with torch.no_grad():
            active = (x @ filters.T).abs().topk(self.n_active, dim=1).indices
        # an embedding: its gradient is summed in the same order every time
        chosen = F.embedding(active, filters)  # (n, n_active, d)
        code = torch.einsum("nd,nkd->nk", x, chosen)
        rebuilt = torch.einsum("nk,nkd->nd", code, chosen)
        return (x - rebuilt).square().sum() / x.square().sum().clamp(min=1e-12)

    def encode(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> features (B, cells * 2 * n_components)."""
        # all but the division by the contrast is linear and folds into the filters
        filters = (F.normalize(self.filters, dim=1) @ self.whitening).T.contiguous()
        rows, columns = self.edges
        budget = _CPU_BYTES if images.device.type == "cpu" else _GPU_BYTES
        largest = (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1)
        at_once = max(1, budget // (4 * largest * len(self.filters)))
        return torch.cat(
            [self._pooled_code(part, filters) for part in torch.split(images, at_once)]
        )

    def _pooled_code(self, images: Tensor, filters: Tensor) -> Tensor:
        height, width = self.patch_shape
        windows = images.unfold(1, height, 1).unfold(2, width, 1)
        windows = windows.permute(0, 1, 2, 4, 5, 3)  # (B, rows, columns, ph, pw, c)
        n, threshold = len(images), self.threshold
        rows, columns = self.edges
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

    def whiten(self, patches: Tensor) -> Tensor:
        """(n, ph, pw, c) in the images' range -> (n, d), normalised and white."""
        rows = self._normalise(patches.float().flatten(1))
        return (rows - self.centre) @ self.whitening

    def _normalise(self, rows: Tensor) -> Tensor:
        """Patches (n, d) -> nought mean, and variance one where there is contrast."""
        rows = rows - rows.mean(1, keepdim=True)
        variance = rows.square().mean(1, keepdim=True)
        return rows * (variance + self.contrast_floor).rsqrt()
