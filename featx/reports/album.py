"""The images that a page shows: which ones, and as a few sheets of small tiles."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featx.evaluation.feature_diagnostics import N_LISTED
from featx.evaluation.results import BenchResults
from featx.images.imageset import Dataset

PER_CELL = 24  # images shown of one cell of a confusion matrix
LONGER_SIDE = 64  # pixels of a tile at most
_PIXELS = 8_000_000  # of all tiles together: the page stays below 15 MB
COLUMNS = 32
PER_SHEET = 1024
_LOSSLESS_PIXELS = 300_000
_BLOCK = 8  # pixels; tiles of whole JPEG blocks do not run into each other


@dataclass(frozen=True)
class Album:
    """Small pictures of some test and training images, packed into sheets.

    Parameters
    ----------
    test_rows, train_rows : ndarray of int64, shape (a,) and (b,)
        Which images; tile i shows test image ``test_rows[i]``, tile ``a + i`` training
        image ``train_rows[i]``.
    train_ids : ndarray of str, shape (b,)
        Names of those training images.
    train_y : ndarray of int64, shape (b,)
        Their labels.
    height, width : int
        Of a tile in pixels, less the padding.
    sheets : tuple of bytes
        PNG or JPEG files, 32 tiles a row, 1,024 tiles each but for the last.
    """

    test_rows: NDArray[np.int64]
    train_rows: NDArray[np.int64]
    train_ids: NDArray[np.str_]
    train_y: NDArray[np.int64]
    height: int
    width: int
    sheets: tuple[bytes, ...]


def is_png(picture: bytes) -> bool:
    """Whether a picture is a PNG file; the others here are JPEG."""
    return picture.startswith(b"\x89PNG")


def cells(results: BenchResults, name: str) -> dict[tuple[int, int], NDArray[np.int64]]:
    """List the test images behind each cell of a confusion matrix, in the order shown.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.
    name : str
        A row of it.

    Returns
    -------
    dict of (int, int) to ndarray of int64
        By true and predicted label, rows among the test images: the most confident
        mistakes first; of right ones the least confident first. Of several seeds, the
        mistakes that most of them make, and the right ones that fewest do. Empty cells
        are absent.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> cells(example_results(), "raw + svm")[1, 0]
    array([6, 7])
    """
    every = results.predictions_of(name)
    sure: NDArray[Any]
    if len(every) == 1:
        rows, said = np.arange(every.shape[1]), every[0]
        sure = results.confidences.get(name, np.zeros(len(rows), np.float32))
    else:  # an image once in each cell that a seed puts it into
        each = np.stack([np.tile(np.arange(every.shape[1]), len(every)), every.ravel()])
        (rows, said), sure = np.unique(each, axis=1, return_counts=True)
    true = results.y_true[rows]
    order = np.lexsort((np.where(true == said, sure, -sure), said, true))
    cell = np.stack([true[order], said[order]])
    ends = np.flatnonzero((np.diff(cell) != 0).any(axis=0)) + 1
    return {
        (int(true[one[0]]), int(said[one[0]])): rows[one]
        for one in np.split(order, ends)
    }


def make_album(results: BenchResults, dataset: Dataset) -> Album:
    """Choose the images that a page about a comparison shows, and pack them.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.
    dataset : Dataset
        The images it was made on.

    Returns
    -------
    Album
        First what the diagnostics name, then images of every cell of every confusion
        matrix, the first ones of each before the second ones, up to 8 million pixels in
        all.
    """
    height, width, _ = dataset.test.image_shape
    shrink = min(1.0, LONGER_SIDE / max(height, width))
    height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
    room = max(64, _PIXELS // (padded(height) * padded(width)))
    test_rows, train_rows = _wanted(results, room)
    tiles = [
        _tile(images.X[row], height, width)
        for images, rows in ((dataset.test, test_rows), (dataset.train, train_rows))
        for row in rows
    ]
    return Album(
        test_rows,
        train_rows,
        dataset.train.ids[train_rows],
        dataset.train.y[train_rows],
        height,
        width,
        tuple(
            _sheet(tiles[start : start + PER_SHEET])
            for start in range(0, len(tiles), PER_SHEET)
        ),
    )


def _wanted(
    results: BenchResults, room: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of test and training images, in the order of their importance."""
    found = results.diagnostics
    train: NDArray[np.int64] = np.empty(0, np.int64)
    test = [train]
    twice = results.duplicates
    named = []
    if found is not None:
        named.append(found.neighbor_rows.ravel())
        test.append(found.query_rows)
    if twice is not None:
        copies = twice.test_rows[:N_LISTED]
        named.append(twice.of[copies])
        test.append(copies)
    if found is not None:
        named.append(found.issue_rows)
        test.append(found.map_rows[: room // 4])
    if named:
        train = _first_ones(np.concatenate(named))[: room // 2]
    ranked: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for row in results.ranked:
        for behind in cells(results, row.name).values():
            rows = behind[:PER_CELL]
            ranked.append((np.arange(len(rows)), rows))
    if ranked:
        ranks, rows = (np.concatenate(part) for part in zip(*ranked, strict=True))
        test.append(rows[np.argsort(ranks, kind="stable")])
    return _first_ones(np.concatenate(test))[: room - len(train)], train


def _first_ones(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Drop repetitions, keeping the order."""
    _, first = np.unique(rows, return_index=True)
    kept: NDArray[np.int64] = rows[np.sort(first)].astype(np.int64)
    return kept


def padded(side: int) -> int:
    """Round the side of a tile up to whole blocks.

    Examples
    --------
    >>> padded(9), padded(16)
    (16, 16)
    """
    return -(-side // _BLOCK) * _BLOCK


def _tile(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Shrink an image and pad it to whole blocks by repeating its border."""
    if image.shape[:2] != (height, width):
        plain = image[..., 0] if image.shape[-1] == 1 else image
        small = Image.fromarray(plain).resize((width, height), Image.Resampling.BOX)
        image = np.asarray(small).reshape(height, width, image.shape[-1])
    down, right = padded(height) - height, padded(width) - width
    return np.pad(image, ((0, down), (0, right), (0, 0)), mode="edge")


def _sheet(tiles: list[NDArray[np.uint8]]) -> bytes:
    height, width, depth = tiles[0].shape
    rows = math.ceil(len(tiles) / COLUMNS)
    sheet = np.zeros((rows * height, COLUMNS * width, depth), np.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // COLUMNS * height, i % COLUMNS * width
        sheet[top : top + height, left : left + width] = tile
    picture = Image.fromarray(sheet[..., 0] if depth == 1 else sheet)
    buffer = io.BytesIO()
    if sheet.shape[0] * sheet.shape[1] <= _LOSSLESS_PIXELS:
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "JPEG", quality=80, subsampling=0)
    return buffer.getvalue()
