"""ImageSet: labeled images of one part; Dataset: the parts of a comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


def content_digest(X: NDArray[np.uint8], rows: NDArray[np.bytes_] | None = None) -> str:
    """SHA-256 of the shape and pixels of images, 64 hexadecimal digits.

    `rows` are the `row_digests` of X, where they are known already.
    """
    rows = row_digests(X) if rows is None else rows
    digest = hashlib.sha256(repr(X.shape).encode())
    digest.update(np.ascontiguousarray(rows).data)
    return digest.hexdigest()


@dataclass(frozen=True)
class ImageSet:
    """Images of one size.

    Parameters
    ----------
    X : ndarray or memmap of uint8, shape (n, h, w, c)
        Pixels, 0 to 255, with 1 (gray) or 3 (RGB) channels.
    y : ndarray of int64, shape (n,)
        Labels, indices into `class_names`; -1 for images without a label.
    ids : ndarray of str, shape (n,)
        A name for each image that stays with it, such as its relative path.
    class_names : tuple of str
        Names of the classes in the order of the labels.
    groups : ndarray of int64, shape (n,), optional
        What images have in common, such as a patient or a site: those of one group are
        never in different parts. By default every image is on its own.

    Examples
    --------
    >>> import numpy as np
    >>> from featx import ImageSet
    >>> X = np.zeros((2, 8, 8, 1), np.uint8)
    >>> images = ImageSet(X, np.array([0, 1]), np.array(["a.png", "b.png"]), ("cat", "dog"))
    >>> len(images), images.image_shape
    (2, (8, 8, 1))
    """

    X: NDArray[np.uint8]
    y: NDArray[np.int64]
    ids: NDArray[np.str_]
    class_names: tuple[str, ...]
    groups: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.X.dtype != np.uint8 or self.X.ndim != 4:
            raise DataError(
                f"Got images of dtype {self.X.dtype} and shape {self.X.shape}, but "
                "expected uint8 (n, height, width, channels)."
            )
        groups = self.y if self.groups is None else self.groups
        if not len(self.X) == len(self.y) == len(self.ids) == len(groups):
            raise DataError(
                f"Got {len(self.X)} images, {len(self.y)} labels, {len(self.ids)} ids and "
                f"{len(groups)} groups, but expected as many of each as images."
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
        return np.bincount(self.y[self.y >= 0], minlength=len(self.class_names))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the pixels; labels do not enter, encoders never see them."""
        return content_digest(self.X)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> ImageSet:
        """Return the images at `rows`, in that order."""
        groups = None if self.groups is None else self.groups[rows]
        X, y, ids = self.X[rows], self.y[rows], self.ids[rows]
        return ImageSet(X, y, ids, self.class_names, groups)

    def followed_by(self, other: ImageSet) -> ImageSet:
        """Return the images of both, of the same size and classes.

        They have groups if both have some.
        """
        groups = None
        if self.groups is not None and other.groups is not None:
            groups = np.concatenate([self.groups, other.groups])
        return ImageSet(
            np.concatenate([self.X, other.X]),
            np.concatenate([self.y, other.y]),
            np.concatenate([self.ids, other.ids]),
            self.class_names,
            groups,
        )


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
    """All parts of an image set, ready for a comparison.

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
    unlabeled : ImageSet, optional
        Images without a label: encoders learn from them, too. None by default.
    test_given : bool, default=True
        The test part came with the data; else it was split off.
    skipped : tuple of Skipped
        Images that could not be read.
    notes : tuple of str
        Decisions made while loading that the user should know of, one line each.

    Examples
    --------
    >>> import tempfile
    >>> from featx import load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digits = load_dataset("digits", cache_dir=folder)
    >>> len(digits.train), len(digits.test), digits.class_names[:3]
    (1438, 359, ('0', '1', '2'))
    """

    name: str
    train: ImageSet
    test: ImageSet
    validation: NDArray[np.bool_]
    unlabeled: ImageSet = None  # type: ignore[assignment]  # empty, see below
    test_given: bool = True
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.unlabeled is None:
            vars(self)["unlabeled"] = self.train.take(np.arange(0))

    @cached_property
    def learning_images(self) -> ImageSet:
        """All that encoders learn from: unlabeled images, then training images."""
        if not len(self.unlabeled):
            return self.train
        return self.unlabeled.followed_by(self.train)

    @cached_property
    def labeled_images(self) -> ImageSet:
        """All that have a label: training images, then test images."""
        return self.train.followed_by(self.test)

    def __len__(self) -> int:
        return len(self.unlabeled) + len(self.train) + len(self.test)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        return self.train.image_shape

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of the labels."""
        return self.train.class_names

    @property
    def labeled_only(self) -> Dataset:
        """The same without images that have no label."""
        return replace(self, unlabeled=self.train.take(np.arange(0)))

    @property
    def whole(self) -> Dataset:
        """The data set of a page about folds: every labeled image is in both parts."""
        images = self.labeled_images
        return replace(
            self,
            train=images,
            test=images,
            validation=np.zeros(len(images), bool),
            notes=tuple(n for n in self.notes if not n.startswith("no test part")),
        )

    @property
    def n_groups(self) -> int | None:
        """Groups of labeled images; None where every image is on its own."""
        train, test = self.train.groups, self.test.groups
        if train is None or test is None:
            return None
        return len(np.unique(np.concatenate([train, test])))

    def describe(self) -> dict[str, object]:
        """Summarize as plain data for reports and JSON."""
        return {
            "name": self.name,
            "image_shape": list(self.train.image_shape),
            "n_train": len(self.train),
            "n_validation": int(self.validation.sum()),
            "n_test": len(self.test),
            "n_unlabeled": len(self.unlabeled),
            "n_groups": self.n_groups,
            "class_names": list(self.class_names),
            "train_per_class": self.train.class_counts.tolist(),
            "test_per_class": self.test.class_counts.tolist(),
            "skipped": [{"id": s.id, "reason": s.reason} for s in self.skipped],
            "notes": list(self.notes),
            "train_digest": self.train.digest,
            "test_digest": self.test.digest,
            "learning_digest": self.learning_images.digest,
        }
