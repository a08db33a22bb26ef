"""Learning curves as a table, sentences and CSV."""

from __future__ import annotations

import csv
import io

from rich import box
from rich.table import Table
from rich.text import Text

from featx.evaluation.learning_curve import LearningCurve
from featx.reports.sentences import OUTSIDE


def curve_table(curve: LearningCurve) -> Table:
    """Build the table for the terminal: rows by labels of each class."""
    table = Table(
        title=Text(f"{curve.data['name']}: test accuracy in % by labels of each class"),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        title_justify="left",
    )
    table.add_column("encoder", overflow="fold")
    table.add_column("classifier", overflow="fold")
    for point in curve.points:
        table.add_column(point, justify="right")
    for row in curve.rows:
        outside = ", outside data" if row.encoder in curve.outside_data else ""
        cells = (f"{row.encoder}{outside}", row.classifier, *row.percents())
        table.add_row(*map(Text, cells))
    return table


def curve_caption(curve: LearningCurve) -> str:
    """Say what stands in the table."""
    legend = f"; {OUTSIDE}" if curve.outside_data else ""
    return (
        f"Mean over {curve.protocol['draws']} draws of labels ± their standard deviation, "
        f"the same draws for all rows; {len(curve.data['class_names'])} classes{legend}."
    )


def curve_lines(curve: LearningCurve) -> list[str]:
    """Say how the highest learned row stands to its controls, and what labels give."""
    lines = []
    for point, tests in enumerate(curve.comparisons):
        learned = [row for row in curve.rows if row.encoder not in curve.controls]
        if not learned or not tests:
            continue
        row = max(learned, key=lambda row: row.means[point])
        verdicts: dict[str, list[str]] = {}
        for test in tests:
            if test.row == row.name:
                control = test.other.partition(" + ")[0]
                verdicts.setdefault(test.verdict, []).append(control)
        told = "; ".join(
            f"{word} than {', '.join(of)}" for word, of in verdicts.items()
        )
        n = curve.labels[point]
        lines.append(
            f"{f'{n:,} labels of each class' if n else 'All labels'}: {row.name} "
            f"{100 * row.means[point]:.1f} %, {told}."
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
