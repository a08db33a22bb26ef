"""Decoding a folder of JPEG files, against torchvision's ImageFolder in a DataLoader."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks import synthetic
from benchmarks.measure import Done, Work
from featx import load_dataset

SAYS = "decoding a folder of JPEG images against a torchvision ImageFolder loop"
UNIT = "images"
BAR = None  # measured, not promised
AGREE, RELATIVE = 1e-3, True  # of the mean pixel
FULL = {"n_train": 20_000, "n_test": 2000}
QUICK = {"n_train": 40, "n_test": 20}


def ours(n_train: int, n_test: int) -> Work:
    """Load the folder, with an empty cache every time."""
    folder = Path(tempfile.mkdtemp())
    synthetic.write_tree(folder / "images", n_train, n_test, ".jpg")

    def work() -> Done:
        shutil.rmtree(folder / "cache", ignore_errors=True)
        made = load_dataset(folder / "images", cache_dir=folder / "cache")
        return Done(n_train + n_test, float(made.train.X.mean()))

    work()
    return work


def plain(n_train: int, n_test: int) -> Work:
    """Read both parts with two processes, as the tutorials do."""
    folder = Path(tempfile.mkdtemp())
    synthetic.write_tree(folder / "images", n_train, n_test, ".jpg")

    def read(part: str) -> np.ndarray:
        files = ImageFolder(folder / "images" / part, transforms.ToTensor())
        batches = DataLoader(files, batch_size=128, num_workers=2)
        return np.concatenate([x.numpy() for x, _ in batches])

    def work() -> Done:
        train = read("train")
        read("test")
        return Done(n_train + n_test, 255 * float(train.mean()))

    work()
    return work
