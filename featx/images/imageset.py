"""ImageSet: labeled images of one part; Dataset: the parts of a comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError
from featx.memory_maps import release_pages


def row_digests(X: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Hash the pixels of each image (n, h, w, c); BLAKE2b, 16 bytes each.

    Examples
    --------
    >>> X = np.zeros((3, 2, 2, 1), np.uint8)
    >>> X[1] = 1
    >>> first, second, third = row_digests(X)
    >>> first == second, first == third
    (False, True)
    """
    digests = np.empty(len(X), "S16")
    for start in range(0, len(X), 4096):
        for i, image in enumerate(X[start : start + 4096], start):
            data = np.ascontiguousarray(image).data
            digests[i] = hashlib.blake2b(data, digest_size=16).digest()
        release_pages(X)
    return digests


def content_digest(X: NDArray[np.uint8]) -> str:
    """SHA-256 of the shape and pixels of images, 64 hexadecimal digits."""
    digest = hashlib.sha256(repr(X.shape).encode())
    digest.update(row_digests(X).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class ImageSet:
    """Labeled images of one size.

    Parameters
    ----------
    X : ndarray or memmap of uint8, shape (n, h, w, c)
        Pixels, 0 to 255, with 1 (gray) or 3 (RGB) channels.
    y : ndarray of int64, shape (n,)
        Labels, indices into `class_names`.
    ids : ndarray of str, shape (n,)
        A name for each image that stays with it, such as its relative path.
    class_names : tuple of str
        Names of the classes in the order of the labels.
    """

    X: NDArray[np.uint8]
    y: NDArray[np.int64]
    ids: NDArray[np.str_]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.X.dtype != np.uint8 or self.X.ndim != 4:
            raise DataError(
                f"Got images of dtype {self.X.dtype} and shape {self.X.shape}, but "
                "expected uint8 (n, height, width, channels)."
            )
        if not len(self.X) == len(self.y) == len(self.ids):
            raise DataError(
                f"Got {len(self.X)} images, {len(self.y)} labels and {len(self.ids)} "
                "ids, but expected as many labels and ids as images."
            )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        return self.X.shape[1:]  # 4-D by __post_init__

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """Images per class, shape (n_classes,)."""
        return np.bincount(self.y, minlength=len(self.class_names))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the pixels; labels do not enter, encoders never see them."""
        return content_digest(self.X)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> ImageSet:
        """Return the images at `rows`, in that order."""
        return ImageSet(self.X[rows], self.y[rows], self.ids[rows], self.class_names)


@dataclass(frozen=True)
class Skipped:
    """One image that could not be read.

    Parameters
    ----------
    id : str
        Its relative path.
    reason : str
        What was wrong with it, one line.
    """

    id: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """All parts of a labeled image set, ready for a comparison.

    Parameters
    ----------
    name : str
        Name of the set, or the path it came from.
    train : ImageSet
        All training images, the validation part among them.
    test : ImageSet
        Test images; only the evaluation reads their labels.
    validation : ndarray of bool, shape (len(train),)
        True for the training images on which settings are chosen.
    skipped : tuple of Skipped
        Images that could not be read.
    notes : tuple of str
        Decisions made while loading that the user should know of, one line each.
    """

    name: str
    train: ImageSet
    test: ImageSet
    validation: NDArray[np.bool_]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of the labels."""
        return self.train.class_names

    def describe(self) -> dict[str, object]:
        """Summarize as plain data for reports and JSON."""
        return {
            "name": self.name,
            "image_shape": list(self.train.image_shape),
            "n_train": len(self.train),
            "n_validation": int(self.validation.sum()),
            "n_test": len(self.test),
            "class_names": list(self.class_names),
            "train_per_class": self.train.class_counts.tolist(),
            "test_per_class": self.test.class_counts.tolist(),
            "skipped": [{"id": s.id, "reason": s.reason} for s in self.skipped],
            "notes": list(self.notes),
            "train_digest": self.train.digest,
            "test_digest": self.test.digest,
        }
