"""What the files of a run must hold before anything of them is shown.

They may have been edited, cut short or mixed with those of another run. Whatever is read
here raises ValueError for what it finds; `load_run` tells it with the remedy.
"""

from __future__ import annotations

import io
import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featx.evaluation.evidence import Evidence
from featx.evaluation.result import DENSE, Result
from featx.evaluation.results import BenchResults
from featx.reports.album import COLUMNS, LONGER_SIDE, PER_SHEET, Album, padded

_DEEPEST = 20  # levels of a document; featx writes five


class _Kind(NamedTuple):
    """A kind of plain values."""

    name: str
    fits: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return type(value) in (int, float) and -1e30 <= value <= 1e30


_TEXT = _Kind("text", lambda value: isinstance(value, str))
_FACTS = _Kind("an object", lambda value: isinstance(value, dict))
_SWITCH = _Kind("true or false", lambda value: isinstance(value, bool))
_COUNT = _Kind(
    "a whole number of at least 0",
    lambda value: type(value) is int and 0 <= value < 2**53,
)
_SHARE = _Kind("a number from 0 to 1", lambda value: _number(value) and 0 <= value <= 1)
_AMOUNT = _Kind("a number of at least 0", lambda value: _number(value) and value >= 0)
_LOSS = _Kind("a number or null", lambda value: value is None or _number(value))

# Of an object, what stands under each key, or under every one where the key is `str`; a
# question mark ends the name of a key that may be absent. A list has one kind of values.
_SCORES: dict[Any, Any] = {
    "precision": _SHARE,
    "recall": _SHARE,
    "f1": _SHARE,
    "support": _COUNT,
}
_ROW: dict[Any, Any] = {
    **dict.fromkeys(("encoder", "classifier"), _TEXT),
    **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1"), _SHARE),
    **dict.fromkeys(("train_seconds", "encode_seconds", "fit_seconds"), _AMOUNT),
    **dict.fromkeys(("predict_seconds", "encode_images_per_second"), _AMOUNT),
    **dict.fromkeys(("encoder_params", "classifier_params"), _FACTS),
    "n_features": _COUNT,
    "accuracy_ci95": [_SHARE],
    "per_class": {str: _SCORES},
    "confusion": [[_COUNT]],
    "cached": {str: _SWITCH},
    "notes?": [_TEXT],
    "repeats?": [_SHARE],
}
_DOCUMENT: dict[Any, Any] = {
    "featx": _TEXT,
    "data": {
        "name": _TEXT,
        "class_names": [_TEXT],
        "train_per_class": [_COUNT],
        "test_per_class": [_COUNT],
        "skipped?": [{"id": _TEXT, "reason": _TEXT}],
        "notes?": [_TEXT],
    },
    "protocol": {
        "seed?": _COUNT,
        "controls?": [_TEXT],
        "time?": [_TEXT],
        "reduced?": {str: {str: _COUNT}},
    },
    "machine": _FACTS,
    "rows": [_ROW],
    "comparisons": [
        {
            **dict.fromkeys(("row", "other"), _TEXT),
            **dict.fromkeys(("only_row", "only_other"), _COUNT),
            "p_value": _SHARE,
        }
    ],
    "histories?": {str: {str: [_LOSS]}},
}


def check_document(document: Any) -> None:
    """Check what stands in results.json.

    Parameters
    ----------
    document : object
        As it was read.

    Raises
    ------
    ValueError
        If it is not what a comparison writes, with the place and what stands there.

    Examples
    --------
    >>> check_document({"featx": 1})
    Traceback (most recent call last):
    ValueError: featx is 1, but expected text
    """
    if not _is_flat(document, _DEEPEST):
        raise ValueError("it nests too deep")
    _check(document, _DOCUMENT, "")
    data, rows = document["data"], document["rows"]
    names = data["class_names"]
    for key in ("train_per_class", "test_per_class"):
        _same(len(data[key]), len(names), f"data.{key}", "classes")
    known = [f"{row['encoder']} + {row['classifier']}" for row in rows]
    if not rows or not names or len({*known}) < len(known):
        raise ValueError(f"its rows are {known}, but expected some, no two alike")
    for name, row in zip(known, rows, strict=True):
        if list(row["per_class"]) != names:
            raise ValueError(f"{name}: per_class has other classes than the data")
        _same(len(row["accuracy_ci95"]), 2, f"{name}: accuracy_ci95", "ends")
        n_seeds = len(row.get("repeats", ()))
        _same(n_seeds, len(rows[0].get("repeats", ())), f"{name}: repeats", "seeds")
        if n_seeds == 1:
            raise ValueError(f"{name}: repeats has one seed, but expected none or more")
        _check_confusion(row["confusion"], len(names), f"{name}: confusion")
    for test in document["comparisons"]:
        if not {test["row"], test["other"]} <= {*known}:
            raise ValueError(
                f"comparisons has {test['row']} and {test['other']}, but "
                "expected rows of the table"
            )


def _check_confusion(confusion: Sequence[Sequence[int]], n: int, where: str) -> None:
    if n <= DENSE:
        _same(len(confusion), n, where, "lines")
    for line in confusion:
        _same(len(line), n if n <= DENSE else 3, where, "numbers in a line")
        if n > DENSE and max(line[:2]) >= n:
            raise ValueError(f"{where} has the cell {line}, but there are {n} classes")


def _is_flat(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return True
    return levels > 0 and all(_is_flat(one, levels - 1) for one in inside)


def _check(value: Any, wanted: Any, where: str) -> None:
    """Raise ValueError unless a value is of the kind, and all that stands in it."""
    if isinstance(wanted, _Kind):
        if not wanted.fits(value):
            raise ValueError(
                f"{where} is {reprlib.repr(value)}, but expected {wanted.name}"
            )
    elif isinstance(wanted, list):
        if not isinstance(value, list):
            raise ValueError(f"{where} is {reprlib.repr(value)}, but expected a list")
        for number, one in enumerate(value):
            _check(one, wanted[0], f"{where}[{number}]")
    else:
        _check(value, _FACTS, where or "the document")
        keys = dict.fromkeys(value, wanted[str]) if str in wanted else wanted
        for key, kind in keys.items():
            name = key if str in wanted else key.removesuffix("?")
            if name in value:
                _check(value[name], kind, f"{where}.{name}".lstrip("."))
            elif name == key:
                raise ValueError(f"{where or 'the document'} has no {name!r}")


def _same(found: int, expected: int, where: str, what: str) -> None:
    if found != expected:
        raise ValueError(f"{where} has {found} {what}, but expected {expected}")


def check_arrays(results: BenchResults, album: Album) -> None:
    """Check the arrays of a run against its document and each other.

    Parameters
    ----------
    results : BenchResults
        Of a document that was checked.
    album : Album
        The pictures beside it.

    Raises
    ------
    ValueError
        If an array has another shape or other values than the run needs.
    """
    n_test, n_classes = len(results.y_true), len(results.data["class_names"])
    n_train = sum(results.data["train_per_class"])
    if not n_test or results.ids.dtype.kind != "U" or results.ids.shape != (n_test,):
        raise ValueError(
            f"ids is {_told(results.ids)}, but expected a name for each of "
            f"{n_test} test images, at least one"
        )
    _whole(results.y_true, (n_test,), n_classes, "y_true")
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
        _finite(results.duplicates.likeness, (n_test,), "copy_likeness")
    if results.evidence is not None:
        _check_evidence(results.evidence, n_test, n_train, n_classes)


def _check_row(row: Result, results: BenchResults, n_classes: int) -> None:
    n_test, n_seeds = len(results.y_true), len(row.repeats)
    _whole(results.predictions[row.name], (n_test,), n_classes, f"pred/{row.name}")
    if (row.name in results.repeat_predictions) != (n_seeds > 0):
        raise ValueError(f"{row.name}: repeats without predictions, or the reverse")
    every = results.predictions_of(row.name)
    _whole(every, (max(1, n_seeds), n_test), n_classes, f"repeats/{row.name}")
    if row.name in results.confidences:
        _numbers(results.confidences[row.name], (n_test,), f"confidence/{row.name}")
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
        _same(
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
    _same(len(album.sheets), math.ceil(left / PER_SHEET), "the album", "sheets")
    for number, sheet in enumerate(album.sheets):
        tall = math.ceil(min(left, PER_SHEET) / COLUMNS) * padded(album.height)
        with Image.open(io.BytesIO(sheet), formats=("PNG", "JPEG")) as picture:
            size = picture.size
        if size != (COLUMNS * padded(album.width), tall):
            raise ValueError(f"sheet {number} has another size than its tiles need")
        left -= PER_SHEET


def _check_evidence(found: Evidence, n_test: int, n_train: int, n_classes: int) -> None:
    _check(found.encoder, _TEXT, "evidence.encoder")
    for name in ("n_mislabelled", "n_judged"):
        _check(getattr(found, name), _COUNT, f"evidence.{name}")
    _check(found.left_out_accuracy, _SHARE, "evidence.left_out_accuracy")
    arrays = {name: np.asarray(value) for name, value in vars(found).items()}
    mapped, asked, listed = (
        arrays[name].shape[:1]
        for name in ("map_rows", "query_rows", "mislabelled_rows")
    )
    whole: Mapping[str, tuple[tuple[int | None, ...], int]] = {
        "map_rows": ((None,), n_test),
        "query_rows": ((None,), n_test),
        "neighbour_rows": ((*asked, None), n_train),
        "mislabelled_rows": ((None,), n_train),
        "mislabelled_as": (listed, n_classes),
    }
    for name, (shape, below) in whole.items():
        _whole(arrays[name], shape, below, f"evidence.{name}")
    finite: Mapping[str, tuple[int | None, ...]] = {
        "map_components": (*mapped, None),
        "mislabelled_margin": listed,
    }
    for name, real_shape in finite.items():
        _finite(arrays[name], real_shape, f"evidence.{name}")


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
    """Raise ValueError unless an array holds grey or color images, or none."""
    fits = array.dtype == np.uint8 and _has_shape(array, shape)
    if not fits or array.shape[3] not in (1, 3) or 0 in array.shape[1:]:
        raise ValueError(
            f"{what} is {_told(array)}, but expected uint8 of shape "
            f"{_sides(shape)} with 1 or 3 channels"
        )


def _sides(shape: Sequence[int | None]) -> str:
    return f"({', '.join('any' if side is None else str(side) for side in shape)})"
