"""Images that any classifier can tell apart."""

import numpy as np

from featx.images import ImageSet


def make_images(n, *, size=8, channels=1, n_classes=3, seed=0, prefix=""):
    """Bright blocks whose place tells the class, on noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.integers(0, 60, (n, size, size, channels)).astype(np.uint8)
    side = size // n_classes
    for image, label in zip(X, y, strict=True):
        image[:, label * side : (label + 1) * side] += 120
    ids = np.array([f"{prefix}{i}.png" for i in range(n)])
    return ImageSet(X, y, ids, tuple("abcdefgh"[:n_classes]))
