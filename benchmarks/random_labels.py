"""The promise of the answer where there is nothing to find.

    python -m benchmarks.random_labels            200 repetitions of each design
    python -m benchmarks.random_labels --repeats 20

Images of two classes get labels by chance, so that the truth is 50 %. In every repetition
the table is made anew and its answer looked at: does its 95 % interval cover 50 %? Beside
it stands the highest row, which is what a reader of the table would be tempted by. Designs:
one test part; five folds; five folds of groups of five alike images that share a label.
Results go to benchmarks/results/random_labels.json, and a table into
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from benchmarks.pages import with_section
from featx import FeatureCache, Protocol, bench
from featx.images import Dataset, ImageSet
from featx.images.split import add_test_part, validation_mask
from featx.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "random_labels.json"
PAGE = Path(__file__).parent / "README.md"
ENCODERS, CLASSIFIERS = ("raw", "pca"), ("ridge", "logreg", "knn", "svm")
N_IMAGES, GROUP = 300, 5
DESIGNS = ("one test part", "folds", "folds of groups")


def images(rng: np.random.Generator, *, grouped: bool) -> ImageSet:
    """Smooth random pictures of 8 x 8 pixels; those of a group are alike."""
    n = N_IMAGES // GROUP if grouped else N_IMAGES
    base = rng.normal(size=(n, 4, 4, 1)).repeat(2, axis=1).repeat(2, axis=2)
    y, groups = np.arange(n) % 2, None
    rng.shuffle(y)
    if grouped:
        base, y = base.repeat(GROUP, axis=0), y.repeat(GROUP)
        groups = np.arange(n).repeat(GROUP)
    noisy = 128 + 40 * base + 8 * rng.normal(size=base.shape)
    ids = np.array([f"{i}.png" for i in range(N_IMAGES)])
    pixels = noisy.clip(0, 255).astype(np.uint8)
    return ImageSet(pixels, y, ids, ("no", "yes"), groups)


def dataset(whole: ImageSet) -> Dataset:
    """Set a test part aside, as for any source without one."""
    part = add_test_part(whole.y, np.zeros(len(whole), np.int8), whole.groups)
    train, test = (
        whole.take(np.flatnonzero((part == 2) == tested)) for tested in (0, 1)
    )
    mask = validation_mask(train.y, np.zeros(len(train), np.int8), 0.1, 0, train.groups)
    return Dataset("chance", train, test, mask, test_given=False)


def repetition(design: str, seed: int) -> dict[str, Any]:
    """Make one table; say whether its answer, and its highest row, cover the truth."""
    rng = np.random.default_rng(seed)
    data = dataset(images(rng, grouped=design == "folds of groups"))
    folds = 0 if design == "one test part" else 5
    protocol = Protocol(folds=folds, n_examples=0, diagnose=False)
    with tempfile.TemporaryDirectory() as folder:
        results = bench(
            data, ENCODERS, CLASSIFIERS, protocol=protocol, cache=FeatureCache(folder)
        )
    (low, high), best = results.answer.ci95, results.best.scores
    torn = replace(results, groups=None).answer.ci95
    return {
        "answer": results.answer.accuracy,
        "covered": bool(low <= 0.5 <= high),
        "covered_without_groups": bool(torn[0] <= 0.5 <= torn[1]),
        "highest": best.accuracy,
        "highest_covered": bool(best.accuracy_ci95[0] <= 0.5 <= best.accuracy_ci95[1]),
    }


def table(designs: dict[str, dict[str, float]]) -> str:
    """Write a row for each design."""
    lines = [
        "| design | answer | its interval covers 50 % | without groups | highest row "
        "| its interval covers 50 % |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for design, one in designs.items():
        values = [
            one[key]
            for key in (
                *("answer", "covered", "covered_without_groups"),
                *("highest", "highest_covered"),
            )
        ]
        cells = [f"{100 * value:.1f} %" for value in values]
        if design != "folds of groups":
            cells[2] = ""
        lines.append(f"| {design} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run what was asked for, and print a line for each design."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    options = parser.parse_args()
    document: dict[str, Any] = {"machine": describe_machine(), "designs": {}}
    if RESULTS.exists():
        document = json.loads(RESULTS.read_text())
    for design in DESIGNS:
        if document["designs"].get(design, {}).get("repeats", 0) >= options.repeats:
            continue
        calls = (delayed(repetition)(design, seed) for seed in range(options.repeats))
        rows = Parallel(n_jobs=-1)(calls)
        means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        document["designs"][design] = {"repeats": options.repeats} | means
        RESULTS.write_text(json.dumps(document, indent=1) + "\n")
        print(table({design: document["designs"][design]}), flush=True)
    text = table(document["designs"])
    PAGE.write_text(with_section(PAGE.read_text(), "random labels", text))


if __name__ == "__main__":
    main()
