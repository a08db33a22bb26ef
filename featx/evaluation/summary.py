"""A comparison in a few lines, for the prompt and for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featx.evaluation.results import BenchResults


def summarize(results: BenchResults) -> tuple[str, list[list[str]]]:
    """Say what was compared, and what matters of each row, the chosen one first.

    Behind it they stand by their accuracy, the highest first.
    """
    title = f"{results.data.get('name', '')}, {len(results.y_true):,} test images"
    if results.n_seeds > 1:
        title += f", mean over {results.n_seeds} seeds"
    balanced = ["balanced %"] if results.uneven else []
    lines = [["encoder", "classifier", "accuracy %", "95 % interval", *balanced]]
    chosen = results.chosen
    for row in [chosen, *(row for row in results.ranked if row is not chosen)]:
        low, high = row.scores.accuracy_ci95
        interval = f"{100 * low:.1f} to {100 * high:.1f}"
        line = [row.encoder, row.classifier, row.percent, interval]
        lines.append(
            line + [f"{100 * row.scores.balanced_accuracy:.1f}"] * len(balanced)
        )
    return title.removeprefix(", "), lines


def as_text(title: str, lines: Sequence[Sequence[str]]) -> str:
    """Write a table whose first line is its head and whose second one gets a mark."""
    marks = ["  ", "* ", *["  "] * len(lines)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    table = [mark + line.rstrip() for mark, line in zip(marks, shown, strict=False)]
    return "\n".join([title, *table])


def as_html(title: str, lines: Sequence[Sequence[str]]) -> str:
    """Write a table whose first line is its head."""
    rows = [
        "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in line)
        for tag, line in zip(["th", *["td"] * len(lines)], lines, strict=False)
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows[1:])
    head = f"<caption>{escape(title)}</caption><thead><tr>{rows[0]}</tr></thead>"
    return f"<table>{head}<tbody>{body}</tbody></table>"
