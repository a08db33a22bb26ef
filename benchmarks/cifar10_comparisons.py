"""Rows of the accuracy table against each other, on the same test images.

    python -m benchmarks.cifar10_comparisons predictive+svm random-patches+linear-svm
    python -m benchmarks.cifar10_comparisons --few-labels
    python -m benchmarks.cifar10_comparisons --few-features

Reads what `benchmarks.cifar10_accuracy` wrote. Tests are paired over the test images, whose
outcomes under several seeds or draws are taken together, see `featx.evaluation`.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import cifar10_accuracy
from benchmarks.cifar10_accuracy import CONTROL, ENCODERS, FEW, spread
from benchmarks.few_labels import unpacked
from featx.evaluation import CONTROLS
from featx.evaluation.comparisons import sign_flips

Runs = list[dict[str, Any]]
Counts = dict[int, NDArray[np.int64]]  # by seed: how often each image was named rightly


def times_right(runs: Runs, name: str) -> Counts:
    """Find a row, ENCODER+CLASSIFIER, under every seed that tells its images."""
    encoder, _, classifier = name.rpartition("+")
    return {
        one["seed"]: unpacked(row["times_right"])
        for one in runs
        for row in one["rows"]
        if (one["encoder"], row["classifier"]) == (encoder, classifier)
        and "times_right" in row
    }


def compared(row: Counts, other: Counts) -> tuple[list[int], float, float]:
    """Give the seeds of both, the difference between their accuracies in %, and p."""
    seeds = sorted(row.keys() & other.keys())
    if not seeds:
        raise SystemExit("No seed was run with both rows since runs tell their images.")
    difference = sum(row[seed] - other[seed] for seed in seeds)
    points = 100 * float(np.mean(difference)) / len(seeds)
    return seeds, points, sign_flips(difference)


def said(p: float) -> str:
    """Write a p-value; what is smaller than the sums that it comes of can tell as a bound.

    >>> said(0.0123), said(0.0)
    ('p = 0.012', 'p < 1e-12')
    """
    return f"p = {p:.2g}" if p >= 1e-12 else "p < 1e-12"


def few_labels(runs: Runs) -> str:
    """Write the better classifier of each encoder by the labels of each class.

    Each cell is the mean over draws and seeds, and the deviation between draws. Of encoders
    that learn, brackets have the difference to the best control and p of the weakest test
    against any of them, on the seeds of both. The better classifier is that of these same
    test images, on both sides.
    """
    runs = [one for one in runs if one.get("few_labels") and one["encoder"] in ENCODERS]
    names = [name for name in ENCODERS if any(one["encoder"] == name for one in runs)]
    controls = [name for name in names if name in CONTROLS]
    lines = [f"| labels | {' | '.join(names)} |", "|--:|" + "--:|" * len(names)]
    for n in FEW:
        cells = []
        for name in names:
            accuracies, right = _better(runs, name, n)
            cell = spread(accuracies)
            if name not in controls and controls:
                draws = len(accuracies) / len(right)
                tests = [
                    compared(right, _better(runs, control, n)[1])
                    for control in controls
                ]
                points = min(points for _, points, _ in tests) / draws
                # a difference below nought is no success, however sure it is
                p = max(p if points > 0 else 1.0 for _, points, p in tests)
                cell += f" ({points:+.1f}, {said(p)})"
            cells.append(cell)
        lines.append(f"| {n} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _better(runs: Runs, encoder: str, n: int) -> tuple[list[float], Counts]:
    """Accuracies of all draws and seeds, of the classifier with the best mean."""
    accuracies: dict[str, list[float]] = {}
    right: dict[str, Counts] = {}
    for one in runs:
        for row in one["few_labels"]:
            if (one["encoder"], row["labels"]) == (encoder, n):
                name = row["classifier"]
                accuracies.setdefault(name, []).extend(row["accuracies"])
                found = right.setdefault(name, {})
                found[one["seed"]] = unpacked(row["times_right"])
    best = max(accuracies, key=lambda name: statistics.mean(accuracies[name]))
    return accuracies[best], right[best]


def few_features(runs: Runs) -> str:
    """Write accuracies by the number of features, and test equal widths against each other.

    Each encoder with its parameters has a line, with the classifier that is best on the
    mean. Learned features are tested against random patches of as many features.
    """
    found: dict[tuple[int, str], dict[str, list[float]]] = {}
    for one in runs:
        narrow = one["n_features"] <= 1024 and one["encoder"] not in ("raw", "pca")
        if narrow or one["encoder"] in ("patch", CONTROL):
            rows = found.setdefault((one["n_features"], one["encoder"]), {})
            for row in one["rows"]:
                rows.setdefault(row["classifier"], []).append(100 * row["accuracy"])
    best = {
        key: max(rows, key=lambda name: statistics.mean(rows[name]))
        for key, rows in found.items()
    }
    lines = [
        "| features | encoder | best | accuracy | to random patches |",
        "|--:|---|---|--:|--:|",
    ]
    for n, encoder in sorted(found):
        told, row = "", f"{encoder}+{best[n, encoder]}"
        for other in [key for key in found if key[0] == n and key[1] != encoder]:
            if other[1].startswith(CONTROL) and not encoder.startswith(CONTROL):
                control = f"{other[1]}+{best[other]}"
                right = times_right(runs, row), times_right(runs, control)
                if right[0].keys() & right[1].keys():
                    _, points, p = compared(*right)
                    told = f"{points:+.1f}, {said(p)}"
        accuracy = spread(found[n, encoder][best[n, encoder]])
        lines.append(
            f"| {n:,} | {encoder} | {best[n, encoder]} | {accuracy} | {told} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ENCODER+CLASSIFIER")
    parser.add_argument("--few-labels", action="store_true")
    parser.add_argument("--few-features", action="store_true")
    options = parser.parse_args()
    runs = cifar10_accuracy.read()
    if options.rows:
        if len(options.rows) != 2:
            parser.error("give two rows")
        seeds, points, p = compared(*(times_right(runs, name) for name in options.rows))
        print(f"{' against '.join(options.rows)}: {points:+.2f} points, {said(p)}")
        print(f"seeds {seeds}")
    if options.few_labels:
        print(few_labels(runs))
    if options.few_features:
        print(few_features(runs))


if __name__ == "__main__":
    main()
