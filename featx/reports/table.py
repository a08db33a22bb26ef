"""The comparison as a table: for the terminal, as Markdown, as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from featx.evaluation.results import BenchResults, Result
from featx.reports.documents import dumps
from featx.reports.sentences import against_controls


@dataclass(frozen=True)
class _Column:
    """One column; where there is no room, the highest `rank` goes first."""

    header: str
    cells: list[str]
    rank: int = 0
    words: bool = False


def _seconds(value: float, cached: bool = False) -> str:
    return "c " * cached + (f"{value:.1f}" if value < 10 else f"{value:,.0f}")


def _accuracy(result: Result) -> str:
    low, high = result.scores.accuracy_ci95
    return f"{100 * result.scores.accuracy:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _columns(results: BenchResults) -> list[_Column]:
    rows = results.results

    def percent(name: str) -> list[str]:
        return [f"{100 * getattr(row.scores, name):.1f}" for row in rows]

    def seconds(name: str, made: str) -> list[str]:
        return [
            _seconds(getattr(row, name), row.cached.get(made, False)) for row in rows
        ]

    versus = [against_controls(row, results) for row in rows]
    return [
        _Column("encoder", [row.encoder for row in rows], words=True),
        _Column("classifier", [row.classifier for row in rows], words=True),
        _Column("features", [f"{row.n_features:,}" for row in rows], rank=2),
        _Column("accuracy %", [_accuracy(row) for row in rows]),
        _Column("balanced %", percent("balanced_accuracy"), rank=6),
        _Column("macro F1 %", percent("macro_f1"), rank=5),
        _Column("train s", seconds("train_seconds", "encoder"), rank=1),
        _Column("encode s", seconds("encode_seconds", "features"), rank=4),
        _Column("fit s", seconds("fit_seconds", "classifier"), rank=3),
        _Column("vs control", versus, words=True),
    ]


def _legend(results: BenchResults) -> str:
    legend = "* highest accuracy; in brackets the 95 % interval"
    if any(True in row.cached.values() for row in results.results):
        legend += "; c from the cache, the time it took when it was made"
    return legend + "."


def comparison_table(results: BenchResults, *, width: int | None = None) -> Table:
    """Build the table for the terminal.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.
    width : int, optional
        Characters there is room for, by default the width of the terminal. Columns
        that do not fit are left out and named below the table.

    Returns
    -------
    rich.table.Table
        One row for each row of the comparison, in its order; the one of highest
        accuracy is marked with a star.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> table = comparison_table(example_results(), width=200)
    >>> [column.header for column in table.columns][:4]
    ['encoder', 'classifier', 'features', 'accuracy %']
    """
    room = Console().width if width is None else width
    endless = Console(width=10_000)
    columns, left_out = _columns(results), list[str]()
    while True:
        table = _table(results, columns)
        needed = Measurement.get(endless, endless.options, table).maximum
        last = max(columns, key=lambda column: column.rank)
        if needed <= room or last.rank == 0:
            break
        columns = [column for column in columns if column is not last]
        left_out.append(last.header)
    caption = _legend(results)
    if left_out:
        caption += f" No room for {', '.join(reversed(left_out))}."
    table.caption = Text(caption)
    return table


def _table(results: BenchResults, columns: list[_Column]) -> Table:
    name, n_test = results.data.get("name", ""), len(results.y_true)
    table = Table(
        title=Text(f"{name}: {n_test:,} test images".removeprefix(": ")),
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        title_justify="left",
        caption_justify="left",
    )
    for column in columns:
        table.add_column(
            column.header,
            justify="left" if column.words else "right",
            overflow="fold",
        )
    for i, row in enumerate(results.results):
        best = row is results.best
        cells = [column.cells[i] for column in columns]
        cells[0] = ("* " if best else "  ") + cells[0]
        table.add_row(*map(Text, cells), style="bold" if best else None)
    return table


def markdown_table(results: BenchResults) -> str:
    """Write the table as GitHub-flavoured Markdown.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.

    Returns
    -------
    str
        The row of highest accuracy in bold, a legend below.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> lines = markdown_table(example_results()).splitlines()
    >>> lines[0][:33], lines[3][:33]
    ('| encoder | classifier | features', '| **conv** | **svm** | **8,192** ')
    """
    columns = _columns(results)
    lines = [
        _markdown_row([column.header for column in columns]),
        _markdown_row(["---" if column.words else "---:" for column in columns]),
    ]
    for i, row in enumerate(results.results):
        cells = [column.cells[i].replace("|", r"\|") for column in columns]
        if row is results.best:
            cells = [f"**{cell}**" if cell else cell for cell in cells]
        lines.append(_markdown_row(cells))
    legend = _legend(results).removeprefix("* ")
    return "\n".join([*lines, "", f"Bold: {legend}", ""])


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def csv_table(results: BenchResults) -> str:
    """Write the table as CSV with plain numbers, for programs to read.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.

    Returns
    -------
    str
        A header and one line for each row; parameters and notes as JSON in a cell.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> csv_table(example_results()).splitlines()[1][:22]
    'raw,svm,3072,0.75,0.40'
    """
    rows = [_csv_row(result) for result in results.results]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _csv_row(result: Result) -> dict[str, object]:
    low, high = result.scores.accuracy_ci95
    return {
        "encoder": result.encoder,
        "classifier": result.classifier,
        "n_features": result.n_features,
        "accuracy": result.scores.accuracy,
        "accuracy_ci95_low": low,
        "accuracy_ci95_high": high,
        "balanced_accuracy": result.scores.balanced_accuracy,
        "macro_f1": result.scores.macro_f1,
        "train_seconds": result.train_seconds,
        "encode_seconds": result.encode_seconds,
        "encode_images_per_second": result.encode_images_per_second,
        "fit_seconds": result.fit_seconds,
        "predict_seconds": result.predict_seconds,
        "cached_encoder": bool(result.cached.get("encoder", False)),
        "cached_features": bool(result.cached.get("features", False)),
        "cached_classifier": bool(result.cached.get("classifier", False)),
        "encoder_params": dumps(result.encoder_params),
        "classifier_params": dumps(result.classifier_params),
        "notes": dumps(result.notes),
    }
