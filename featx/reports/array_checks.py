"""What the arrays and pictures of a run must be before anything of them is shown."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featx.evaluation.feature_diagnostics import FeatureDiagnostics
from featx.evaluation.result import Result
from featx.evaluation.results import BenchResults
from featx.reports.album import COLUMNS, LONGER_SIDE, PER_SHEET, Album, padded
from featx.reports.checks import COUNT, SHARE, TEXT, check_same, check_value


def check_arrays(results: BenchResults, album: Album) -> None:
    """Raise ValueError unless the arrays of a run fit its document and each other."""
    n_test, n_classes = len(results.y_true), len(results.data["class_names"])
    n_train = sum(results.data["train_per_class"])
    if not n_test or results.ids.dtype.kind != "U" or results.ids.shape != (n_test,):
        raise ValueError(
            f"ids is {_told(results.ids)}, but expected a name for each of "
            f"{n_test} test images, at least one"
        )
    _whole(results.y_true, (n_test,), n_classes, "y_true")
    if results.groups is not None:
        _whole(results.groups, (n_test,), np.iinfo(np.int64).max, "groups")
    if results.answers is not None:
        several = (results.n_seeds,) if results.n_seeds > 1 else ()
        _whole(results.answers, (*several, n_test), n_classes, "answers")
    for row in results.rows:
        _check_row(row, results, n_classes)
    _images(results.examples, (None, None, None, None), "examples")
    n, *shape = results.examples.shape
    _whole(results.example_rows, (n,), n_test, "example_rows")
    for name, drawn in results.reconstructions.items():
        _images(drawn, (None, *shape), f"reconstructions/{name}")
        if len(drawn) > n:
            raise ValueError(f"reconstructions/{name} has more images than examples")
    for name, drawn in results.filters.items():
        _images(drawn, (None, None, None, None), f"filters/{name}")
        if not drawn.size:
            raise ValueError(f"filters/{name} has no pixels")
    _check_album(album, n_test, n_train, n_classes)
    if results.duplicates is not None:
        _whole(results.duplicates.of, (n_test,), n_train, "copy_of", least=-1)
        _finite(results.duplicates.similarity, (n_test,), "copy_similarity")
    if results.diagnostics is not None:
        _check_diagnostics(results.diagnostics, n_test, n_train, n_classes)


def _check_row(row: Result, results: BenchResults, n_classes: int) -> None:
    n_test, n_seeds = len(results.y_true), len(row.repeats)
    _whole(results.predictions[row.name], (n_test,), n_classes, f"pred/{row.name}")
    if (row.name in results.repeat_predictions) != (n_seeds > 0):
        raise ValueError(f"{row.name}: repeats without predictions, or the reverse")
    every = results.predictions_of(row.name)
    _whole(every, (max(1, n_seeds), n_test), n_classes, f"repeats/{row.name}")
    if row.name in results.confidences:
        sure, what = results.confidences[row.name], f"confidence/{row.name}"
        _numbers(sure, (n_test,), what)
        if row.calibrated and not ((sure >= 0) & (sure <= 1)).all():
            raise ValueError(
                f"{what} goes from {sure.min()} to {sure.max()}, but expected "
                "probabilities from 0 to 1"
            )
    cells = n_classes * np.broadcast_to(results.y_true, every.shape) + every
    counts = np.bincount(cells.ravel(), minlength=n_classes**2)
    confusion, accuracy = row.scores.confusion, (every == results.y_true).mean()
    if (
        not np.array_equal(counts.reshape(n_classes, n_classes), confusion)
        or abs(row.scores.accuracy - accuracy) > 1e-6
    ):
        raise ValueError(f"{row.name}: its scores are not those of its predictions")


def _check_album(album: Album, n_test: int, n_train: int, n_classes: int) -> None:
    n = len(album.train_rows)
    _whole(album.test_rows, (None,), n_test, "test_rows")
    _whole(album.train_rows, (None,), n_train, "train_rows")
    _whole(album.train_y, (n,), n_classes, "train_y")
    if album.train_ids.dtype.kind != "U" or album.train_ids.shape != (n,):
        raise ValueError(
            f"train_ids is {_told(album.train_ids)}, but expected {n} names"
        )
    for rows in (album.test_rows, album.train_rows):
        check_same(
            len(np.unique(rows)), len(rows), "the album", "different images of a part"
        )
    if min(album.height, album.width) < 1 or LONGER_SIDE < max(
        album.height, album.width
    ):
        raise ValueError(
            f"tile is {album.height} x {album.width} pixels, but expected 1 "
            f"to {LONGER_SIDE}"
        )
    left = n + len(album.test_rows)
    check_same(len(album.sheets), math.ceil(left / PER_SHEET), "the album", "sheets")
    for number, sheet in enumerate(album.sheets):
        tall = math.ceil(min(left, PER_SHEET) / COLUMNS) * padded(album.height)
        with Image.open(io.BytesIO(sheet), formats=("PNG", "JPEG")) as picture:
            size = picture.size
        if size != (COLUMNS * padded(album.width), tall):
            raise ValueError(f"sheet {number} has another size than its tiles need")
        left -= PER_SHEET


def _check_diagnostics(
    found: FeatureDiagnostics, n_test: int, n_train: int, n_classes: int
) -> None:
    check_value(found.encoder, TEXT, "diagnostics.encoder")
    for name in ("n_issues", "n_judged", "n_alike", "n_compared"):
        check_value(getattr(found, name), COUNT, f"diagnostics.{name}")
    check_value(found.left_out_accuracy, SHARE, "diagnostics.left_out_accuracy")
    arrays = {name: np.asarray(value) for name, value in vars(found).items()}
    mapped, asked, listed = (
        arrays[name].shape[:1] for name in ("map_rows", "query_rows", "issue_rows")
    )

    def whole(name: str, shape: Sequence[int | None], below: int) -> None:
        _whole(arrays[name], shape, below, f"diagnostics.{name}")

    whole("map_rows", (None,), n_test)
    whole("query_rows", (None,), n_test)
    whole("neighbor_rows", (*asked, None), n_train)
    whole("issue_rows", (None,), n_train)
    whole("issue_labels", listed, n_classes)
    _finite(arrays["map_components"], (*mapped, None), "diagnostics.map_components")
    _finite(arrays["issue_margins"], listed, "diagnostics.issue_margins")


def _told(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _has_shape(array: NDArray[Any], shape: Sequence[int | None]) -> bool:
    return len(array.shape) == len(shape) and all(
        wanted in (None, side) for side, wanted in zip(array.shape, shape, strict=True)
    )


def _whole(
    array: NDArray[Any],
    shape: Sequence[int | None],
    below: int,
    what: str,
    least: int = 0,
) -> None:
    """Raise ValueError unless an array holds whole numbers from `least` up to `below`."""
    if array.dtype.kind != "i" or not _has_shape(array, shape):
        raise ValueError(
            f"{what} is {_told(array)}, but expected whole numbers of shape "
            f"{_sides(shape)}"
        )
    if array.size and not (array.min() >= least and array.max() < below):
        raise ValueError(
            f"{what} has {array.min()} to {array.max()}, but expected {least} to "
            f"{below - 1}"
        )


def _numbers(array: NDArray[Any], shape: Sequence[int | None], what: str) -> None:
    """Raise ValueError unless an array holds numbers, whole or not."""
    if array.dtype.kind != "f" or not _has_shape(array, shape):
        raise ValueError(
            f"{what} is {_told(array)}, but expected numbers of shape {_sides(shape)}"
        )


def _finite(array: NDArray[Any], shape: Sequence[int | None], what: str) -> None:
    """Raise ValueError unless an array holds finite numbers."""
    _numbers(array, shape, what)
    if not np.isfinite(array).all():
        raise ValueError(f"{what} has NaN or infinity, but expected finite numbers")


def _images(array: NDArray[Any], shape: Sequence[int | None], what: str) -> None:
    """Raise ValueError unless an array holds gray or color images, or none."""
    fits = array.dtype == np.uint8 and _has_shape(array, shape)
    if not fits or array.shape[3] not in (1, 3) or 0 in array.shape[1:]:
        raise ValueError(
            f"{what} is {_told(array)}, but expected uint8 of shape "
            f"{_sides(shape)} with 1 or 3 channels"
        )


def _sides(shape: Sequence[int | None]) -> str:
    return f"({', '.join('any' if side is None else str(side) for side in shape)})"
