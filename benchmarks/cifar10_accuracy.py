"""The accuracy tables of README and docs: CIFAR-10 from a class-per-folder tree.

    python -m benchmarks.cifar10_accuracy DIR              every row that is missing
    python -m benchmarks.cifar10_accuracy DIR --rows patch --seeds 0,1
    python -m benchmarks.cifar10_accuracy DIR --rows compact:n_components=256
    python -m benchmarks.cifar10_accuracy --readme         write the tables

Each run begins with raw images and an empty cache, trains one encoder without labels,
encodes every image, fits the classifiers with their defaults and scores the test part
once. Then, with the clock stopped, classifiers learn from a few labels of each class, ten
times. It is written to the results file at once, so a stopped benchmark goes on where it
was; `benchmarks.cifar10_comparisons` tests rows against each other. All defaults were
chosen on validation images; nothing here is.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.candidates import Candidate
from benchmarks.few_labels import learn, packed
from benchmarks.pages import with_section
from featx import FeatureCache, Observer, Protocol, bench, encode, load_dataset
from featx.autoencoders.device import choose_dtype
from featx.features import plain_params
from featx.machine import describe_machine

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
MEASURED = ROOT / "docs" / "measured.md"
RESULTS = ROOT / "benchmarks" / "results" / "cifar10_accuracy.json"
ENCODERS = (
    *("raw", "pca", "untrained", "random-patches"),
    *("patch", "compact", "predictive", "conv"),
)
CLASSIFIERS = ("linear-svm", "svm", "mlp")
SEEDS = (0, 1, 2)
CONTROL = "random-patches"
FEW, DRAWS = (10, 50, 250), 10  # labels of each class


def run(folder: str, text: str, seed: int, limit: int | None = None) -> dict[str, Any]:
    """Go from raw images to scores with one encoder, and say how long each part took."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as work:
        start = time.perf_counter()
        dataset = load_dataset(folder, cache_dir=work, limit=limit, seed=seed)
        loaded = time.perf_counter()
        candidate = Candidate.read(text)
        encoder = candidate.build(dataset.train.X, seed)
        if "device" in encoder.get_params():
            encoder.set_params(device="cpu")
        cache = FeatureCache(work)
        chosen: list[str] = []
        results = bench(
            dataset,
            {candidate.name: encoder},
            CLASSIFIERS,
            cache=cache,
            protocol=Protocol(seed=seed),
            observer=Observer(on_progress=_show, on_message=chosen.append),
        )
        wall = time.perf_counter() - start
        encoded = encode(dataset, encoder, cache=cache)
        parts = [(np.asarray(one.X), one.y) for one in (encoded.train, encoded.test)]
        few = [row for n in FEW for row in learn(*parts, n, DRAWS)]
    first, start_of = results.rows[0], f"{candidate.name}: "
    return {
        "encoder": text,
        "seed": seed,
        "commit": commit,
        "params": plain_params(encoder),
        "chosen": next(
            (line[len(start_of) :] for line in chosen if line.startswith(start_of)), ""
        ),
        "precision": str(choose_dtype("auto", torch.device("cpu"))).split(".")[1],
        "n_train": len(dataset.train),
        "n_test": len(dataset.test),
        "n_features": first.n_features,
        "epochs": getattr(encoded.encoder.encoder, "n_iter_", 0),
        "load_seconds": round(loaded - start, 1),
        "train_seconds": round(first.train_seconds, 1),
        "encode_seconds": round(first.encode_seconds, 1),
        "wall_seconds": round(wall, 1),
        "rows": [
            {
                "classifier": row.classifier,
                "accuracy": row.scores.accuracy,
                "times_right": packed(results.predictions[row.name] == results.y_true),
                "fit_seconds": round(row.fit_seconds, 1),
                "predict_seconds": round(row.predict_seconds, 1),
                "notes": list(row.notes),
            }
            for row in results.rows
        ],
        "few_labels": few,
        "machine": describe_machine(),
    }


def _show(what: str, done: int, whole: int) -> None:
    if done == 0:
        print(f"  {what}", file=sys.stderr, flush=True)


def table(runs: list[dict[str, Any]]) -> str:
    """Write the table: encoders down, classifiers across, mean and spread."""
    runs = [one for one in runs if one["encoder"] in ENCODERS]
    cells: dict[tuple[str, str], list[float]] = {}
    for one in runs:
        for row in one["rows"]:
            key = (one["encoder"], row["classifier"])
            if row["classifier"] not in CLASSIFIERS:
                continue  # measured once, and no longer among the defaults
            cells.setdefault(key, []).append(100 * row["accuracy"])
    best = max(cells, key=lambda key: statistics.mean(cells[key]))
    lines = [
        f"| encoder | features | {' | '.join(CLASSIFIERS)} | seeds | train | encode |",
        "|---|--:|" + "--:|" * len(CLASSIFIERS) + "--:|--:|--:|",
    ]
    for name in ENCODERS:
        mine = [one for one in runs if one["encoder"] == name]
        if not mine:
            continue
        shown = []
        for classifier in CLASSIFIERS:
            values = cells.get((name, classifier))
            text = spread(values) if values else "–"
            shown.append(f"**{text}**" if (name, classifier) == best else text)
        lines.append(
            f"| {name} | {mine[0]['n_features']:,} | {' | '.join(shown)} | {len(mine)} "
            f"| {_times(mine, 'train')} | {_times(mine, 'encode')} |"
        )
    machine = runs[0]["machine"]
    versions = {
        name: " and ".join(sorted({one["machine"]["versions"][name] for one in runs}))
        for name in ("torch", "scikit-learn", "scikit-learn-intelex")
    }
    lines += [
        "",
        "Test accuracy in % on CIFAR-10, JPEG copy "
        f"({runs[0]['n_train']:,} training and {runs[0]['n_test']:,} test images): mean "
        "over the seeds ± their standard deviation. The choice of test images alone is "
        "good for ± 0.8 to 1.0 (95 %). Encoders saw no labels, and every encoder and "
        "classifier has its defaults. Two times: in float32 on a processor without "
        "bfloat16 instructions / in bfloat16 on one with them. "
        f"{machine['processor']}, {machine['cores']} cores, no GPU, torch "
        f"{versions['torch']}, scikit-learn {versions['scikit-learn']}, "
        f"scikit-learn-intelex {versions['scikit-learn-intelex']}. The JPEG copy is lossy "
        "and costs 3 to 4 points against the original images.",
    ]
    return "\n".join(lines)


def _times(runs: list[dict[str, Any]], part: str) -> str:
    """Mean seconds in float32 and, where there are such runs, in bfloat16."""
    means = []
    for precision in ("float32", "bfloat16"):
        seconds = [
            one[f"{part}_seconds"]
            for one in runs
            if one.get("precision", "float32") == precision
            and one[f"{part}_seconds"] is not None
        ]
        if seconds:
            means.append(f"{statistics.mean(seconds):,.0f}")
    return f"{' / '.join(means)} s"


def check(runs: list[dict[str, Any]]) -> None:
    """Assert what the README claims, of the mean over the seeds."""
    linear = _means(runs, "linear-svm")
    best: dict[str, float] = {}
    for classifier in CLASSIFIERS:
        for name, mean in _means(runs, classifier).items():
            best[name] = max(best.get(name, 0.0), mean)
    walls: dict[str, float] = {}
    for one in runs:
        # without times where the run was stopped now and then for other work
        slowest = max(walls.get(one["encoder"], 0.0), one["wall_seconds"] or 0.0)
        walls[one["encoder"]] = slowest
    assert linear["patch"] >= 77, linear
    assert best["patch"] >= 79, best
    assert best["patch"] > best["random-patches"], best
    assert best["predictive"] >= best["random-patches"] + 1.5, best
    assert best["predictive"] >= 81.5, best
    assert best["conv"] >= 70, best
    assert linear["conv"] >= linear["untrained"] + 5, linear
    assert best["conv"] >= best["conv:noise=0,mask_fraction=0"] + 2, best
    trained = ("patch", "compact", "predictive", "conv")
    assert max(walls[name] for name in trained) <= 40 * 60, walls


def _means(runs: list[dict[str, Any]], classifier: str) -> dict[str, float]:
    """Mean accuracy in % over the seeds, by encoder."""
    found: dict[str, list[float]] = {}
    for one in runs:
        for row in one["rows"]:
            if row["classifier"] == classifier:
                found.setdefault(one["encoder"], []).append(100 * row["accuracy"])
    return {name: statistics.mean(values) for name, values in found.items()}


def spread(values: list[float]) -> str:
    """Write mean and standard deviation, the latter only where there is one.

    >>> spread([70.0, 71.0, 72.0]), spread([70.0])
    ('71.0 ± 1.0', '70.0')
    """
    text = f"{statistics.mean(values):.1f}"
    return f"{text} ± {statistics.stdev(values):.1f}" if len(values) > 1 else text


def short_table(runs: list[dict[str, Any]]) -> str:
    """Write the README's table: of every encoder its best classifier."""
    lines = [
        "| encoder | features | best classifier | test accuracy |",
        "|---|--:|---|--:|",
    ]
    means = {name: _means(runs, name) for name in CLASSIFIERS}
    for name in ENCODERS:
        mine = [one for one in runs if one["encoder"] == name]
        best = max(CLASSIFIERS, key=lambda one: means[one].get(name, 0.0))
        values = [
            100 * row["accuracy"]
            for one in mine
            for row in one["rows"]
            if row["classifier"] == best
        ]
        if values:
            lines.append(
                f"| {name} | {mine[0]['n_features']:,} | {best} | {spread(values)} |"
            )
    lines += [
        "",
        f"CIFAR-10, JPEG copy ({runs[0]['n_test']:,} test images), %; mean ± standard "
        "deviation over three seeds where there are some. The copy costs 3 to 4 points.",
    ]
    return "\n".join(lines)


def with_table(page: str, runs: list[dict[str, Any]]) -> str:
    """Return the page of measurements with the table of these runs in its place."""
    return with_section(page, "cifar10", table(runs))


def with_short_table(readme: str, runs: list[dict[str, Any]]) -> str:
    """Return the README with the short table of these runs in its place."""
    return with_section(readme, "cifar10 short", short_table(runs))


def read() -> list[dict[str, Any]]:
    """Read the runs so far."""
    runs: list[dict[str, Any]] = []
    if RESULTS.exists():
        runs = json.loads(RESULTS.read_text())
    return runs


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", help="DIR/train/CLASS/*, DIR/test/CLASS/*")
    parser.add_argument(
        "--rows",
        nargs="+",
        default=ENCODERS,
        metavar="ENCODER",
        help="with parameters where wanted: compact:n_components=256,view_eps=1",
    )
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--limit", type=int, help="images, to try the script itself")
    parser.add_argument("--readme", action="store_true", help="write the tables")
    args = parser.parse_args()
    if not (args.folder or args.readme):
        parser.error("give a folder or --readme")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    runs = read()
    if args.folder:
        for seed in map(int, args.seeds.split(",")):
            for name in args.rows:
                known = [r for r in runs if (r["encoder"], r["seed"]) == (name, seed)]
                if any("few_labels" in one for one in known):
                    continue
                print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
                one = run(args.folder, name, seed, args.limit)
                print(json.dumps(one["rows"]), file=sys.stderr, flush=True)
                if args.limit is None:
                    # in place of a run of before runs told their images
                    runs = [r for r in runs if r not in known] + [one]
                    RESULTS.write_text(json.dumps(runs, indent=1) + "\n")
    if args.readme:
        for page, written in ((MEASURED, with_table), (README, with_short_table)):
            page.write_text(written(page.read_text(), runs))


if __name__ == "__main__":
    main()
