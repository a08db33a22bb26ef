"""Learning curves: the table, the figure and the files of a run."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from featx._version import __version__
from featx.evaluation.learning_curve import CurveRow, LearningCurve
from featx.output_files import write_whole
from featx.reports.documents import dumps

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def curve_table(curve: LearningCurve) -> Table:
    """Build the table for the terminal: rows by labels of each class."""
    n_classes = len(curve.data["class_names"])
    table = Table(
        title=Text(f"{curve.data['name']}: test accuracy in % by labels of each class"),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("encoder", overflow="fold")
    table.add_column("classifier", overflow="fold")
    for point in curve.labels:
        table.add_column(f"{point:,}" if point else "all", justify="right")
    for row in curve.rows:
        cells = [Text(_cell(row, point)) for point in range(len(curve.labels))]
        table.add_row(Text(row.encoder), Text(row.classifier), *cells)
    draws = curve.protocol["draws"]
    table.caption = Text(
        f"Mean over {draws} draws of labels ± their standard deviation, the same draws for "
        f"all rows; {n_classes} classes."
    )
    return table


def _cell(row: CurveRow, point: int) -> str:
    mean, spread = 100 * row.means[point], 100 * row.spreads[point]
    return f"{mean:.1f}" if spread != spread else f"{mean:.1f} ± {spread:.1f}"


def curve_lines(curve: LearningCurve) -> list[str]:
    """Say how the best learned row stands to the controls, and what labels give.

    Where there are few labels is where features count most.
    """
    lines = []
    for point, test in zip(curve.labels, curve.comparisons(), strict=True):
        if test is not None:
            p = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
            means = {
                row.name: row.means[curve.labels.index(point)] for row in curve.rows
            }
            lines.append(
                f"{point or 'all'} labels: {test.row} is {test.verdict} than {test.other}, "
                f"{100 * means[test.row]:.1f} against {100 * means[test.other]:.1f} % "
                f"({p}, sign flips, Holm)."
            )
    return [*lines, curve.sentence()]


def curve_csv(curve: LearningCurve) -> str:
    """Write a line for every draw: encoder, classifier, labels and accuracy."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["encoder", "classifier", "labels_per_class", "labels", "draw", "accuracy"]
    )
    for row in curve.rows:
        for point, n, accuracies in zip(
            curve.labels, row.n_labels, row.accuracies, strict=True
        ):
            for draw, accuracy in enumerate(accuracies):
                writer.writerow(
                    [row.encoder, row.classifier, point or "all", n, draw, accuracy]
                )
    return text.getvalue()


def save_curve(curve: LearningCurve, folder: str | Path) -> None:
    """Write ``curve.json``, ``curve.csv`` and ``curve.png`` into a folder."""
    from featx.reports.canvas import render
    from featx.reports.charts import plot_curve

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    document = dumps({"featx": __version__, **curve.to_dict()}, indent=2)
    write_whole(folder / "curve.json", (document + "\n").encode())
    write_whole(folder / "curve.csv", curve_csv(curve).encode())
    axes: Axes = plot_curve(curve)
    write_whole(folder / "curve.png", render(axes))
