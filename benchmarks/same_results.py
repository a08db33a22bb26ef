"""Run two commits on the same images and compare all that they compute, to the bit.

    python -m benchmarks.same_results BEFORE AFTER --cifar10 FOLDER

Compared are the features of every encoder, and the predictions and the table of every
encoder with every classifier, on `digits` and on 3,000 images of a folder. Times are not
compared. Both commits run with the packages of this environment.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
ENCODERS = "raw,pca,untrained,random-patches,patch,conv"
CLASSIFIERS = "linear-svm,logreg,ridge,svm,kernel-ridge,mlp,knn"
# An image is encoded in full at both commits; epochs are given, so that no clock decides.
WORDS = ["--clf", CLASSIFIERS, "--epochs", "2", "--quiet"]
SCORES = ("encoder", "classifier", "n_features", "accuracy", "balanced_accuracy")


def digest(array: np.ndarray[Any, Any]) -> str:
    """Hash the content of an array."""
    head = f"{array.dtype}{array.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def check_out(commit: str, folder: Path) -> Path:
    """Unpack a commit into a folder."""
    folder.mkdir()
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", commit], capture_output=True, check=True
    )
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


def compute(source: Path, data: list[str], work: Path) -> dict[str, Any]:
    """Compare all encoders and classifiers with one commit; give what came out."""
    run, cache = work / "run", work / "cache"
    command = [sys.executable, "-m", "featx", "bench", *data, *WORDS]
    command += ["--encoders", ENCODERS, "--out", str(run), "--cache-dir", str(cache)]
    environment = os.environ | {"PYTHONPATH": str(source)}
    subprocess.run(
        command, cwd=source, env=environment, stdout=subprocess.DEVNULL, check=True
    )
    features = sorted(
        digest(np.load(file, mmap_mode="r"))
        for file in cache.glob("features/*/features.npy")
    )
    with (run / "predictions.csv").open(encoding="utf-8", newline="") as table:
        columns = zip(*csv.reader(table), strict=True)
        predictions = [[first, digest(np.array(rest))] for first, *rest in columns]
    with (run / "table.csv").open(encoding="utf-8", newline="") as table:
        scores = [[row[name] for name in SCORES] for row in csv.DictReader(table)]
    document = json.loads((run / "results.json").read_text("utf-8"))
    return {
        "features": features,
        "predictions": predictions,
        "scores": scores,
        "tests": document["comparisons"],
    }


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Name what is not the same, and how much there was to compare."""
    lines = []
    for what, old in before.items():
        new = after[what]
        n_same = sum(one in new for one in old)
        lines.append(f"  {what}: {n_same:,} of {len(old):,} the same")
        if old != new:
            lines[-1] += " - DIFFERENT"
            lines += [f"    {one} now absent" for one in old if one not in new][:10]
    return lines


def main() -> int:
    """Compare two commits; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--cifar10", type=Path, help="folder of class folders")
    options = parser.parse_args()
    sets = {"digits": ["digits"]}
    if options.cifar10:
        sets["3,000 of CIFAR-10"] = [str(options.cifar10), "--limit", "1500"]
    report = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        sources = [
            check_out(commit, work / f"source-{i}")
            for i, commit in enumerate((options.before, options.after))
        ]
        for name, data in sets.items():
            both = []
            for i, source in enumerate(sources):
                place = work / f"{name}-{i}"
                place.mkdir()
                both.append(compute(source, data, place))
            report += [name, *differences(*both)]
    print("\n".join(report))
    return int(any("DIFFERENT" in line for line in report))


if __name__ == "__main__":
    raise SystemExit(main())
