"""Nothing leaks from what judges: labels without meaning, and images that are copied.

    python -m benchmarks.leakage            handwritten digits, about 20 minutes

*Shuffled labels.* Every row of `featx bench` with one test part, of `featx bench --folds 5`
and of `featx curve` should stand at chance, which its 95 % interval misses in one of
twenty. *Copies.* Digits under noise, which are hard to tell, stand there five times each.
Where copies are a group, the table should say what it says of the images alone; where they
are not, it is far above, and copies are told. Results go to
benchmarks/results/leakage.json.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pages import with_section
from benchmarks.random_labels import dataset
from featx import FeatureCache, Observer, Protocol, bench, learning_curve, load_dataset
from featx.evaluation import BenchResults
from featx.evaluation.intervals import wilson
from featx.images import Dataset, ImageSet
from featx.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "leakage.json"
PAGE = Path(__file__).parent / "README.md"
N_IMAGES, COPIES = 600, 5
NOISE = 96  # standard deviation, of 255
FOLDS = {"one test part": 0, "folds": 5}


def digits(n: int, noise: float = 0) -> ImageSet:
    """Draw some of the handwritten digits, under noise."""
    whole = load_dataset("digits").labeled_images
    rng = np.random.default_rng(0)
    images = whole.take(np.sort(rng.permutation(len(whole))[:n]))
    noisy = images.X + noise * rng.normal(size=images.X.shape)
    return replace(images, X=noisy.clip(0, 255).astype(np.uint8))


def table(data: Dataset, folds: int) -> tuple[BenchResults, list[str]]:
    """Compare the default rows; give what was told on the way, too."""
    told: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        results = bench(
            data,
            protocol=Protocol(folds=folds, n_examples=0, diagnose=False),
            cache=FeatureCache(folder),
            observer=Observer(on_message=told.append),
        )
    return results, told


def shuffled() -> dict[str, Any]:
    """Count the rows whose interval covers chance."""
    images = digits(N_IMAGES)
    y = np.random.default_rng(1).permutation(images.y)
    data = dataset(replace(images, y=y))
    found: dict[str, Any] = {}
    for design, folds in FOLDS.items():
        rows = table(data, folds)[0].rows
        ends = [row.scores.accuracy_ci95 for row in rows]
        found[design] = _cover(
            [row.name for row in rows], [row.scores.accuracy for row in rows], ends
        )
    with tempfile.TemporaryDirectory() as folder:
        curve = learning_curve(data, labels=(5, 20), cache=FeatureCache(folder))
    n_test = len(data.test)
    for point, n in enumerate(curve.points):
        # the mean of several draws varies less than one, so its interval is too wide
        means = [float(row.means[point]) for row in curve.rows]
        ends = [wilson(round(mean * n_test), n_test) for mean in means]
        names = [row.name for row in curve.rows]
        found[f"curve, {n} labels"] = _cover(names, means, ends)
    return found


def _cover(
    names: list[str], accuracies: list[float], ends: list[Any]
) -> dict[str, Any]:
    outside = [
        name
        for name, (low, high) in zip(names, ends, strict=True)
        if not low <= 0.1 <= high
    ]
    return {
        "rows": len(names),
        "mean_accuracy": float(np.mean(accuracies)),
        "outside": outside,
    }


def copied() -> dict[str, Any]:
    """Compare images alone, their copies as groups, and their copies as they are."""
    images = digits(N_IMAGES // COPIES * 2, NOISE)
    groups = np.arange(len(images)).repeat(COPIES)
    many = images.take(groups)
    many = replace(many, ids=np.array([f"{i}.png" for i in range(len(many))]))
    sets = {
        "alone": images,
        "copies as groups": replace(many, groups=groups),
        "copies as they are": many,
    }
    found: dict[str, Any] = {}
    for design, folds in FOLDS.items():
        for name, one in sets.items():
            results, told = table(dataset(one), folds)
            answer = results.answer
            found[f"{name}, {design}"] = {
                "accuracy": answer.accuracy,
                "interval": list(answer.ci95),
                "told": next((line for line in told if "copies" in line), ""),
            }
            print(name, design, found[f"{name}, {design}"], flush=True)
    return found


def tables(document: dict[str, Any]) -> str:
    """Write both checks."""
    lines = [
        "| shuffled labels | rows | mean accuracy | intervals without 10 % |",
        "|---|--:|--:|---|",
    ]
    for name, one in document["shuffled"].items():
        outside = ", ".join(one["outside"]) or "none"
        mean = f"{100 * one['mean_accuracy']:.1f} %"
        lines.append(f"| {name} | {one['rows']} | {mean} | {outside} |")
    lines += ["", "| copies | accuracy | 95 % interval | told |", "|---|--:|--:|---|"]
    for name, one in document["copied"].items():
        low, high = (100 * end for end in one["interval"])
        mean = f"{100 * one['accuracy']:.1f} %"
        lines.append(f"| {name} | {mean} | {low:.1f} to {high:.1f} | {one['told']} |")
    return "\n".join(lines)


def main() -> None:
    """Run both checks, and print what they found."""
    document: dict[str, Any] = {"machine": describe_machine()}
    if RESULTS.exists():
        document = json.loads(RESULTS.read_text())
    for check in (shuffled, copied):
        if check.__name__ in document:
            continue
        document[check.__name__] = check()
        RESULTS.write_text(json.dumps(document, indent=1) + "\n")
        for name, one in document[check.__name__].items():
            print(name, one, flush=True)
    PAGE.write_text(with_section(PAGE.read_text(), "leakage", tables(document)))


if __name__ == "__main__":
    main()
