"""What unlabeled images give where labels are few: CIFAR-10, ten draws of labels.

    python -m benchmarks.unlabeled_images DIR --rows compact predictive
    python -m benchmarks.unlabeled_images          print the table

Of 50,000 training images, 10, 50 or 250 of each class have a label. Encoders that learn
from all 50,000 were measured by `benchmarks.cifar10_accuracy`; here each learns from the
labeled images alone, anew for every draw, and the same classifiers are fitted on the same
draws. Both are judged on the same 2,500 test images, so that the difference is paired.
Each encoder goes to benchmarks/results/unlabeled_images.json at once, with each number of
labels. Of the two classifiers the better is shown, by these same test images on both sides.
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
from featx import load_dataset
from featx.evaluation.comparisons import sign_flips
from featx.images import Dataset
from featx.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "unlabeled_images.json"
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


def labeled_only(dataset: Dataset, text: str, n: int) -> list[dict[str, Any]]:
    """Learn from n labeled images of each class alone; a row for each classifier."""
    train, judged = dataset.train, judged_rows(len(dataset.test))
    Z, z = dataset.test.X[judged], dataset.test.y[judged]
    right: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in CLASSIFIERS}
    for drawn in draws(train.y, n, DRAWS):
        X, y = train.X[drawn], train.y[drawn]
        encoder = Candidate.read(text).build(X).fit(X)
        part = np.asarray(encoder.transform(X), np.float32), y
        features = np.asarray(encoder.transform(Z), np.float32)
        for name in CLASSIFIERS:
            right[name].append(predicted(name, part, features) == z)
    rows = [row_of(n, name, np.array(one)) for name, one in right.items()]
    for row in rows:
        print(text, n, row["classifier"], row["accuracies"], flush=True)
    return rows


def table(measured: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    """Write for each number of labels the better classifier, without and with the others.

    With them, it is seed 0 of `benchmarks.cifar10_accuracy`.
    """
    lines = [
        "| encoder | labels a class | learned from these alone | from all images "
        "| difference | p |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    judged = judged_rows(10_000)
    for name, one in measured.items():
        whole = next(
            (r for r in runs if (r["encoder"], r["seed"]) == (name, 0)), {}
        ).get("few_labels")
        for n in sorted({row["labels"] for row in one["rows"]}):
            alone = _better(one["rows"], n)
            if whole is None:
                lines.append(f"| {name} | {n} | {spread(alone['accuracies'])} | | | |")
                continue
            with_others = _better(whole, n)
            right = unpacked(with_others["times_right"])[judged]
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
    options = parser.parse_args()
    measured: dict[str, Any] = {}
    if RESULTS.exists():
        measured = json.loads(RESULTS.read_text())
    if options.folder:
        with tempfile.TemporaryDirectory() as work:
            dataset = load_dataset(options.folder, cache_dir=work)
            for n, text in product(FEW, options.rows):
                one = measured.setdefault(text, {"rows": []})
                if n not in {row["labels"] for row in one["rows"]}:
                    one["rows"] += labeled_only(dataset, text, n)
                    one["machine"] = describe_machine()
                    RESULTS.write_text(json.dumps(measured, indent=1) + "\n")
    print(table(measured, cifar10_accuracy.read()))


if __name__ == "__main__":
    main()
