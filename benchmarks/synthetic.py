"""Images and features made up for measuring, the same in every run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featx.images import Dataset, ImageSet

N_CLASSES = 10


def images(n: int, side: int = 32, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth color fields with edges and noise: something an autoencoder can learn.

    Returns
    -------
    ndarray of uint8, shape (n, side, side, 3)
    """
    rng = np.random.default_rng(seed)
    made = np.empty((n, side, side, 3), np.uint8)
    axis = np.linspace(-1, 1, side)
    for start in range(0, n, 4096):
        part = made[start : start + 4096]
        k = len(part)
        slope = rng.normal(0, 40, (2, k, 1, 1, 3))
        fields = 127 + slope[0] * axis[:, None, None] + slope[1] * axis[:, None]
        edge = rng.normal(0, 1, (3, k, 1, 1))
        beyond = edge[0] * axis[:, None] + edge[1] * axis > edge[2] / 2
        fields += 50 * beyond[..., None] + rng.normal(0, 8, part.shape)
        part[:] = fields.clip(0, 255)
    return made


def image_set(X: NDArray[np.uint8]) -> ImageSet:
    """Give images labels and ids."""
    ids = np.array([f"{i}.png" for i in range(len(X))])
    return ImageSet(
        X, np.arange(len(X)) % N_CLASSES, ids, tuple("abcdefghij"[:N_CLASSES])
    )


def dataset(n_train: int, n_test: int) -> Dataset:
    """Images in two parts."""
    return Dataset(
        "synthetic",
        image_set(images(n_train, seed=0)),
        image_set(images(n_test, seed=1)),
        validation=np.arange(n_train) % 10 == 0,
    )


def write_tree(root: Path, n_train: int, n_test: int, suffix: str = ".png") -> None:
    """Write images as files: train/CLASS/* and test/CLASS/*."""
    made = dataset(n_train, n_test)
    for name, part in (("train", made.train), ("test", made.test)):
        for label in made.class_names:
            (root / name / label).mkdir(parents=True)
        for i, (x, label) in enumerate(zip(part.X, part.y, strict=True)):
            file = root / name / made.class_names[label] / f"{i}{suffix}"
            Image.fromarray(x).save(file)


def features(
    n: int, n_features: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Ten overlapping classes of several clusters each, in few true dimensions.

    Returns
    -------
    X : ndarray of float32, shape (n, n_features)
    y : ndarray of int64, shape (n,)
    """
    fixed = np.random.default_rng(0)  # the same classes for every seed
    n_true, n_clusters = 32, 4
    centers = fixed.normal(0, 1.0, (N_CLASSES, n_clusters, n_true))
    mixing = fixed.normal(0, n_true**-0.5, (n_true, n_features)).astype(np.float32)
    rng = np.random.default_rng(seed + 1)
    y = rng.integers(N_CLASSES, size=n)
    hidden = centers[y, rng.integers(n_clusters, size=n)]
    hidden = (hidden + rng.normal(0, 1.2, hidden.shape)).astype(np.float32)
    noise = rng.normal(0, 0.5, (n, n_features)).astype(np.float32)
    return hidden @ mixing + noise, y
