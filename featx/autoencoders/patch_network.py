"""The patch network: patch filters at several resolutions, and a read-out that draws."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from featx.autoencoders.patch_filters import PatchFilters
from featx.autoencoders.readout import Readout, averaged


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
        self.patch_shape = patch_shape
        height, width, depth = image_shape
        rows, columns = -(-height // downsample), -(-width // downsample)
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
        self.readout = Readout(image_shape, downsample, self.n_features, n_drawn)

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
        codes = [s.encode(x) for s, x in self._resolutions(self.readout.reduce(images))]
        return torch.cat(codes, dim=1)

    def decode(self, features: Tensor) -> Tensor:
        """Features -> (B, h, w, c) in the images' range."""
        return self.readout(features)

    def _resolutions(self, images: Tensor) -> Iterator[tuple[PatchFilters, Tensor]]:
        for scale in self.scales:
            assert isinstance(scale, PatchFilters)
            yield scale, images
            images = averaged(images, 2)
