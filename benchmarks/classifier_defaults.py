"""Settings as `make_classifier` has them against settings chosen on the training images.

    python -m benchmarks.classifier_defaults [--quick] [--cifar10 FOLDER]

Sets of several kinds of images, even and uneven, see `benchmarks.kinds_of_images`. Each row
is fitted twice on the same features: with usual settings and balanced class weights where
classes are uneven, and with what `choose_settings` gives. Needs scikit-image for its
photographs. The result goes to benchmarks/results/classifier_defaults.json.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from benchmarks.kinds_of_images import Part, all_sets
from featx import make_classifier
from featx.autoencoders import PatchAutoencoder
from featx.autoencoders.registry import make_encoder
from featx.classifiers import SharedReduction, choose_settings
from featx.evaluation import is_uneven
from featx.machine import describe_machine

CLASSIFIERS = ("linear-svm", "logreg", "ridge", "svm", "knn")
RESULT = Path(__file__).parent / "results" / "classifier_defaults.json"


def features(train: Part, judged: Part) -> dict[str, tuple[Any, Any]]:
    """Encode both parts: pixels, principal components, and random patches."""
    size = {"n_images": len(train[0]), "n_pixels": train[0][0].size}
    encoders = {
        "raw": make_encoder("raw", **size),
        "pca": make_encoder("pca", **size),
        "random-patches": PatchAutoencoder(200, max_epochs=0, random_state=0),
    }
    made = {}
    for name, encoder in encoders.items():
        encoder.fit(train[0])
        made[name] = tuple(
            encoder.transform(images).astype(np.float32)
            for images, _ in (train, judged)
        )
    return made


def row(name: str, train: Any, judged: Any, *, chosen: bool) -> dict[str, Any]:
    """Fit once; say how good it is, how long it took and with which settings."""
    (X, y), (X_judged, y_judged) = train, judged
    uneven = is_uneven(np.bincount(y))
    classifier = make_classifier(
        name, n_features=X.shape[1], n_images=len(y), balanced=uneven
    )
    settings: dict[str, Any] = {}

    def choose(*what: Any) -> dict[str, Any]:
        settings.update(choose_settings(*what, uneven=uneven))
        return settings

    start = time.perf_counter()
    SharedReduction().fit(classifier, X.copy(), y, choose if chosen else None)
    seconds = time.perf_counter() - start
    told = classifier.predict(X_judged)
    return {
        "accuracy": round(100 * float(accuracy_score(y_judged, told)), 1),
        "balanced": round(100 * float(balanced_accuracy_score(y_judged, told)), 1),
        "fit_seconds": round(seconds, 2),
        "settings": settings,
    }


def compare(cifar10: Path | None, quick: bool) -> list[dict[str, Any]]:
    """Fit every classifier on every kind of features of every set, both ways."""
    rows = []
    for name, train, judged in all_sets(cifar10):
        if quick and name != "digits, uneven":
            continue
        share = float(np.bincount(judged[1]).max()) / len(judged[1])
        for encoder, (X, X_judged) in features(train, judged).items():
            parts = ((X, train[1]), (X_judged, judged[1]))
            for classifier in CLASSIFIERS:
                fit = partial(row, classifier, *parts)
                one = {
                    "set": name,
                    "encoder": encoder,
                    "classifier": classifier,
                    "largest_class": round(100 * share, 1),
                    "usual": fit(chosen=False),
                    "chosen": fit(chosen=True),
                }
                rows.append(one)
                print(_line(one), flush=True)
    return rows


def _line(one: dict[str, Any]) -> str:
    said = [one[key] for key in ("set", "encoder", "classifier")]
    for way in (one["usual"], one["chosen"]):
        said.append(
            f"{way['accuracy']:.1f} / {way['balanced']:.1f}, {way['fit_seconds']:.2f} s"
        )
    return "| " + " | ".join(said) + " |"


def main() -> None:
    """Compare, and write the result unless --quick is given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small set")
    parser.add_argument("--cifar10", type=Path, help="folder with train/CLASS/*")
    args = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rows = compare(args.cifar10, args.quick)
    if not args.quick:
        found = {"rows": rows, "machine": describe_machine()}
        RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
