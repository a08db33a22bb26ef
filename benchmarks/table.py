"""The results of the speed claims on disk, and their table in the documentation."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pages import with_section

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "measured.md"


def write(outcome: dict[str, Any], folder: Path = RESULTS) -> None:
    """Keep a result under the name of its claim."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(outcome, indent=1) + "\n"
    (folder / f"{outcome['claim']}.json").write_text(text)


def read(names: Sequence[str], folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Read the results there are, in the order of `names`."""
    files = [folder / f"{name}.json" for name in names]
    return [json.loads(file.read_text()) for file in files if file.exists()]


def table(outcomes: Sequence[dict[str, Any]]) -> str:
    """Write a row for each result, and below it what it was measured on."""
    if not outcomes:
        return (
            "Not measured yet; `python -m benchmarks` measures and writes this table."
        )
    lines = [
        "| | ratio | spread | promised | ours | peak memory | |",
        "|---|--:|--:|--:|--:|--:|---|",
        *map(_row, outcomes),
    ]
    machines = dict.fromkeys(_machine(one["machine"]) for one in outcomes)
    lines += [
        "",
        "Ratio: how many times less time ours takes for the same work, or the part of the "
        "machine's matrix rate it reaches. Median of "
        f"{min(one['pairs'] for one in outcomes)} or more turns each, taken in turn, and "
        "their smallest and largest ratio. Measured on",
        "",
        *(f"- {machine}" for machine in machines),
    ]
    return "\n".join(lines)


def with_table(page: str, outcomes: Sequence[dict[str, Any]]) -> str:
    """Return the page with the table of these results in its place."""
    return with_section(page, "speed", table(outcomes))


def number(value: float) -> str:
    """Write a number with two or three digits that count.

    >>> number(0.537), number(8.26), number(41.6), number(3601.2)
    ('0.54', '8.3', '42', '3,601')
    """
    if value < 10:
        return f"{value:.2g}"
    return f"{value:,.0f}"


def _row(one: dict[str, Any]) -> str:
    ours, limits = one["ours"], one["limits"]
    promised = [f"≥ {number(one['bar'])}"] if one["bar"] is not None else []
    if "seconds" in limits:
        promised.append(f"≤ {limits['seconds']:g} s")
    if "peak_mib" in limits:
        promised.append(f"≤ {limits['peak_mib']:,} MiB")
    low, high = one["spread"]
    took = statistics.median(ours["seconds"])
    return (
        f"| {one['says']} | {number(one['ratio'])} | {number(low)} to {number(high)} | "
        f"{', '.join(promised) or 'nothing'} | {number(took)} s, "
        f"{number(ours['per_second'])} {one['unit']}/s | {ours['peak_mib']:,.0f} MiB | "
        f"{_verdict(one)} |"
    )


def _verdict(one: dict[str, Any]) -> str:
    said = "reached" if one["holds"] else "not reached"
    matrix = one.get("matrix")
    if not matrix:
        return said
    said += f"; {100 * matrix['ours']:.0f} % of the matrix rate"
    if one["bar"] is not None and matrix["most"] < one["bar"]:
        said += f", all of which would be a ratio of {number(matrix['most'])}"
    return said


def _machine(machine: dict[str, Any]) -> str:
    versions = machine["versions"]
    known = [f"{name} {version}" for name, version in versions.items() if version]
    return (
        f"{machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']:.0f} GiB, {', '.join(known)}"
    )
