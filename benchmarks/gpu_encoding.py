"""Encoding 200,000 images on a GPU, against torchvision's feature extractor in a loop."""

from __future__ import annotations

from benchmarks import deep_encoding
from benchmarks.measure import Work

SAYS = "encoding 200,000 images on a GPU against a torchvision feature loop"
UNIT = "images"
BAR = 10.0
LIMITS = {"seconds": 0.4}  # 500,000 images in a second
NEEDS = "cuda"
FULL = {"n_images": 200_000, "channels": (32, 64, 128), "batch_size": 2048}
QUICK = deep_encoding.QUICK
ours, operations = deep_encoding.ours, deep_encoding.operations


def plain(n_images: int, channels: tuple[int, ...], batch_size: int) -> Work:
    """Encode a tenth of the images; times are compared per image."""
    return deep_encoding.plain(max(1, n_images // 10), channels, batch_size)
