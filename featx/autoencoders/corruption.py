"""What is done to images before an autoencoder has to restore them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def add_noise(x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise of standard deviation `sigma` to (B, c, h, w)."""
    shape = x.permute(0, 2, 3, 1).shape
    # drawn in the order of memory, in which torch draws many at a time
    noise = torch.empty(shape, dtype=x.dtype, device=x.device)
    noise.normal_(generator=generator)
    return x + sigma * noise.permute(0, 3, 1, 2)


def draw_mask(
    x: Tensor, fraction: float, block: int, generator: torch.Generator
) -> Tensor:
    """Choose square blocks of images (B, c, h, w) to hide.

    Each is hidden with probability `fraction`; `block` is its side in pixels. Returns
    (B, 1, h, w): 1 where hidden, else 0.
    """
    height, width = x.shape[2:]
    rows, columns = -(-height // block), -(-width // block)
    drawn = torch.rand(len(x), 1, rows, columns, device=x.device, generator=generator)
    hidden = F.interpolate((drawn < fraction).float(), scale_factor=float(block))
    return hidden[:, :, :height, :width]
