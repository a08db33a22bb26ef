"""Encoding with patch filters, against the machine's rate of matrix products.

The ratio is the part of that rate which encoding reaches, counted in the operations of
the filters alone.
"""

from __future__ import annotations

from benchmarks import matrix_rate, synthetic
from benchmarks.measure import Done, Work
from featx import PatchAutoencoder

SAYS = "encoding with 1,600 patch filters, as a part of the machine's matrix rate"
UNIT = "10^9 operations"
BAR = 0.5
FULL = {"n_images": 2048, "n_filters": 1600, "side": 2048}
QUICK = {"n_images": 32, "n_filters": 16, "side": 64}


def encoder(n_filters: int) -> PatchAutoencoder:
    """Build the encoder; filters are random patches, as fast as learned ones."""
    return PatchAutoencoder(
        n_components=n_filters,
        scales=1,
        augment=None,
        max_epochs=0,
        n_patches=20_000,
        random_state=0,
    )


def operations_per_image(n_filters: int, height: int = 32, patch: int = 6) -> float:
    """Count the operations of the filters on one RGB image, a product per position."""
    return 2 * (height - patch + 1) ** 2 * 3 * patch**2 * n_filters


def ours(n_images: int, n_filters: int, side: int) -> Work:
    """Transform."""
    X = synthetic.images(n_images)
    fitted = encoder(n_filters).fit(X[:512])
    fitted.transform(X[:64])

    def work() -> Done:
        fitted.transform(X)
        return Done(operations_per_image(n_filters) * n_images / 1e9)

    return work


def plain(n_images: int, n_filters: int, side: int) -> Work:
    """Multiply matrices, as many operations."""
    return matrix_rate.products(operations_per_image(n_filters) * n_images, side)
