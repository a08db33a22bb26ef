"""Test images that are also, exactly or nearly, among the training images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.nearness import CHANCE, nearest
from featx.memory_maps import release_pages

SIMILARITY = 0.9
N_SEARCHED = 50_000
_N_TRAIN = 200_000
_SIDE = 16
_BATCH = 4096


@dataclass(frozen=True)
class Duplicates:
    """Which test images are copies of a training image.

    Parameters
    ----------
    of : ndarray of int64, shape (n_test,)
        The row of the training image, -1 where there is none.
    similarity : ndarray of float32, shape (n_test,)
        Correlation of the two, shrunk to at most 16 x 16 and without the mean of each
        channel; 1 where all pixels are equal, 0 where there is no copy.

    Examples
    --------
    >>> import numpy as np
    >>> from featx.evaluation import find_duplicates
    >>> rng = np.random.default_rng(0)
    >>> train = rng.integers(0, 256, (100, 8, 8, 1), dtype=np.uint8)
    >>> find_duplicates(train, train[:2], seed=0).of.tolist()
    [0, 1]
    """

    of: NDArray[np.int64]
    similarity: NDArray[np.float32]

    @property
    def n_searched(self) -> int:
        """Test images whose near copies were searched; equal copies are for every one."""
        return min(len(self.of), N_SEARCHED)

    @cached_property
    def test_rows(self) -> NDArray[np.int64]:
        """Rows of the test images that are copies, the most similar first."""
        rows = np.flatnonzero(self.of >= 0)
        return rows[np.argsort(-self.similarity[rows], kind="stable")]

    @property
    def n_exact(self) -> int:
        """Number of test images that equal a training image in every pixel."""
        return int((self.similarity == 1).sum())

    def describe(self) -> str:
        """Say how many there are, in a sentence; nothing if there are none.

        Examples
        --------
        >>> import numpy as np
        >>> of, similarity = np.array([-1, 7, 2]), np.array([0, 1, 0.97], np.float32)
        >>> Duplicates(of, similarity).describe()
        '2 of 3 test images are copies of training images, 1 of them in every pixel.'
        """
        n = len(self.test_rows)
        if not n:
            return ""
        exact = f", {self.n_exact:,} of them in every pixel" if self.n_exact else ""
        copies = "is a copy of a training image"
        if n > 1:
            copies = "are copies of training images"
        return f"{n:,} of {len(self.of):,} test images {copies}{exact}."

    def to_dict(self) -> dict[str, int]:
        """Count them, for the JSON document."""
        return {
            "found": len(self.test_rows),
            "equal_in_every_pixel": self.n_exact,
            "searched": self.n_searched,
        }


def find_duplicates(
    train: NDArray[np.uint8], test: NDArray[np.uint8], *, seed: int = 0
) -> Duplicates:
    """Find test images that equal or nearly equal a training image.

    Equal ones are found by a digest of their pixels, near ones by the distance to the
    nearest training image. An image is a copy if fewer than 1 in 1,000 would have a
    neighbor so near by chance, see `nearest`, and the two correlate with at least 0.9.

    Images are uint8 of shape (n, h, w, c). Near copies of at most 50,000 test images are
    searched, among at most 200,000 training images, both chosen by `seed`.

    Examples
    --------
    >>> import numpy as np
    >>> train = np.random.default_rng(0).integers(0, 256, (90, 6, 6, 1), np.uint8)
    >>> test = 255 - train[:9]
    >>> test[3] = train[5]
    >>> test[7] = train[8] // 2  # darker
    >>> found = find_duplicates(train, test)
    >>> found.test_rows, found.of[found.test_rows], found.n_exact
    (array([3, 7]), array([5, 8]), 1)
    """
    of = _equal_pixels(train, test)
    similarity = (of >= 0).astype(np.float32)
    rng = np.random.default_rng(seed)
    rows = _some(len(test), N_SEARCHED, rng)
    among = _some(len(train), _N_TRAIN, rng)
    nearest, correlation = _near(_descriptors(train, among), _descriptors(test, rows))
    near = (nearest >= 0) & (of[rows] < 0)
    of[rows[near]] = among[nearest[near]]
    similarity[rows[near]] = np.minimum(
        correlation[near], np.nextafter(np.float32(1), 0)
    )
    return Duplicates(of, similarity)


def _some(n: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.choice(n, min(n, most), replace=False))


def _batches(
    X: NDArray[np.uint8], indices: NDArray[np.int64]
) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(indices), _BATCH):
        yield X[indices[start : start + _BATCH]]
        release_pages(X)


def _equal_pixels(
    train: NDArray[np.uint8], test: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Find the first training image of the same pixels; -1 if there is none."""
    if train.shape[1:] != test.shape[1:]:
        return np.full(len(test), -1)
    digests = list(_digests(test))
    first = dict.fromkeys(digests, -1)
    for row, digest in enumerate(_digests(train)):
        if first.get(digest) == -1:
            first[digest] = row
    return np.array([first[digest] for digest in digests], np.int64)


def _digests(X: NDArray[np.uint8]) -> Iterator[bytes]:
    for batch in _batches(X, np.arange(len(X))):
        for image in batch:
            yield hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def _descriptors(
    X: NDArray[np.uint8], indices: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Shrink images by averaging, to vectors of length 1; flat images to 0.

    The mean of each channel is subtracted, or the blue of two skies would make them alike.
    """
    parts = []
    for batch in _batches(X, indices):
        small = _shrunk(batch.astype(np.float32))
        small -= small.mean(axis=(1, 2), keepdims=True)
        rows = small.reshape(len(batch), -1)
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        flat = length < 0.5 * np.sqrt(rows.shape[1])  # pixels were rounded by more
        parts.append(np.where(flat, 0, rows / np.where(flat, 1, length)))
    return np.concatenate(parts).astype(np.float32)


def _shrunk(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average neighboring pixels of images (n, h, w, c), to at most 16 each way."""
    n, height, width, depth = X.shape
    rows, columns = _averaging(height), _averaging(width)
    lower = rows @ X.reshape(n, height, width * depth)
    each = np.kron(columns.T, np.eye(depth, dtype=np.float32))
    small = lower.reshape(-1, width * depth) @ each
    return small.reshape(n, len(rows), len(columns), depth)


def _averaging(size: int) -> NDArray[np.float32]:
    """Give the matrix (at most 16, size) that averages neighbors."""
    edges = np.linspace(0, size, min(size, _SIDE) + 1).round().astype(int)
    averages = np.zeros((len(edges) - 1, size), np.float32)
    for row, (start, stop) in zip(averages, pairwise(edges), strict=True):
        row[start:stop] = 1 / (stop - start)
    return averages


def _near(
    train: NDArray[np.float32], test: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the nearest training image; -1 if chance alone brings one as near."""
    found = nearest(train, test)
    if found is None:
        return np.full(len(test), -1), np.zeros(len(test), np.float32)
    correlation = (1 - np.square(found.distances) / 2).astype(np.float32)
    flat = ~test.any(axis=1)
    copies = (found.by_chance < CHANCE) & (correlation >= SIMILARITY) & ~flat
    return np.where(copies, found.rows, -1), correlation
