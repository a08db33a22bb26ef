"""Accuracy against total time: from raw files to a score, by featx and by hand.

    python -m benchmarks.speedrun DIR                    every point that is missing
    python -m benchmarks.speedrun DIR --only featx --sizes 1,3
    python -m benchmarks.speedrun --docs                 table and figure of docs/scaling.md

DIR is a tree of train/CLASS/* and test/CLASS/*. A point of featx is the table of `featx
bench --budget MINUTES` with an empty cache, and the row that its answer names; a point of a
rival is a script of `benchmarks.rivals` with one size of its work. Each is a process of its
own, timed from its start to its end, and goes to the results file at once. One that takes
longer than 45 minutes is stopped, and has no accuracy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.pages import with_section
from featx.machine import describe_machine
from featx.reports import load_run

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "speedrun.json"
PAGE = ROOT / "docs" / "scaling.md"
FIGURE = ROOT / "docs" / "images" / "speedrun.png"
SIZES = {
    "featx": (1, 3, 10, 40),  # minutes of --budget
    "patches": (50, 200, 400, 800),  # filters
    "pca_svm": (5000, 20_000, 50_000),  # training images
    "autoencoder": (1, 5, 20),  # epochs
    "untrained_resnet": (2000, 10_000, 50_000),  # training images
}
LIMIT = 45 * 60  # seconds for one point
SLACK = 1.1  # a budget is kept about; rivals may take that, too
Point = dict[str, Any]


def of_featx(folder: str, minutes: float, work: Path) -> tuple[str, float]:
    """Give the best row of the table, and its accuracy in %."""
    command = [
        *(sys.executable, "-m", "featx", "bench", folder, "--budget", str(minutes)),
        *("--out", str(work / "run"), "--cache-dir", str(work / "cache")),
    ]
    _run(command)
    answer = load_run(work / "run").results.answer
    return answer.row.name, 100 * answer.accuracy


def of_rival(name: str, folder: str, size: int) -> tuple[str, float]:
    """Give the script, and the accuracy in % that it prints."""
    done = _run([sys.executable, "-m", f"benchmarks.rivals.{name}", folder, size])
    return name, float(done)


def _run(command: list[Any]) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=LIMIT,
    )
    return done.stdout


def point(name: str, folder: str, size: float) -> Point:
    """Run and time one point."""
    with tempfile.TemporaryDirectory() as work:
        start = time.perf_counter()
        row, accuracy = name, None
        try:
            if name == "featx":
                row, accuracy = of_featx(folder, size, Path(work))
            else:
                row, accuracy = of_rival(name, folder, int(size))
        except subprocess.TimeoutExpired:
            print(f"{name}, {size}: stopped after {LIMIT / 60:.0f} minutes")
        seconds = time.perf_counter() - start
    return {
        "who": name,
        "size": size,
        "row": row,
        "minutes": round(seconds / 60, 2),
        "accuracy": None if accuracy is None else round(accuracy, 2),
        "machine": describe_machine(),
    }


def table(points: list[Point]) -> str:
    """Write the best accuracy of each within 1, 3, 10 and 40 minutes, and a tenth more."""
    budgets = SIZES["featx"]
    lines = [
        "| | " + " | ".join(f"{minutes} min" for minutes in budgets) + " |",
        "|---|" + "--:|" * len(budgets),
    ]
    for name in SIZES:
        cells = []
        for minutes in budgets:
            within = [
                one["accuracy"]
                for one in points
                if one["who"] == name
                and one["minutes"] <= SLACK * minutes
                and one["accuracy"] is not None
            ]
            cells.append(f"{max(within):.1f}" if within else "–")
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def with_table(page: str, points: list[Point]) -> str:
    """Return a page with the section about these points in its place."""
    machine = points[0]["machine"]
    section = [
        "## What little time buys",
        "",
        "Test accuracy in % on CIFAR-10, JPEG copy, by the minutes from 60,000 files to "
        "the score, each an empty cache and a process of its own: `featx bench "
        "--budget`, and the row that its answer names; beside it scripts of some 60 "
        "lines, as a person would write them with torch and scikit-learn "
        "(`benchmarks/rivals`), by the "
        f"size of their work. {machine['processor']}, {machine['cores']} cores, one run "
        "each.",
        "",
        table(points),
        "",
        "![Accuracy against minutes](images/speedrun.png)",
    ]
    return with_section(page, "speedrun", "\n".join(section))


def draw(points: list[Point]) -> None:
    """Draw accuracy against minutes, a line for each."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for name in SIZES:
        mine = sorted(
            (p["minutes"], p["accuracy"])
            for p in points
            if p["who"] == name and p["accuracy"] is not None
        )
        if mine:
            axes.plot(*zip(*mine, strict=True), "o-", label=name.replace("_", " "))
    ticks = (0.5, 1, 3, 10, 40)
    axes.set(xscale="log", xlabel="minutes from files to score, 2 cores")
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_ylabel("test accuracy in %")
    axes.legend(frameon=False)
    figure.savefig(FIGURE, dpi=120)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--sizes", help="sizes, separated by commas")
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    points: list[Point] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    done = {(one["who"], one["size"]) for one in points}
    for name in options.only.split(",") if options.only else SIZES:
        sizes = (
            [float(s) for s in options.sizes.split(",")]
            if options.sizes
            else SIZES[name]
        )
        for size in sizes if options.folder else ():
            if (name, size) not in done:
                points.append(point(name, options.folder, size))
                print(
                    {k: points[-1][k] for k in ("who", "size", "minutes", "accuracy")}
                )
                RESULTS.write_text(json.dumps(points, indent=1) + "\n")
    print(table(points))
    if options.docs:
        draw(points)
        PAGE.write_text(with_table(PAGE.read_text(), points))


if __name__ == "__main__":
    main()
