"""A run as it lies on the disk: read back whole."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featx.errors import DataError, MissingDataError
from featx.evaluation.duplicates import Duplicates
from featx.evaluation.feature_diagnostics import FeatureDiagnostics
from featx.evaluation.learning_curve import LearningCurve
from featx.evaluation.results import BenchResults
from featx.images.pixels import strict_pillow
from featx.names import safe_cell
from featx.reports.album import Album, is_png
from featx.reports.array_checks import check_arrays
from featx.reports.checks import check_curve, check_document

# what files raise that are damaged, and RuntimeError what zipfile raises of flags in them
_UNREADABLE = (
    *(KeyError, TypeError, ValueError, IndexError, EOFError, OSError),
    *(OverflowError, RuntimeError, zipfile.BadZipFile, zlib.error),
    *(struct.error, Image.DecompressionBombError, Image.DecompressionBombWarning),
)
_BACKSLASH = "%5C"
_SHEET = re.compile(r"thumbnails/[0-9]{3,}\.(png|jpg)")


@dataclass(frozen=True)
class Run:
    """A comparison, its pictures, and the command that made it.

    Parameters
    ----------
    results : BenchResults
        The comparison.
    album : Album
        Small pictures of the images that matter.
    command : str
        The command line.
    """

    results: BenchResults
    album: Album
    command: str


def predictions_npz(results: BenchResults) -> bytes:
    """Write labels, predictions and confidences as a NumPy archive.

    It has ``ids``, ``y_true``, ``class_names`` and, for each row, ``pred/ROW`` and
    ``confidence/ROW``, where ROW is ``encoder+classifier``; of several seeds also
    ``repeats/ROW``, the predictions under each of them. Where copies were looked for,
    it has ``copy_of`` and ``copy_similarity``, see `Duplicates`.
    """
    arrays: dict[str, NDArray[Any]] = {
        "ids": np.asarray(results.ids, np.str_),
        "y_true": results.y_true,
        "class_names": np.asarray(results.data["class_names"], np.str_),
    }
    for name in (row.name for row in results.rows):
        arrays[f"pred/{_member(name)}"] = results.predictions[name]
        if name in results.repeat_predictions:
            arrays[f"repeats/{_member(name)}"] = results.repeat_predictions[name]
        if name in results.confidences:
            arrays[f"confidence/{_member(name)}"] = results.confidences[name]
    if results.groups is not None:
        arrays["groups"] = results.groups
    if results.answers is not None:
        arrays["answers"] = results.answers
    if results.duplicates is not None:
        arrays["copy_of"] = results.duplicates.of
        arrays["copy_similarity"] = results.duplicates.similarity
    return _npz(arrays)


def predictions_csv(results: BenchResults) -> str:
    """Write what every row said of every test image as CSV.

    The columns are ``id``, ``true`` and, for each row, ``pred/ROW`` and
    ``confidence/ROW``, where ROW is ``encoder+classifier``; classes by their names. A
    name that a spreadsheet would take for a formula gets an apostrophe before it.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> predictions_csv(example_results()).splitlines()[:2]
    ['id,true,pred/raw+svm,pred/conv+svm', '0.png,cat,cat,cat']
    """
    names = np.array([safe_cell(name) for name in results.data["class_names"]], object)
    columns: dict[str, list[Any]] = {
        "id": [safe_cell(name) for name in results.ids.tolist()],
        "true": names[results.y_true].tolist(),
    }
    for row in results.rows:
        said = names[results.predictions[row.name]]
        columns[f"pred/{_tail(row.name)}"] = said.tolist()
        if row.name in results.confidences:
            sure = [f"{value:.6g}" for value in results.confidences[row.name].tolist()]
            columns[f"confidence/{_tail(row.name)}"] = sure
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


def pictures_npz(results: BenchResults, album: Album) -> bytes:
    """Write what the page shows beside numbers, but for the sheets of the album."""
    arrays: dict[str, NDArray[Any]] = {
        "test_rows": album.test_rows,
        "train_rows": album.train_rows,
        "train_ids": np.asarray(album.train_ids, np.str_),
        "train_y": album.train_y,
        "tile": np.array([album.height, album.width]),
        "sheets": np.array(sheet_names(album), np.str_),
        "examples": results.examples,
        "example_rows": results.example_rows,
    }
    for kind in ("reconstructions", "filters"):
        for encoder, images in getattr(results, kind).items():
            arrays[f"{kind}/{_member(encoder)}"] = images
    return _npz(arrays)


def sheet_names(album: Album) -> list[str]:
    """Name the files of an album's sheets, below the run's folder."""
    return [
        f"thumbnails/{i:03}.{'png' if is_png(sheet) else 'jpg'}"
        for i, sheet in enumerate(album.sheets)
    ]


def load_run(folder: str | Path) -> Run:
    """Read a run that `save_run` wrote.

    Parameters
    ----------
    folder : str or Path
        The run's folder.

    Returns
    -------
    Run
        All of it.

    Raises
    ------
    MissingDataError
        If the folder holds no run.
    DataError
        If a file of it is damaged, or was written by another version of featx.

    Examples
    --------
    >>> import tempfile
    >>> from featx.reports.examples import example_results
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = example_results().save(folder, command="by hand")
    ...     run = load_run(folder)
    >>> run.results.best.name, run.command
    ('conv + svm', 'by hand')
    """
    folder = Path(folder)
    if not os.path.isfile(folder / "results.json"):
        raise MissingDataError(
            f"Got {str(folder)!r}, but expected the folder of a run, with results.json in "
            "it. Make one with 'featx bench DATA --out FOLDER', or results.save(FOLDER)."
        )
    try:
        return _load(folder)
    except FileNotFoundError as error:
        raise DataError(
            f"Got a run without {error.filename}. Make it again with the command in "
            f"{folder / 'command.txt'}."
        ) from error
    except _UNREADABLE as error:
        raise DataError(
            f"Got a run in {folder} that cannot be read ({type(error).__name__}: {error}),"
            " but expected the files as this version of featx writes them. Make it again "
            f"with the command in {folder / 'command.txt'}."
        ) from error


def load_curve(folder: str | Path) -> LearningCurve:
    """Read learning curves that ``featx curve`` wrote.

    Parameters
    ----------
    folder : str or Path
        Where ``curve.json`` is.

    Returns
    -------
    LearningCurve
        All of them.

    Raises
    ------
    MissingDataError
        If the folder holds none.
    DataError
        If the file is damaged, or was written by another version of featx.

    Examples
    --------
    >>> import tempfile
    >>> from featx.reports import load_curve, save_curve
    >>> from featx.reports.examples import example_curve
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_curve(example_curve(), folder)
    ...     load_curve(folder).rows[0].name == example_curve().rows[0].name
    True
    """
    path = Path(folder) / "curve.json"
    try:
        document = _read_json(path)
        check_curve(document)
        return LearningCurve.from_dict(document)
    except FileNotFoundError as error:
        raise MissingDataError(
            f"Got {str(folder)!r}, but expected a folder with curve.json in it. Make one "
            "with 'featx curve DATA --out FOLDER'."
        ) from error
    except _UNREADABLE as error:
        raise DataError(
            f"Got {path}, which cannot be read ({type(error).__name__}: {error}), but "
            "expected what this version of featx writes. Run featx curve again."
        ) from error


def _load(folder: Path) -> Run:
    document = _read_json(folder / "results.json")
    check_document(document)
    named = _read_npz(folder / "predictions.npz")
    drawn = _read_npz(folder / "pictures.npz")
    names = [f"{one['encoder']} + {one['classifier']}" for one in document["rows"]]
    found = folder / "diagnostics.npz"

    def by_row(kind: str) -> dict[str, NDArray[Any]]:
        keys = {name: f"{kind}/{_member(name)}" for name in names}
        return {name: named[key] for name, key in keys.items() if key in named}

    results = BenchResults.from_dict(
        document,
        ids=named["ids"],
        y_true=named["y_true"],
        predictions=by_row("pred"),
        repeat_predictions=by_row("repeats"),
        confidences=by_row("confidence"),
        reconstructions=_below("reconstructions/", drawn),
        filters=_below("filters/", drawn),
        examples=drawn["examples"],
        example_rows=drawn["example_rows"],
        diagnostics=FeatureDiagnostics.from_npz(found) if found.is_file() else None,
        duplicates=Duplicates(named["copy_of"], named["copy_similarity"])
        if "copy_of" in named
        else None,
        groups=named.get("groups"),
        answers=named.get("answers"),
    )
    height, width = map(int, drawn["tile"].tolist())
    album = Album(
        drawn["test_rows"],
        drawn["train_rows"],
        drawn["train_ids"],
        drawn["train_y"],
        height,
        width,
        tuple(
            (folder / name).read_bytes()
            for name in map(_sheet, drawn["sheets"].tolist())
        ),
    )
    with strict_pillow():
        check_arrays(results, album)
    command = (folder / "command.txt").read_text(encoding="utf-8").rstrip("\n")
    shlex.split(command)  # as the page does, to say how a row is saved
    return Run(results, album, command)


def _read_json(path: Path) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} in {path.name}, but expected numbers")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def _sheet(name: str) -> str:
    """Refuse the name of a sheet that would lie elsewhere."""
    if not _SHEET.fullmatch(name):
        raise ValueError(f"a sheet named {name!r}")
    return name


def _below(head: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(head).replace(_BACKSLASH, "\\"): array
        for name, array in arrays.items()
        if name.startswith(head)
    }


def _tail(name: str) -> str:
    return name.replace(" + ", "+")


def _member(name: str) -> str:
    r"""Name a member of an archive: on Windows, a backslash there becomes a slash.

    >>> _member(r"C:\nets.py:Net")
    'C:%5Cnets.py:Net'
    """
    return _tail(name).replace("\\", _BACKSLASH)


def _npz(arrays: dict[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)
