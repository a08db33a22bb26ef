"""The files of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from featx.catalog import MAP_METHODS
from featx.errors import CacheError, FeatxError, ParameterError, unknown_name
from featx.evaluation.learning_curve import LearningCurve
from featx.evaluation.results import BenchResults
from featx.images.imageset import Dataset
from featx.names import NAMES_AS_BYTES
from featx.output_files import check_folder, write_whole
from featx.reports.album import Album, make_album
from featx.reports.curve import curve_csv
from featx.reports.documents import dumps, to_json
from featx.reports.html import curve_page, html_page
from featx.reports.page import markdown_page
from featx.reports.runs import (
    Run,
    load_curve,
    load_run,
    pictures_npz,
    predictions_csv,
    predictions_npz,
    sheet_names,
)
from featx.reports.table import csv_table

_FILES = (
    *("results.json", "table.md", "table.csv", "predictions.npz", "predictions.csv"),
    *("pictures.npz", "diagnostics.npz", "command.txt", "report.html"),
)
_THUMBNAIL = re.compile(r"\d{3,}\.(png|jpg)")
_FIGURE = re.compile(
    r"(samples|class_counts|comparison|(loss|reconstructions|confusion|class_accuracy|"
    r"classification_report|reliability|risk_coverage|predictions)_.+)\.(png|svg)",
    re.DOTALL,
)


def check_run_folder(folder: str | Path) -> None:
    """Refuse a folder that no run can be written to, before anything is computed.

    It need not exist, and is not left behind.
    """
    with _told(folder):
        check_folder(Path(folder))


def new_run_folder(runs: str | Path, name: str) -> Path:
    """Make the folder ``runs/name``; ``name-2`` and so on where there is one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     [new_run_folder(runs, "pets").name for _ in range(3)]
    ['pets', 'pets-2', 'pets-3']
    """
    with _told(runs):
        for number in count(1):
            folder = Path(runs, name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                if not folder.parent.is_dir():
                    raise
            else:
                break
    return folder


def save_run(
    results: BenchResults,
    dataset: Dataset | None,
    folder: str | Path,
    command: str = "",
    *,
    figures: bool = False,
) -> list[Path]:
    """Write a comparison to a folder, as `BenchResults.save` says.

    Returns the files, in the order they were written.
    """
    folder, written = Path(folder), []
    if dataset is not None and results.protocol.get("folds"):
        dataset = dataset.whole
    with _told(folder):
        _remove_former(folder)
        for name, content in _contents(results, dataset, command):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
            written.append(path)
    return written + (_save_figures(results, folder) if figures else [])


def save_curve(curve: LearningCurve, folder: str | Path) -> None:
    """Write ``curve.csv``, ``curve.png``, ``curve.json`` and ``curve.html`` to a folder.

    Raises
    ------
    CacheError
        If the folder cannot be written.
    """
    from featx.reports.canvas import axes_of_file, render  # slow
    from featx.reports.displays.learning_curve import LearningCurveDisplay

    display = LearningCurveDisplay.from_results(curve, ax=axes_of_file())
    folder, picture = Path(folder), render(display.ax_)
    document = dumps(curve.to_dict(), indent=2)
    page = curve_page(curve)
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "curve.csv", _text(curve_csv(curve)))
        write_whole(folder / "curve.png", picture)
        write_whole(folder / "curve.json", _text(document))
        write_whole(folder / "curve.html", _text(page))


def save_figures(folder: str | Path) -> list[Path]:
    """Draw the figures of a run from its files, into ``figures`` in its folder.

    Returns
    -------
    list of Path
        The files, each figure as PNG and as SVG.

    Raises
    ------
    MissingDataError
        If the folder holds no run.
    DataError
        If a file of the run is damaged.
    CacheError
        If a figure cannot be written.
    """
    return _save_figures(load_run(folder).results, Path(folder))


def _save_figures(results: BenchResults, folder: Path) -> list[Path]:
    from featx.reports.figures import figures_of  # slow

    written = []
    with _told(folder):
        (folder / "figures").mkdir(exist_ok=True)
        for name, content in figures_of(results):
            path = folder / "figures" / name
            write_whole(path, content)
            written.append(path)
    return written


def _remove_former(folder: Path) -> None:
    """Remove what an earlier run left in its folder, and nothing else."""
    # A folder is a run as long as it has results.json, so that one goes first.
    former = [
        *(folder / name for name in _FILES),
        *(p for p in (folder / "thumbnails").glob("*") if _THUMBNAIL.fullmatch(p.name)),
        *(p for p in (folder / "figures").glob("*") if _FIGURE.fullmatch(p.name)),
    ]
    for path in former:
        path.unlink(missing_ok=True)
    for emptied in ("thumbnails", "figures"):
        with suppress(OSError):  # not there, or it holds files of the user
            (folder / emptied).rmdir()


@contextmanager
def _told(folder: str | Path) -> Iterator[None]:
    """Tell in one line why a run folder cannot be written."""
    try:
        yield
    except FeatxError:
        raise
    except OSError as error:
        raise CacheError(
            f"Got a run folder that cannot be written, {folder}: "
            f"{error.strerror or error}. Make room or give permission there, close the "
            "programs that have its files open, or name another folder."
        ) from error


def save_page(
    folder: str | Path,
    other: str | Path | None = None,
    *,
    curve: str | Path | None = None,
    map_method: str = "pca",
) -> Path:
    """Make the page of a run anew from its files.

    Parameters
    ----------
    folder : str or Path
        The run's folder; ``report.html`` in it is replaced.
    other : str or Path, optional
        Folder of a run to compare it with.
    curve : str or Path, optional
        Folder of learning curves of the same data, which become a section.
    map_method : {"pca", "tsne"}, default="pca"
        How the map of the features is drawn.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    MissingDataError
        If a folder holds no run.
    DataError
        If a file of a run is damaged.
    CacheError
        If the page cannot be written.
    ParameterError
        If the method is not known, or the curves are of other classes.
    """
    if map_method not in MAP_METHODS:  # before anything takes time
        raise unknown_name("map", map_method, MAP_METHODS)
    run = load_run(folder)
    page = html_page(
        run,
        load_run(other) if other else None,
        curve=_curve_of(run, curve) if curve else None,
        map_method=map_method,
    )
    path = Path(folder, "report.html")
    with _told(folder):
        write_whole(path, _text(page))
    return path


def _curve_of(run: Run, folder: str | Path) -> LearningCurve:
    """Read learning curves; refuse those of other classes."""
    curve, data = load_curve(folder), run.results.data
    if curve.data["class_names"] != data["class_names"]:
        raise ParameterError(
            f"Got learning curves of {curve.data['name']} in {folder}, whose classes are "
            f"not those of {data['name']}, but expected curves of the same data."
        )
    return curve


def save_samples(dataset: Dataset, path: str | Path) -> None:
    """Write a grid of training images, a row per class, to a PNG file.

    Raises
    ------
    CacheError
        If the file cannot be written.
    """
    from featx.reports.canvas import axes_of_file, render
    from featx.reports.pictures import plot_samples

    part, names = dataset.train, dataset.class_names
    if not names:  # nothing but images without a label
        part, names = replace(dataset.unlabeled, y=dataset.unlabeled.y + 1), ("",)
    path = Path(path)
    picture = render(plot_samples(part.X, part.y, names, ax=axes_of_file()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, picture)
    except OSError as error:
        raise CacheError(
            f"Got {error.strerror or error} at {path}, but expected to write a picture "
            "there. Use --grid to name another file."
        ) from error


def _contents(
    results: BenchResults, dataset: Dataset | None, command: str
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file but the figures."""
    yield "table.md", _text(markdown_page(results, command))
    yield "table.csv", _text(csv_table(results))
    yield "predictions.npz", predictions_npz(results)
    yield "predictions.csv", predictions_csv(results).encode(errors=NAMES_AS_BYTES)
    album = _no_album() if dataset is None else make_album(results, dataset)
    yield "pictures.npz", pictures_npz(results, album)
    yield from zip(sheet_names(album), album.sheets, strict=True)
    if results.diagnostics is not None:
        yield "diagnostics.npz", results.diagnostics.to_npz()
    yield "command.txt", _text(command)
    yield "results.json", _text(to_json(results, histories=True))
    yield "report.html", _text(html_page(Run(results, album, command)))


def _no_album() -> Album:
    rows = np.empty(0, np.int64)
    return Album(rows, rows, np.empty(0, np.str_), rows, height=1, width=1, sheets=())


def _text(text: str) -> bytes:
    # File names may hold bytes that are not text; they are shown escaped.
    return (text.rstrip("\n") + "\n").encode(errors="backslashreplace")
