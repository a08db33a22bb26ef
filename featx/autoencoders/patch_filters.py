"""Patch filters: a sparse autoencoder of whitened patches, pooled over a grid."""

from __future__ import annotations

from itertools import pairwise, product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from featx.autoencoders.base import batches

_CPU_BYTES = 6 * 2**20  # of responses at a time: what a processor's cache can hold
_GPU_BYTES = 2**30


class PatchFilters(nn.Module):
    """A sparse autoencoder with tied weights on contrast-normalized, whitened patches.

    `n_nonzero_coefs` filters rebuild a patch in training. Responses between minus and plus
    the threshold do not count in the features, which are averaged over `pooling` rows and
    columns of cells, if there are so many positions.
    """

    averages: Tensor
    contrast_floor: Tensor
    center: Tensor
    whitening: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        patch_shape: tuple[int, int],
        *,
        n_components: int,
        n_nonzero_coefs: int,
        threshold: float,
        pooling: int,
    ) -> None:
        super().__init__()
        self.patch_shape = patch_shape
        self.n_nonzero_coefs = n_nonzero_coefs
        self.threshold = threshold
        self.edges = []
        for size, patch in zip(image_shape, patch_shape, strict=False):
            positions = size - patch + 1
            cells = min(pooling, positions)
            self.edges.append([round(i * positions / cells) for i in range(cells + 1)])
        averages = torch.kron(*(_averages(edges) for edges in self.edges))
        self.register_buffer("averages", averages, persistent=False)
        self.n_features = len(averages) * 2 * n_components
        size = patch_shape[0] * patch_shape[1] * image_shape[2]
        self.filters = nn.Parameter(torch.zeros(n_components, size))
        self.register_buffer("contrast_floor", torch.ones(()))
        self.register_buffer("center", torch.zeros(size))
        self.register_buffer("whitening", torch.eye(size))

    @torch.no_grad()
    def learn_whitening(self, patches: Tensor, strength: float) -> None:
        """Learn contrast floor and ZCA whitening from patches (n, ph, pw, c)."""
        contrast = patches.float().flatten(1).var(1, correction=0).mean()
        if contrast > 0:  # relative to the usual contrast: flat patches stay small
            self.contrast_floor.copy_(0.01 * contrast)
        rows = self._normalized(patches).flatten(0, 2)
        self.center.copy_(rows.mean(0))
        rows = rows - self.center
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
            active = (x @ filters.T).abs().topk(self.n_nonzero_coefs, dim=1).indices
        # an embedding: its gradient is summed in the same order every time
        chosen = F.embedding(active, filters)  # (n, n_nonzero_coefs, d)
        code = torch.einsum("nd,nkd->nk", x, chosen)
        rebuilt = torch.einsum("nk,nkd->nd", code, chosen)
        return (x - rebuilt).square().sum() / x.square().sum().clamp(min=1e-12)

    def encode(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> features (B, cells * 2 * n_components)."""
        device, dtype = images.device.type, torch.float32
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        with torch.autocast(device, enabled=False):  # but for the one large product
            return self._encode(images, dtype)

    def _encode(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        # all but the division by the contrast is linear and folds into the filters; a
        # last row adds the threshold to every response
        filters = (F.normalize(self.filters, dim=1) @ self.whitening).T
        filters = F.pad(filters, (0, 0, 0, 1), value=self.threshold).to(dtype)
        rows, columns = self.edges
        budget = _CPU_BYTES if images.device.type == "cpu" else _GPU_BYTES
        largest = (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1)
        at_once = max(1, budget // (filters.itemsize * largest * len(self.filters)))
        code = images.new_empty(
            (len(images), len(self.averages), 2, len(self.filters)), dtype=torch.float32
        )
        for part in batches(len(images), at_once):
            self._encode_into(code[part], images[part], filters)
        return code.flatten(1)

    def _encode_into(self, code: Tensor, images: Tensor, filters: Tensor) -> None:
        """Average what responses r exceed a threshold t by, over the cells of the grid.

        One product and four passes give both sides: with s = r + t, the mean of
        max(r - t, 0) is that of max(s, 2t), less 2t, and the mean of max(-r - t, 0) is
        that of max(s, 0), less that of s, which is the response to a mean patch.
        """
        values = self._normalized(images).sub_(self.center)
        patches = filters.new_ones(*values.shape[:3], len(filters))
        patches[..., :-1] = values
        # not on the device, which would have to be asked for it
        threshold = torch.tensor(self.threshold, dtype=filters.dtype)
        rows, columns = self.edges
        cells = product(pairwise(rows), pairwise(columns))
        for i, ((top, bottom), (left, right)) in enumerate(cells):
            cell = patches[:, top:bottom, left:right].flatten(1, 2)
            responses = cell @ filters  # (B, positions, n_components)
            code[:, i, 1] = _at_least_(responses, 0 * threshold).sum(1)
            code[:, i, 0] = _at_least_(responses, 2 * threshold).sum(1)
            code[:, i] /= cell.shape[1]
        means = self.averages @ values.flatten(1, 2)  # (B, cells, d)
        code[:, :, 0] -= 2 * threshold
        code[:, :, 1] -= means @ filters[:-1].float() + threshold
        code.clamp_(min=0)  # sums are rounded

    def whiten(self, patches: Tensor) -> Tensor:
        """(n, ph, pw, c) in the images' range -> (n, d), normalized and white."""
        return (self._normalized(patches).flatten(0, 2) - self.center) @ self.whitening

    def _normalized(self, images: Tensor) -> Tensor:
        """Every patch (B, rows, columns, d) of images (B, h, w, c).

        Of nought mean, and of variance one where there is contrast.
        """
        height, width = self.patch_shape
        x = images.float()
        x = x - x.mean((1, 2, 3), keepdim=True)  # squares of small numbers
        depth = x.shape[3]
        moments = torch.stack([x, x.square()], dim=1).flatten(3)  # (B, 2, h, w * c)
        moments = F.avg_pool2d(moments, (1, width * depth), (1, depth))
        mean, power = F.avg_pool2d(moments, (height, 1), 1).unbind(1)
        variance = (power - mean.square()).clamp(min=0)
        scale = (variance + self.contrast_floor).rsqrt()
        patches = x.unfold(1, height, 1).unfold(2, width, 1)
        # of images as narrow as a patch it would be a view, in which patches overlap
        patches = patches.permute(0, 1, 2, 4, 5, 3).flatten(3).contiguous()
        return patches.sub_(mean[..., None]).mul_(scale[..., None])


def _averages(edges: list[int]) -> Tensor:
    """Give the matrix (cells, positions) that averages over the cells between edges.

    >>> _averages([0, 2, 3])
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 1.0000]])
    """
    averages = torch.zeros(len(edges) - 1, edges[-1])
    for row, (start, stop) in zip(averages, pairwise(edges), strict=True):
        row[start:stop] = 1 / (stop - start)
    return averages


def _at_least_(x: Tensor, threshold: Tensor) -> Tensor:
    """Maximum of x and a number of its format that is not negative, in place."""
    if x.dtype != torch.bfloat16:
        return x.clamp_(min=threshold.item())
    # bits of positive numbers are ordered as the numbers are, those of negative ones are
    # negative integers, and a processor compares integers without converting them
    x.view(torch.int16).clamp_(min=int(threshold.view(torch.int16)))
    return x
