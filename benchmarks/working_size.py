"""Accuracy against time and disk for several working sizes, on validation parts only.

``python -m benchmarks.working_size FOLDER... --out benchmarks/results/working_size.json``
decodes each folder of class folders at several sizes, fits encoders and classifiers on the
training images less the validation part, and scores them on the validation part, for
three draws of that part. No test image is looked at. ``--fits`` compares what may become of
the aspect ratio instead, at one size.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from sklearn.base import clone
from sklearn.model_selection import StratifiedShuffleSplit

from featx import PatchAutoencoder, RawPixels, load_dataset, make_classifier

SIZES = (32, 48, 64, 96, 128)
FITS = ("stretch", "pad", "crop")
N_DRAWS = 3
LIMIT = 1000  # training images
CLASSIFIERS = ("linear-svm", "svm")


def encoders() -> dict[str, Any]:
    """Build encoders that are not trained, so that all sizes take minutes."""
    return {
        "raw": RawPixels(),
        "random-patches": PatchAutoencoder(
            n_components=200, max_epochs=0, n_patches=20_000, random_state=0
        ),
    }


def measure(folder: str, **how: Any) -> dict[str, Any]:
    """Decode a folder in one way and score each encoder and classifier."""
    with tempfile.TemporaryDirectory() as cache:
        start = time.process_time()
        data = load_dataset(folder, cache_dir=Path(cache), limit=LIMIT, **how)
        decode = time.process_time() - start
        halves = StratifiedShuffleSplit(N_DRAWS, test_size=0.25, random_state=0)
        draws = list(halves.split(data.train.ids, data.train.y))
        shape = data.train.image_shape
        scores, seconds, n_features = {}, {}, {}
        for name, encoder in encoders().items():
            start = time.process_time()
            X = clone(encoder).fit(data.train.X).transform(data.train.X)
            seconds[name] = round(time.process_time() - start, 1)
            n_features[name] = X.shape[1]
            y = data.train.y
            for kind in CLASSIFIERS:
                right = []
                for used, held in draws:
                    classifier = make_classifier(
                        kind, n_features=X.shape[1], n_images=len(used)
                    )
                    classifier.fit(X[used], y[used])
                    right.append(100 * classifier.score(X[held], y[held]))
                scores[f"{name} + {kind}"] = [
                    round(statistics.mean(right), 1),
                    round(statistics.stdev(right), 1),
                ]
        pixels = len(data.train) * shape[0] * shape[1] * shape[2]
    return {
        "folder": Path(folder).name,
        **{key: value for key, value in how.items()},
        "shape": list(shape),
        "n_train": len(data.train),
        "decode_cpu_s": round(decode, 1),
        "encode_cpu_s": seconds,
        "n_features": n_features,
        "image_mb": round(pixels / 1e6, 1),
        "feature_mb": round(4e-6 * len(data.train) * sum(n_features.values()), 1),
        "accuracy": scores,
    }


def main() -> None:
    """Measure all folders and write what was found after each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--fits", type=int, metavar="SIZE")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = []
    for folder in options.folders:
        ways = (
            [{"longest_side": options.fits, "fit": fit} for fit in FITS]
            if options.fits
            else [{"longest_side": size} for size in SIZES]
        )
        for way in ways:
            found.append(measure(folder, **way))
            print(json.dumps(found[-1]), flush=True)
            options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
