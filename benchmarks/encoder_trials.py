"""Candidates for an encoder, tried on several kinds of images.

    python -m benchmarks.encoder_trials CANDIDATE... --cifar10 DIR --sets "letters;signs"

A candidate is the name of an encoder, with parameters where wanted:
``patch:n_components=400,pooling=3``. It learns from the training images of a set, without
labels; `linear-svm` and `svm` are fitted on 10 and on 100 labels of each class (mean of
three nested draws) and on all, and judged on the validation images. These come from the
training part of CIFAR-10 and from what `benchmarks.kinds_of_images` draws, never from a
test part. Every row goes to benchmarks/results/encoder_trials.json at once, so that one
sees how many candidates a validation part has already judged; a row that is there is not
made again. Needs scikit-image for its photographs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import kinds_of_images as kinds
from benchmarks.candidates import Candidate
from benchmarks.few_labels import CLASSIFIERS, draws, predicted
from benchmarks.kinds_of_images import Part, even, uneven
from featx import load_dataset

RESULTS = Path(__file__).parent / "results" / "encoder_trials.json"
DRAWS = 3
N_VALIDATION = 5000
Row = dict[str, Any]


def all_sets(cifar10: Path | None) -> dict[str, Callable[[], tuple[Part, Part]]]:
    """Name each set, with what makes its training and its validation part."""

    def made(make: Any, train: Any, validation: Any) -> tuple[Part, Part]:
        return make(train, 0), make(validation, 1)

    def photographs(n: int) -> tuple[Part, Part]:
        train = load_dataset(str(cifar10)).train
        order = np.random.default_rng(0).permutation(len(train))
        rows = np.sort(order[:n]), np.sort(order[-N_VALIDATION:])
        first, second = ((np.asarray(train.X[r]), train.y[r]) for r in rows)
        return first, second

    sets: dict[str, Callable[[], tuple[Part, Part]]] = {
        "digits": lambda: made(kinds.digits, even(10, 110), even(10, 55)),
        "letters": lambda: made(kinds.letters, even(26, 190), even(26, 190)),
        "textures": lambda: made(
            kinds.textures, uneven(15, 400, 8), uneven(15, 400, 8)
        ),
        "signs": lambda: made(kinds.signs, uneven(43, 200, 4), uneven(43, 200, 4)),
        "objects": lambda: made(kinds.objects, even(30, 160), even(30, 160)),
    }
    if cifar10:
        sets["cifar10, 5,000"] = lambda: photographs(5000)
        sets["cifar10, 20,000"] = lambda: photographs(20_000)
    return sets


def try_out(candidate: Candidate, set_name: str, cifar10: Path | None) -> Row:
    """Train, encode, fit and judge one candidate on one set."""
    (X, y), (judged, truth) = all_sets(cifar10)[set_name]()
    encoder = candidate.build(X)
    start = time.perf_counter()
    encoder.fit(X)
    trained = time.perf_counter()
    features, others = (np.asarray(encoder.transform(x)) for x in (X, judged))
    encoded = time.perf_counter()
    row: Row = {
        "set": set_name,
        "candidate": candidate.text,
        "n_train": len(X),
        "n_features": features.shape[1],
        "train_seconds": round(trained - start, 1),
        "encode_seconds": round(encoded - trained, 1),
    }
    if hasattr(encoder, "cost"):
        cost = encoder.cost(len(X), (*X.shape[1:], 1)[:3])
        whole = cost.training + cost.encoding * (len(X) + len(judged))
        row["teraflop"] = round(whole / 1e12, 2)
    for n in (10, 100, None):
        for name in CLASSIFIERS:
            chosen = draws(y, n, DRAWS) if n else [np.arange(len(y))]
            scores = [
                100
                * np.mean(predicted(name, (features[rows], y[rows]), others) == truth)
                for rows in chosen
            ]
            row[f"{name}, {n or 'all'}"] = round(float(np.mean(scores)), 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return row | {
        "peak_mib": peak // 1024,
        "seconds": round(time.perf_counter() - start),
    }


def show(row: Row, rows: list[Row]) -> str:
    """Write a row beside the best one of every column so far, of the same set."""
    same = [one for one in rows if one["set"] == row["set"]]
    lines = [
        f"{row['set']}: {row['candidate']} ({row['n_features']:,} features; train "
        f"{row['train_seconds']} s, encode {row['encode_seconds']} s, "
        f"{row.get('teraflop', '?')} TFLOP, {row['peak_mib']:,} MiB; candidate "
        f"{len(same)} of this set)"
    ]
    for n in ("10", "100", "all"):
        for name in CLASSIFIERS:
            key = f"{name}, {n}"
            best = max(same, key=lambda one: one[key])
            lines.append(
                f"  {key:16} {row[key]:6.2f}   best {best[key]:6.2f} "
                f"{best['candidate']}"
            )
    return "\n".join(lines)


def read() -> list[Row]:
    """Read the rows so far."""
    rows: list[Row] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    return rows


def _in_process(*what: Any) -> Row:
    """Call `try_out` in a process of its own, so that its peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(try_out, what)


def main() -> None:
    """Try every candidate on every set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("candidates", nargs="+", type=Candidate.read)
    parser.add_argument("--cifar10", type=Path, help="DIR/train/CLASS/*, ...")
    parser.add_argument("--sets", help="names, separated by semicolons")
    options = parser.parse_args()
    names = list(all_sets(options.cifar10))
    wanted = options.sets.split(";") if options.sets else names
    if unknown := [name for name in wanted if name not in names]:
        parser.error(f"unknown sets {unknown}; known are {names}")
    for candidate in options.candidates:
        for name in wanted:
            rows = read()
            key = (name, candidate.text)
            found = [row for row in rows if (row["set"], row["candidate"]) == key]
            if not found:
                found = [_in_process(candidate, name, options.cifar10)]
                rows += found
                RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
            print(show(found[0], rows), flush=True)


if __name__ == "__main__":
    sys.exit(main())
