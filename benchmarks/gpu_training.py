"""100 epochs over 42,500 images on a GPU, against a plain DataLoader loop."""

from __future__ import annotations

from benchmarks import training
from benchmarks.measure import Done, Work

SAYS = "100 epochs of 42,500 images on a GPU against a DataLoader loop"
UNIT = "images"
BAR = 8.0
LIMITS = {"seconds": 10.0}
NEEDS = "cuda"
FULL = {"n_images": 42_500, "epochs": 100, "batch_size": 512}
QUICK = training.QUICK
operations = training.operations


def ours(n_images: int, epochs: int, batch_size: int) -> Work:
    """Fit the estimator."""
    return training.ours(n_images, epochs, batch_size)


def plain(n_images: int, epochs: int, batch_size: int) -> Work:
    """Run the loop for one epoch; times are compared per image."""
    work = training.plain(n_images, 1, batch_size)

    def one_epoch() -> Done:
        return Done(work().units)  # its loss is that of one epoch, ours of many

    return one_epoch
