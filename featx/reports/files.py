"""The files of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from featx.errors import CacheError
from featx.evaluation.results import BenchResults
from featx.images.imageset import Dataset
from featx.reports.album import make_album
from featx.reports.documents import to_json
from featx.reports.html import html_page
from featx.reports.page import markdown_page
from featx.reports.runs import Run, load_run, pictures_npz, predictions_npz, sheet_names
from featx.reports.table import csv_table
from featx.storage import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def save_run(
    results: BenchResults, dataset: Dataset, folder: Path, command: str
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

    Returns
    -------
    list of Path
        The files, in the order they were written.

    Raises
    ------
    CacheError
        Where the folder cannot be written.
    """
    written = []
    with _told(folder):
        # a folder is a run once it has results.json, so that one comes last of its kind
        (folder / "results.json").unlink(missing_ok=True)
        if results.evidence is None:
            (folder / "evidence.npz").unlink(missing_ok=True)
        for name, content in _contents(results, dataset, command):
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
    results: BenchResults, dataset: Dataset, command: str
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
    for name, axes in _figures(results, dataset):
        for kind, content in _drawn(axes):
            yield f"figures/{_safe(name)}.{kind}", content


def _drawn(axes: Axes) -> Iterator[tuple[str, bytes]]:
    """Yield a figure in both of its forms."""
    from featx.reports.canvas import png, svg

    yield "png", png(axes)
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.set_layout_engine("none")  # everything has its place by now
    yield "svg", svg(axes)


def _text(text: str) -> bytes:
    # File names may hold bytes that are not text; they are shown escaped.
    return (text.rstrip("\n") + "\n").encode(errors="backslashreplace")


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name)


def _figures(results: BenchResults, dataset: Dataset) -> Iterator[tuple[str, Axes]]:
    """Yield name and axes of each figure."""
    # Here, not on top: matplotlib is slow to import and only figures need it.
    from featx.reports import charts, heatmaps, pictures

    train, test, names = dataset.train, dataset.test, dataset.class_names
    per_class = 8 if len(names) <= 20 else 4
    yield "samples", pictures.plot_samples(train.X, train.y, names, per_class)
    counts = charts.plot_class_distribution(
        train.class_counts, test.class_counts, names
    )
    yield "class_distribution", counts
    for encoder, history in results.histories.items():
        yield f"loss_{encoder}", charts.plot_loss(history, f"{encoder}: training")
    for encoder, outputs in results.reconstructions.items():
        shown = outputs[:20]
        pairs = pictures.plot_reconstructions(
            results.examples[: len(shown)], shown, title=f"{encoder}: reconstructions"
        )
        yield f"reconstructions_{encoder}", pairs
    yield "comparison", charts.plot_comparison(results)
    for row in results.results:
        tail = f"{row.encoder}_{row.classifier}"
        confusion = heatmaps.plot_confusion(row.scores.confusion, names, title=row.name)
        yield f"confusion_{tail}", confusion
        yield f"class_accuracy_{tail}", charts.plot_class_accuracy(row, names)
        report = heatmaps.plot_classification_report(row)
        yield f"classification_report_{tail}", report
    if len(results.examples):
        best = results.best.name
        rows = results.example_rows[:24]
        pairs = pictures.plot_predictions(
            results.examples[:24],
            results.y_true[rows],
            results.predictions[best][rows],
            names,
        )
        tail = f"{results.best.encoder}_{results.best.classifier}"
        yield f"predictions_{tail}", pairs
