"""Encoding a million images into the cache, against ten thousand: time of an image.

The images lie in a memory map, as those of a folder do. Both ways are ours; the ratio is
the time per image of the few divided by that of the many.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from benchmarks import synthetic
from benchmarks.measure import Done, Work
from featx import FeatureCache, UntrainedAutoencoder
from featx.features import CachedEncoder
from featx.memory_maps import release_pages

SAYS = "time per image of encoding 1,000,000 images against that of 10,000"
UNIT = "images"
BAR = 1 / 1.2
LIMITS = {"peak_mib": 1430}  # 1.5 GB
FULL = {"many": 1_000_000, "few": 10_000}
QUICK = {"many": 600, "few": 200}
GROWTH = [{"many": n, "few": n} for n in (1000, 10_000, 100_000)]


class Encoding:
    """Encoding n images through the cache, in a temporary folder."""

    def __init__(self, n_images: int) -> None:
        self.n_images = n_images
        self.folder = Path(tempfile.mkdtemp())
        some = synthetic.images(200)  # few: preparing must not need more than encoding
        mapped = open_memmap(
            self.folder / "images.npy", "w+", np.uint8, (n_images, 32, 32, 3)
        )
        for start in range(0, n_images, len(some)):
            part = mapped[start : start + len(some)]
            part[:] = some[: len(part)]
            numbers = np.arange(start, start + len(part))  # or they would be known rows
            part[:, 0, 0] = numbers[:, None] // np.array([1, 256, 65536]) % 256
            release_pages(mapped)
        del mapped
        self.cache = FeatureCache(self.folder / "cache")
        encoder = UntrainedAutoencoder(
            n_components=8,
            hidden_channels=(16, 16),
            layers="code",
            augment=None,
            random_state=0,
        )
        self.encoder: CachedEncoder = self.cache.fit(encoder, synthetic.image_set(some))

    def run(self) -> Done:
        """Encode every image, through the cache."""
        X = np.load(self.folder / "images.npy", mmap_mode="r")
        self.cache.encode(self.encoder, synthetic.image_set(X))
        shutil.rmtree(self.cache.folder / "features")
        return Done(self.n_images)


def ours(many: int, few: int) -> Work:
    """Encode many."""
    return Encoding(many).run


def plain(many: int, few: int) -> Work:
    """Encode few."""
    return Encoding(few).run
