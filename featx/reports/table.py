"""The comparison as a table: for the terminal, as Markdown, as CSV."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from featx.evaluation.result import Result
from featx.evaluation.results import BenchResults
from featx.reports.documents import dumps
from featx.reports.sentences import (
    OUTSIDE,
    against_controls,
    duplicates_line,
    majority_line,
    never_named_line,
    seconds,
)


@dataclass(frozen=True)
class _Column:
    """One column; where space is short, the one of highest `rank` is hidden first."""

    header: str
    cells: list[str]
    rank: int = 0
    words: bool = False


def _accuracy(result: Result) -> str:
    low, high = result.scores.accuracy_ci95
    return f"{result.percent} [{100 * low:.1f}, {100 * high:.1f}]"


def _columns(results: BenchResults) -> list[_Column]:
    rows = results.rows

    def percent(name: str) -> list[str]:
        return [f"{100 * getattr(row.scores, name):.1f}" for row in rows]

    def times(name: str, part: str) -> list[str]:
        return [
            "c " * row.cached.get(part, False) + seconds(getattr(row, name))
            for row in rows
        ]

    versus = [against_controls(row, results) for row in rows]
    return [
        _Column("encoder", [row.encoder for row in rows], words=True),
        _Column("classifier", [row.classifier for row in rows], words=True),
        _Column("features", [f"{row.n_features:,}" for row in rows], rank=3),
        _Column("accuracy %", [_accuracy(row) for row in rows]),
        _Column(
            "balanced %", percent("balanced_accuracy"), rank=1 if results.uneven else 7
        ),
        _Column("macro F1 %", percent("macro_f1"), rank=6),
        _Column("train s", times("train_seconds", "encoder"), rank=2),
        _Column("encode s", times("encode_seconds", "features"), rank=5),
        _Column("fit s", times("fit_seconds", "classifier"), rank=4),
        _Column("vs control", versus, words=True),
    ]


def _legend(results: BenchResults) -> str:
    if results.n_seeds == 1:
        accuracy, spread = "", "training sets and seeds"
    else:
        accuracy = f"mean over {results.n_seeds} seeds ± their standard deviation; "
        spread = "training sets"
    if folds := results.protocol.get("folds"):
        accuracy += (
            f"every image was judged once, in {folds} folds; intervals and tests allow for "
            "the training images that folds share; "
        )
    legend = (
        f"* {_starred(results)}; {accuracy}in brackets the 95 % interval, which covers the "
        f"choice of test {results.unit}, not the variation over {spread}"
    )
    if any(True in row.cached.values() for row in results.rows):
        legend += "; c from the cache: the time it took originally"
    if results.outside_data:
        legend += f"; {OUTSIDE}"
    warnings = [
        majority_line(results),
        never_named_line(results.chosen),
        duplicates_line(results),
    ]
    return " ".join([f"{legend}.", *filter(None, warnings)])


def _starred(results: BenchResults) -> str:
    if results.chosen.held_out is None:
        return "highest accuracy"
    return "best on held-out training images, by which rows are chosen"


def comparison_table(results: BenchResults, *, width: int | None = None) -> Table:
    """Build the table for the terminal, by default as wide as that.

    Columns that do not fit into `width` characters are left out and named below the
    table. A star marks the chosen row.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> table = comparison_table(example_results(), width=200)
    >>> [column.header for column in table.columns][:4]
    ['encoder', 'classifier', 'features', 'accuracy %']
    """
    available = Console().width if width is None else width
    endless = Console(width=10_000)
    columns, left_out = _columns(results), list[str]()
    while True:
        table = _table(results, columns)
        needed = Measurement.get(endless, endless.options, table).maximum
        last = max(columns, key=lambda column: column.rank)
        if needed <= available or last.rank == 0:
            break
        columns = [column for column in columns if column is not last]
        left_out.append(last.header)
    caption = _legend(results)
    if left_out:
        caption += f" Hidden on this terminal: {', '.join(reversed(left_out))}."
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
    for i, row in enumerate(results.rows):
        best = row is results.chosen
        cells = [column.cells[i] for column in columns]
        cells[0] = ("* " if best else "  ") + cells[0]
        table.add_row(*map(Text, cells), style="bold" if best else None)
    return table


def markdown_table(results: BenchResults) -> str:
    """Write the table in GitHub's Markdown, the chosen row in bold.

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
    for i, row in enumerate(results.rows):
        cells = [markdown_cell(column.cells[i]) for column in columns]
        if row is results.chosen:
            cells = [f"**{cell}**" if cell else cell for cell in cells]
        lines.append(_markdown_row(cells))
    legend = markdown_text(_legend(results).removeprefix("* "))
    return "\n".join([*lines, "", f"Bold: {legend}", ""])


def markdown_text(text: str) -> str:
    """Escape what Markdown would take for HTML.

    Examples
    --------
    >>> markdown_text("<img src=x>, p < 0.001")
    '&lt;img src=x>, p < 0.001'
    """
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def markdown_cell(text: str) -> str:
    r"""Escape what would end a cell of a Markdown table, and HTML.

    Examples
    --------
    >>> print(markdown_cell("a|b <i>"))
    a\|b &lt;i>
    """
    return markdown_text(text).replace("|", r"\|").replace("\n", " ")


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def csv_table(results: BenchResults) -> str:
    """Write the table as CSV with plain numbers, for programs to read.

    Parameters, notes and the accuracies of several seeds are JSON in a cell.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> csv_table(example_results()).splitlines()[1][:22]
    'raw,svm,3072,0.75,0.40'
    """
    rows = [_csv_row(result) for result in results.rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _csv_row(result: Result) -> dict[str, object]:
    record = result.to_record()
    documents = ("encoder_params", "classifier_params", "notes", "repeats")
    return record | {name: dumps(record[name]) for name in documents}
