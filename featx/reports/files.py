"""The files of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from featx.errors import CacheError, FeatxError
from featx.evaluation.results import BenchResults
from featx.images.imageset import Dataset
from featx.reports.album import make_album
from featx.reports.documents import to_json
from featx.reports.figures import figures_of
from featx.reports.html import html_page
from featx.reports.page import markdown_page
from featx.reports.runs import Run, load_run, pictures_npz, predictions_npz, sheet_names
from featx.reports.table import csv_table
from featx.storage import write_whole


def save_run(
    results: BenchResults,
    dataset: Dataset,
    folder: Path,
    command: str,
    *,
    cache_dir: Path | None = None,
) -> list[Path]:
    """Write a comparison to a folder: numbers, tables, predictions and figures.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.
    dataset : Dataset
        The images it was made on; the figures show some of them.
    folder : Path
        Where to write; made where it does not exist. Files of an earlier run that
        have the same names are replaced, each in one step.
    command : str
        The command line that made the comparison.
    cache_dir : Path, optional
        Where figures are kept, below ``figures/``, so that those of a comparison that
        came out the same are not drawn again; by default they are not kept.

    Returns
    -------
    list of Path
        The files, in the order they were written.

    Raises
    ------
    CacheError
        Where the folder cannot be written, or kept figures are damaged.
    """
    written = []
    with _told(folder):
        # a folder is a run once it has results.json, so that one comes last of its kind
        (folder / "results.json").unlink(missing_ok=True)
        if results.evidence is None:
            (folder / "evidence.npz").unlink(missing_ok=True)
        for name, content in _contents(results, dataset, command, cache_dir):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
            written.append(path)
    return written


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Tell in one line why a run folder cannot be written."""
    try:
        yield
    except FeatxError:
        raise
    except OSError as error:
        raise CacheError(
            f"Got a run folder that cannot be written, {folder}: "
            f"{error.strerror or error}. Make room or give permission there, or use "
            "--out to name another folder."
        ) from error


def save_page(
    folder: Path, other: Path | None = None, *, map_method: str = "pca"
) -> Path:
    """Make the page of a run anew from its files.

    Parameters
    ----------
    folder : Path
        The run's folder; ``report.html`` in it is replaced.
    other : Path, optional
        Folder of a run to compare it with.
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
        If the method is not known.
    """
    run = load_run(folder)
    page = html_page(run, load_run(other) if other else None, map_method=map_method)
    path = folder / "report.html"
    with _told(folder):
        write_whole(path, _text(page))
    return path


def save_samples(dataset: Dataset, path: Path) -> None:
    """Write a grid of training images, a row per class, to a PNG file.

    Parameters
    ----------
    dataset : Dataset
        Any data set.
    path : Path
        The file.

    Raises
    ------
    CacheError
        If the file cannot be written.
    """
    from featx.reports.canvas import png
    from featx.reports.pictures import plot_samples

    train = dataset.train
    picture = png(plot_samples(train.X, train.y, train.class_names))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, picture)
    except OSError as error:
        raise CacheError(
            f"Got {error.strerror or error} at {path}, but expected to write a picture "
            "there. Use --grid to name another file."
        ) from error


def _contents(
    results: BenchResults, dataset: Dataset, command: str, cache_dir: Path | None
) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file, the figures last."""
    yield "table.md", _text(markdown_page(results, command))
    yield "table.csv", _text(csv_table(results))
    yield "predictions.npz", predictions_npz(results, dataset.class_names)
    album = make_album(results, dataset)
    yield "pictures.npz", pictures_npz(results, album)
    yield from zip(sheet_names(album), album.sheets, strict=True)
    if results.evidence is not None:
        yield "evidence.npz", results.evidence.to_npz()
    yield "command.txt", _text(command)
    yield "results.json", _text(to_json(results, histories=True))
    yield "report.html", _text(html_page(Run(results, album, command)))
    for name, content in figures_of(results, dataset, cache_dir):
        yield f"figures/{name}", content


def _text(text: str) -> bytes:
    # File names may hold bytes that are not text; they are shown escaped.
    return (text.rstrip("\n") + "\n").encode(errors="backslashreplace")
