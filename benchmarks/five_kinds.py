"""Does learning pay? What `featx bench` says, with its defaults, of five kinds of images.

    python -m benchmarks.five_kinds DIR [--sets letters,signs] [--seeds 0,1,2]
    python -m benchmarks.five_kinds --readme             write the table of docs/measured.md

DIR is a copy of CIFAR-10 in folders, train/CLASS/* and test/CLASS/*; the others are drawn
by `benchmarks.kinds_of_images`. Each set is written as an array file and compared by the
command as a person would type it, with an empty cache. The best row that learned is tested
against the best control on the same test images, which no setting was chosen on; both are
maxima over rows. Of objects and textures, other crops of the same photographs were looked
at before, when encoders were chosen, and of letters other pictures in the same fonts. Then
come the features of a network trained on ImageNet (`benchmarks.pretrained`), tested against
the best row that learned from the images themselves. Each set goes to
benchmarks/results/five_kinds.json at once. Needs scikit-image and that network's packages.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import kinds_of_images as kinds
from benchmarks.kinds_of_images import Labels, Part, even, uneven
from benchmarks.pages import with_section
from featx.evaluation import CONTROLS, BenchResults, compare
from featx.evaluation.comparisons import holm
from featx.machine import describe_machine
from featx.reports import load_run

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "measured.md"
RESULTS = ROOT / "benchmarks" / "results" / "five_kinds.json"
PRETRAINED = "benchmarks/pretrained.py:lite0"


def gray(folder: Path, labels: Labels, part: int) -> Part:
    """Photographs of CIFAR-10, gray, 24 x 24 pixels."""
    images, labels = kinds.cifar10(folder, labels, part)
    small = [Image.fromarray(one).convert("L").resize((24, 24)) for one in images]
    return np.stack([np.asarray(one) for one in small]), labels


def compared(make: Any, train: Labels, test: Labels, seed: int) -> dict[str, Any]:
    """Run the command on one set; give the best rows and the tests between them."""
    (X, y), (Z, z) = make(train, 0), make(test, 2)
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "images.npz"
        np.savez(file, X_train=X, y_train=y, X_test=Z, y_test=z)
        results, minutes = bench(file, seed)
        outside, outside_minutes = bench(file, seed, "--encoders", PRETRAINED)
    rows = sorted(results.rows, key=lambda row: -row.scores.accuracy)
    others = {*CONTROLS, *results.outside_data}
    learned = next(row for row in rows if row.encoder not in others)
    control = next(row for row in rows if row.encoder in CONTROLS)
    pretrained = max(outside.rows, key=lambda row: row.scores.accuracy)
    right = {
        row.name: source.predictions[row.name] == source.y_true
        for source, row in (
            (results, learned),
            (results, control),
            (outside, pretrained),
        )
    }
    pairs = [(learned.name, control.name), (learned.name, pretrained.name)]
    on_control, on_pretrained = (compare(right, [pair])[0] for pair in pairs)
    return {
        "n_train": len(X),
        "n_test": len(Z),
        "shape": list(X.shape[1:]),
        "minutes": minutes,
        "outside_minutes": outside_minutes,
        "learned": learned.name,
        "control": control.name,
        "pretrained": pretrained.name,
        "accuracies": {
            row.name: round(100 * row.scores.accuracy, 2)
            for row in (*results.rows, *outside.rows)
        },
        "only_learned": on_control.only_row,
        "only_control": on_control.only_other,
        "p_value": on_control.p_value,
        "p_value_pretrained": on_pretrained.p_value,
        "reduced": results.protocol["reduced"],
        "time": results.protocol["time"],
        "machine": describe_machine(),
    }


def bench(file: Path, seed: int, *words: str) -> tuple[BenchResults, float]:
    """Run `featx bench` on a file with an empty cache; its results, and its minutes."""
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-m", "featx", "bench", str(file), *words]
        command += ["--cache-dir", f"{work}/cache", "--out", f"{work}/run"]
        start = time.perf_counter()
        subprocess.run([*command, "--seed", str(seed)], check=True, cwd=ROOT)
        seconds = time.perf_counter() - start
        return load_run(Path(work) / "run").results, round(seconds / 60, 1)


def table(sets: dict[str, dict[str, Any]]) -> str:
    """Write a line for each set."""
    lines = [
        "| images | training and test | best that learned from them | best control | p "
        "| trained on ImageNet | p |",
        "|---|--:|---|---|--:|---|--:|",
    ]
    for name, one in sets.items():
        told = {
            who: f"{one[who].rpartition(':')[2]} {one['accuracies'][one[who]]:.1f}"
            for who in ("learned", "control", "pretrained")
        }
        corrected = holm([one["p_value"], one["p_value_pretrained"]])
        p, of_pretrained = (
            "< 0.001" if value < 0.001 else f"{value:.2g}" for value in corrected
        )
        lines.append(
            f"| {name} | {one['n_train']:,} + {one['n_test']:,} | {told['learned']} "
            f"| {told['control']} | {p} | {told['pretrained']} | {of_pretrained} |"
        )
    return "\n".join(lines)


def with_table(page: str, sets: dict[str, dict[str, Any]]) -> str:
    """Return the page with the table of the first seed in its place."""
    first = {name: one for name, one in sets.items() if "seed" not in name}
    return with_section(page, "five kinds", table(first))


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--sets", help="names, separated by commas")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    done: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if options.folder:
        sets = {
            "letters": (kinds.letters, even(26, 150), even(26, 75)),
            "textures": (kinds.textures, uneven(15, 400, 8), uneven(15, 400, 8)),
            "signs": (kinds.signs, uneven(43, 200, 4), uneven(43, 200, 4)),
            "objects": (kinds.objects, even(30, 130), even(30, 60)),
            "photographs": (
                partial(gray, options.folder),
                even(10, 400),
                even(10, 200),
            ),
        }
        wanted = options.sets.split(",") if options.sets else [*sets]
        if strange := {*wanted} - {*sets}:
            parser.error(f"unknown: {', '.join(strange)}; there are {', '.join(sets)}")
        for name, seed in product(wanted, map(int, options.seeds.split(","))):
            key = f"{name}, seed {seed}" if seed else name
            if key not in done:
                done[key] = compared(*sets[name], seed)
                RESULTS.write_text(json.dumps(done, indent=1) + "\n")
    print(table(done))
    if options.readme:
        PAGE.write_text(with_table(PAGE.read_text(), done))


if __name__ == "__main__":
    main()
