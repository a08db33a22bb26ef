"""The page ``table.md`` of a run: everything that can be said without pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featx.evaluation.results import BenchResults
from featx.reports.documents import dumps
from featx.reports.recommendation import choice_lines, how_to_save
from featx.reports.sentences import class_lines, remarks, shown_protocol
from featx.reports.table import markdown_cell, markdown_table, markdown_text
from featx.system import for_shell

_SHOWN_ELSEWHERE = {"class_names", "train_per_class", "test_per_class", "notes"}


def markdown_page(results: BenchResults, command: str) -> str:
    """Write table, remarks, classes, data, protocol and machine as one page.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> print(markdown_page(example_results(), "featx bench pets").splitlines()[0])
    # pets: encoders and classifiers compared
    """
    best, data = results.chosen, results.data
    tests = remarks(results) or ["No rows were tested against each other."]
    notes = [f"{row.name}: {note}" for row in results.rows for note in row.notes]
    parts = [
        f"# {markdown_text(str(data.get('name', 'Data')))}: encoders and classifiers "
        "compared",
        markdown_table(results).rstrip(),
        _bullets(results.protocol.get("time", ())),
        "## What to do next",
        _bullets(choice_lines(results)),
        *(
            markdown_text(what) + (f"\n\n{_fenced(how)}" if how else "")
            for what, how in how_to_save(results, command)
        ),
        "## Paired tests on the same test images",
        _bullets(tests),
        f"## {markdown_text(best.name)}, class by class",
        _fenced(class_lines(best)),
        "## Data",
        _facts(data),
        _class_counts(data),
        _bullets(data.get("notes", ())),
        "## Protocol",
        _facts(shown_protocol(results)),
        *(["## Notes on rows", _bullets(notes)] if notes else []),
        "## Machine",
        _facts({"featx": results.version, **results.machine}),
        "## Command",
        _fenced(for_shell(command)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _bullets(lines: Any) -> str:
    return "\n".join(f"- {markdown_text(line)}" for line in lines)


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"


def _facts(facts: Mapping[str, Any]) -> str:
    """Write each fact as a line; of skipped images only their number."""
    lines = []
    for key, value in facts.items():
        if key == "skipped":
            value = len(value)
        if key not in _SHOWN_ELSEWHERE:
            text = value if isinstance(value, str) else dumps(value)
            lines.append(f"{key.replace('_', ' ')}: {text}")
    return _bullets(lines)


def _class_counts(data: Mapping[str, Any]) -> str:
    keys = ("class_names", "train_per_class", "test_per_class")
    if not all(key in data for key in keys):
        return ""
    rows = zip(*(data[key] for key in keys), strict=True)
    cells = (f"| {markdown_cell(name)} | {a:,} | {b:,} |" for name, a, b in rows)
    return "\n".join(["| class | training | test |", "| --- | ---: | ---: |", *cells])
