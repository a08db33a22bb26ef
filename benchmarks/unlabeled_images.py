"""What unlabeled images give where labels are few: CIFAR-10, ten draws of labels.

    python -m benchmarks.unlabeled_images DIR --rows compact predictive
    python -m benchmarks.unlabeled_images          print the table

Of 50,000 training images, 10, 50 or 250 of each class have a label. Each encoder learns
from the labeled images alone, anew for every draw, and from all 50,000, and the same
classifiers are fitted on the same draws. Both are judged on the same 2,500 test images, so
that the difference is paired. What `benchmarks.cifar10_accuracy` has measured of encoders
that learn from all images is taken from there. Each encoder goes to
benchmarks/results/unlabeled_images.json at once, with each number of labels. Of the two
classifiers the better is shown, by these same test images on both sides. A second table
compares the best autoencoder with every control, all with unlabeled images.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import cifar10_accuracy
from benchmarks.candidates import Candidate
from benchmarks.cifar10_accuracy import DRAWS, FEW, spread
from benchmarks.few_labels import CLASSIFIERS, draws, predicted, row_of, unpacked
from benchmarks.pages import with_section
from featx import load_dataset
from featx.evaluation.comparisons import sign_flips
from featx.images import Dataset
from featx.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "unlabeled_images.json"
PAGE = Path(__file__).parent / "README.md"
CONTROLS = ("raw", "pca", "untrained", "random-patches")
ENCODERS = (
    "raw",
    "pca",
    "untrained",
    "random-patches",
    "patch",
    "compact",
    "predictive",
)
N_JUDGED = 2500


def judged_rows(n_test: int) -> NDArray[np.int64]:
    """Pick the test images that both are judged on."""
    rng = np.random.default_rng(0)
    return np.sort(rng.choice(n_test, min(n_test, N_JUDGED), replace=False))


def measure(
    dataset: Dataset, text: str, n: int, *, unlabeled: bool
) -> list[dict[str, Any]]:
    """Learn with n labels of each class; a row for each classifier.

    The encoder learns from all training images if `unlabeled`, else from those with labels.
    """
    train, judged = dataset.train, judged_rows(len(dataset.test))
    Z, z = dataset.test.X[judged], dataset.test.y[judged]
    right: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in CLASSIFIERS}
    if unlabeled:
        encoder = Candidate.read(text).build(train.X).fit(train.X)
    for drawn in draws(train.y, n, DRAWS):
        X, y = train.X[drawn], train.y[drawn]
        if not unlabeled:
            encoder = Candidate.read(text).build(X).fit(X)
        part = np.asarray(encoder.transform(X), np.float32), y
        features = np.asarray(encoder.transform(Z), np.float32)
        for name in CLASSIFIERS:
            right[name].append(predicted(name, part, features) == z)
    rows = [row_of(n, name, np.array(one)) for name, one in right.items()]
    for row in rows:
        print(text, n, unlabeled, row["classifier"], row["accuracies"], flush=True)
    return rows


def with_all(
    name: str, one: dict[str, Any], runs: list[dict[str, Any]]
) -> dict[int, NDArray[np.int64]]:
    """Say in how many draws each judged image was named rightly, by number of labels.

    The encoder learned from all images: seed 0 of `benchmarks.cifar10_accuracy`, or here.
    """
    run = next((r for r in runs if (r["encoder"], r["seed"]) == (name, 0)), {})
    judged = judged_rows(10_000) if "few_labels" in run else slice(None)
    rows = run.get("few_labels", one.get("from_all", []))
    return {
        n: unpacked(_better(rows, n)["times_right"])[judged]
        for n in sorted({row["labels"] for row in rows})
    }


def comparison(measured: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    """Write how the best autoencoder compares with every control at each number."""
    lines = [
        "| labels a class | best autoencoder | control | difference | p |",
        "|--:|---|---|--:|--:|",
    ]
    right = {name: with_all(name, one, runs) for name, one in measured.items()}
    for n in FEW:
        there = {name: of[n] for name, of in right.items() if n in of}
        learned = [name for name in there if name not in CONTROLS]
        if not learned:
            continue
        best = max(learned, key=lambda name: there[name].sum())
        for control in (name for name in there if name in CONTROLS):
            difference = there[best] - there[control]
            points = 100 * float(difference.mean()) / DRAWS
            p = _rounded(sign_flips(difference))
            mean = 100 * float(there[best].mean()) / DRAWS
            lines.append(
                f"| {n} | {best}, {mean:.1f} | {control} | {points:+.1f} | {p} |"
            )
    return "\n".join(lines)


def table(measured: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    """Write for each number of labels the better classifier, without and with others."""
    lines = [
        "| encoder | labels a class | learned from these alone | from all images "
        "| difference | p |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, one in measured.items():
        whole = with_all(name, one, runs)
        for n in sorted({row["labels"] for row in one["rows"]}):
            alone = _better(one["rows"], n)
            if n not in whole:
                lines.append(f"| {name} | {n} | {spread(alone['accuracies'])} | | | |")
                continue
            right = whole[n]
            difference = right - unpacked(alone["times_right"])
            points = 100 * float(difference.mean()) / DRAWS
            mean = 100 * float(right.mean()) / DRAWS
            lines.append(
                f"| {name} | {n} | {spread(alone['accuracies'])} | {mean:.1f} "
                f"| {points:+.1f} | {_rounded(sign_flips(difference))} |"
            )
    return "\n".join(lines)


def _rounded(p_value: float) -> str:
    return f"{p_value:.2g}" if p_value >= 1e-12 else "< 1e-12"


def _better(rows: list[dict[str, Any]], n: int) -> dict[str, Any]:
    mine = [row for row in rows if row["labels"] == n]
    return max(mine, key=lambda row: statistics.mean(row["accuracies"]))


def main() -> None:
    """Measure what was asked for, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--rows", nargs="+", default=ENCODERS, metavar="ENCODER")
    parser.add_argument("--readme", action="store_true", help="write the tables there")
    options = parser.parse_args()
    runs = cifar10_accuracy.read()
    measured: dict[str, Any] = {}
    if RESULTS.exists():
        measured = json.loads(RESULTS.read_text())
    if options.folder:
        with tempfile.TemporaryDirectory() as work:
            dataset = load_dataset(options.folder, cache_dir=work)
            for n, text in product(FEW, options.rows):
                one = measured.setdefault(text, {"rows": []})
                for key in ("rows", "from_all"):
                    rows = one.setdefault(key, [])
                    known = {row["labels"] for row in rows}
                    if key == "from_all":
                        known |= set(with_all(text, one, runs))
                    if n not in known:
                        rows += measure(dataset, text, n, unlabeled=key == "from_all")
                        one["machine"] = describe_machine()
                        RESULTS.write_text(json.dumps(measured, indent=1) + "\n")
    text = f"{table(measured, runs)}\n\n{comparison(measured, runs)}"
    print(text)
    if options.readme:
        page = PAGE.read_text()
        PAGE.write_text(with_section(page, "unlabeled", text))


if __name__ == "__main__":
    main()
