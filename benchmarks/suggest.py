"""Whether `featx.suggest` saves labels: accuracy by the number of labels, against chance.

    python -m benchmarks.suggest [DIR] [--sets digits letters signs cifar10] [--draws 10]
    python -m benchmarks.suggest --table      print the table and write it to README.md

A draw is a pool: two thirds of the training images, without a label. Of it 10 images get
one, then 20, 50, and so on: by `featx.suggest`, which sees the labels so far and nothing
else, or at random. A linear SVM is fitted on the features of all labeled images each time,
and judged on the test images. Features are those of `compact`, which learned once from all
training images of the set, without labels.

``digits`` and its test part come with scikit-learn; ``letters`` and ``signs``, 43 uneven
classes, are those of `benchmarks.kinds_of_images`; DIR is a copy of CIFAR-10 in class
folders, of which 10,000 training and 2,500 test images are used. Each draw goes to
benchmarks/results/suggest.json at once; draws that are there are not measured again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

import featx
from benchmarks import kinds_of_images as kinds
from benchmarks.few_labels import Labels, Part, predicted
from benchmarks.pages import with_section
from featx.machine import describe_machine

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "suggest.json"
PAGE = ROOT / "benchmarks" / "README.md"
SETS = ("digits", "letters", "signs", "cifar10")
NUMBERS = (10, 20, 50, 100, 200, 500)
CLASSIFIER = "linear-svm"
WAYS = ("suggest", "random")


def load(name: str, folder: Path | None) -> tuple[kinds.Part, kinds.Part]:
    """Give training and test images of a set."""
    if name == "digits":
        with tempfile.TemporaryDirectory() as work:
            data = featx.load_dataset("digits", cache_dir=work)
            return (data.train.X, data.train.y), (data.test.X, data.test.y)
    if name == "letters":
        return kinds.letters(kinds.even(26, 100), 0), kinds.letters(
            kinds.even(26, 40), 2
        )
    if name == "signs":
        return kinds.signs(kinds.uneven(43, 200, 4), 0), kinds.signs(
            kinds.even(43, 25), 2
        )
    if folder is None:
        raise SystemExit(f"Got no folder for {name}. Give DIR.")
    return (
        kinds.cifar10(folder, kinds.even(10, 1000), 0),
        kinds.cifar10(folder, kinds.even(10, 250), 2),
    )


def encoded(name: str, folder: Path | None, cache: Path) -> tuple[Part, Part]:
    """Encode a set once; give features and labels of both parts."""
    file = cache / f"suggest-{name}.npz"
    if not file.exists():
        (X, y), (Z, z) = load(name, folder)
        encoder = featx.CompactAutoencoder(random_state=0).fit(X)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, X=encoder.transform(X), y=y, Z=encoder.transform(Z), z=z)
    with np.load(file) as arrays:
        return (arrays["X"], arrays["y"]), (arrays["Z"], arrays["z"])


def accuracy(train: Part, test: Part) -> float:
    """Fit on some labels of some classes; give the accuracy in %."""
    X, y = train
    classes, labels = np.unique(y, return_inverse=True)
    if len(classes) == 1:
        return 100 * float((test[1] == classes[0]).mean())
    with warnings.catch_warnings():  # of nearly as many classes as labels
        warnings.simplefilter("ignore", UserWarning)
        found = classes[predicted(CLASSIFIER, (X, labels), test[0])]
    return 100 * float((found == test[1]).mean())


def chosen(way: str, X: NDArray[np.float32], y: Labels, draw: int) -> Iterator[Labels]:
    """Choose rows of a pool, more and more."""
    order = np.random.default_rng(1000 + draw).permutation(len(y))
    known = np.full(len(y), -1)
    for n in NUMBERS:
        if way == "random":
            rows = order[:n]
        else:
            missing = n - int((known >= 0).sum())
            rows = featx.suggest(X, known, missing, random_state=draw).rows
        known[rows] = y[rows]
        yield np.flatnonzero(known >= 0)


def measure(train: Part, test: Part, draw: int) -> dict[str, Any]:
    """Choose in both ways from one pool; give accuracies, and the classes that were met."""
    X, y = train
    order = np.random.default_rng(draw).permutation(len(y))
    pool = np.sort(order[: 2 * len(y) // 3])
    X, y = X[pool], y[pool]
    found: dict[str, Any] = {"draw": draw}
    for way in WAYS:
        rows = list(chosen(way, X, y, draw))
        found[way] = [round(accuracy((X[some], y[some]), test), 3) for some in rows]
        found[f"{way}_classes"] = [len(np.unique(y[some])) for some in rows]
    return found


def needed(accuracies: NDArray[np.float64], wanted: float) -> float:
    """Find how many labels an accuracy takes; inf if those measured do not reach it.

    >>> round(needed(np.array([10.0, 20, 30, 40, 50, 60]), 35), 1)
    70.7
    """
    best = np.maximum.accumulate(accuracies)
    if wanted > best[-1]:
        return float("inf")
    if wanted <= best[0]:
        return float(NUMBERS[0])
    return float(np.exp(np.interp(wanted, best, np.log(NUMBERS))))


def table(sets: dict[str, list[dict[str, Any]]]) -> str:
    """Write a line for each number of labels of each set."""
    lines = [
        "| images | labels | suggested | at random | difference | p "
        "| as good as so many at random |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, draws in sets.items():
        ours, random = (np.array([one[way] for one in draws]) for way in WAYS)
        for i, n in enumerate(NUMBERS):
            mine, theirs = ours[:, i], random[:, i]
            difference = mine - theirs
            p = wilcoxon(difference).pvalue if difference.any() else 1.0
            worth = needed(random.mean(axis=0), float(mine.mean()))
            told = f"{worth:.0f}" if np.isfinite(worth) else f"> {NUMBERS[-1]}"
            if mine.mean() < random.mean(axis=0)[0]:
                told = f"< {NUMBERS[0]}"
            spreads = [
                f"{one.mean():{sign}.1f} ± {one.std(ddof=1):.1f}"
                for one, sign in ((mine, ""), (theirs, ""), (difference, "+"))
            ]
            label = "" if i else name
            lines.append(
                f"| {label} | {n} | {' | '.join(spreads)} | {p:.2g} | {told} |"
            )
    counts = ", ".join(f"{name} {len(draws)}" for name, draws in sets.items())
    return (
        "\n".join(lines)
        + "\n\nTest accuracy in % of `linear-svm` on features of `compact`: mean over the "
        f"draws ± their standard deviation (draws: {counts}). A draw is another pool; p is "
        "that of Wilcoxon's signed-rank test over the draws, not corrected for the number "
        "of lines. The last column is read from the mean curve of random labels, between "
        "the numbers measured on a logarithmic scale."
    )


def main() -> None:
    """Measure what is missing, draw by draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--cache", type=Path, default=Path("runs/suggest"))
    parser.add_argument("--table", action="store_true", help="measure nothing")
    options = parser.parse_args()
    document: dict[str, Any] = {"sets": {}}
    if RESULTS.exists():
        document = json.loads(RESULTS.read_text())
    for name in () if options.table else options.sets:
        done = document["sets"].setdefault(name, [])
        missing = sorted(set(range(options.draws)) - {one["draw"] for one in done})
        if not missing:
            continue
        train, test = encoded(name, options.folder, options.cache)
        for draw in missing:
            done.append(measure(train, test, draw))
            document |= {"machine": describe_machine(), "numbers": NUMBERS}
            RESULTS.write_text(json.dumps(document, indent=1) + "\n")
            print(name, done[-1], flush=True)
    sets = {name: document["sets"][name] for name in SETS if document["sets"].get(name)}
    PAGE.write_text(with_section(PAGE.read_text(), "suggest", table(sets)))
    print(table(sets))


if __name__ == "__main__":
    main()
