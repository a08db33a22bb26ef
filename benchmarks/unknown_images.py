"""How well images of no known class can be told from those of known ones.

    python -m benchmarks.unknown_images DIR [--encoders random-patches,compact]

DIR is a tree of train/CLASS/* and test/CLASS/*. Models are trained without two classes, and
asked about test images of the others, of these two, of `digits` in color and of noise. The
area under the ROC curve says how often an unknown image is rated less known than a known
one, by the probability of the class that is named and by `likeness`; then, how many of
them `--unlike 0.01` finds.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

import featx
from benchmarks.pages import with_section
from featx.experiment import Observer, Protocol
from featx.images.pixels import resize
from featx.known_images import KnownImages
from featx.machine import describe_machine

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "unknown_images.json"
PAGE = ROOT / "benchmarks" / "README.md"
LEFT_OUT = 2  # classes: the last ones, ship and truck of CIFAR-10
N_OTHERS = 2000  # images of each other kind, at most


def without_classes(dataset: featx.Dataset, n: int) -> featx.Dataset:
    """Leave the last classes out of training and test part."""
    kept = dataset.class_names[:-n]

    def part(images: featx.ImageSet) -> featx.ImageSet:
        some = images.take(np.flatnonzero(images.y < len(kept)))
        return replace(some, class_names=kept)

    train = part(dataset.train)
    mask = dataset.validation[dataset.train.y < len(kept)]
    return replace(dataset, train=train, test=part(dataset.test), validation=mask)


def others(dataset: featx.Dataset, cache_dir: str | None) -> dict[str, Any]:
    """Collect images of no known class: (n, h, w, c) by what they are."""
    height, width, depth = dataset.train.image_shape
    unseen = dataset.test.y >= len(dataset.class_names) - LEFT_OUT
    digits = featx.load_dataset("digits", cache_dir=cache_dir).train.X[:N_OTHERS]
    drawn = np.stack(
        [resize(Image.fromarray(one[..., 0]), (height, width)) for one in digits]
    )
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (N_OTHERS, height, width, depth), np.uint8)
    return {
        "two other classes": dataset.test.X[
            np.sort(rng.permutation(np.flatnonzero(unseen))[:N_OTHERS])
        ],
        "digits": np.repeat(drawn, depth, axis=3),
        "noise": noise,
    }


def measure(
    dataset: featx.Dataset, encoder: str, classifier: str, folder: str | None
) -> dict[str, dict[str, float]]:
    """Train without two classes and rate all kinds of images."""
    models: list[featx.Model] = []
    seen = without_classes(dataset, LEFT_OUT)

    def keep(fitted: Any, row: Any) -> None:
        train, judged = row.train, row.judged
        models.append(
            featx.Model.of(
                fitted,
                row.classifier,
                seen.class_names,
                calibration=judged.calibration,
                known=KnownImages.of(train.X, train.y, train.ids),
            )
        )

    featx.bench(
        seen,
        [encoder],
        [classifier],
        protocol=Protocol(n_examples=0, diagnose=False, calibrate_fully=True),
        cache=featx.FeatureCache(folder),
        observer=Observer(on_fitted=keep, on_message=print),
    )
    (model,) = models
    known = model.look(seen.test.X, likeness=True)
    lost = {
        name: float((known.likeness <= share).mean())
        for name, share in (("1 %", 0.01), ("5 %", 0.05))
    }
    found: dict[str, dict[str, float]] = {"lost": lost}
    for kind, images in others(dataset, folder).items():
        strange = model.look(images, likeness=True)
        is_known = np.repeat([1, 0], [len(known.names), len(strange.names)])
        found[kind] = {
            name: float(
                roc_auc_score(
                    is_known,
                    np.concatenate([getattr(known, name), getattr(strange, name)]),
                )
            )
            for name in ("confidence", "likeness")
        }
        found[kind]["found"] = float((strange.likeness <= 0.01).mean())
    return found


def table(rows: dict[str, dict[str, dict[str, float]]]) -> str:
    """Write a line for each model and rating."""
    kinds = [kind for kind in next(iter(rows.values())) if kind != "lost"]
    lines = [
        f"| model | rated by | {' | '.join(kinds)} | known ones lost at 1 and 5 % |",
        "|---|---|" + "--:|" * len(kinds) + "--:|",
    ]
    for name, row in rows.items():
        for rating, word in (("confidence", "probability"), ("likeness", "likeness")):
            cells = [f"{row[kind][rating]:.3f}" for kind in kinds]
            if rating == "likeness":
                shares = [row[kind]["found"] for kind in kinds]
                pairs = zip(cells, shares, strict=True)
                cells = [f"{cell} ({100 * share:.0f} %)" for cell, share in pairs]
            lost = [f"{100 * share:.1f} %" for share in row["lost"].values()]
            cells.append(", ".join(lost) if rating == "likeness" else "")
            lines.append(f"| {name} | {word} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--encoders", default="random-patches,compact")
    parser.add_argument("--clf", default="svm")
    parser.add_argument("--cache-dir")
    options = parser.parse_args()
    rows = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else {}
    dataset = featx.load_dataset(options.folder, cache_dir=options.cache_dir)
    for encoder in options.encoders.split(","):
        name = f"{encoder} + {options.clf}"
        if name not in rows:
            rows[name] = measure(dataset, encoder, options.clf, options.cache_dir)
            document = {"machine": describe_machine(), "rows": rows}
            RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    PAGE.write_text(with_section(PAGE.read_text(), "unknown", table(rows)))
    print(table(rows))


if __name__ == "__main__":
    main()
