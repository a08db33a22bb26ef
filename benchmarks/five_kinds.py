"""Does learning pay? What `featx bench` says, with its defaults, of five kinds of images.

    python -m benchmarks.five_kinds DIR [--sets letters,signs]

DIR is a copy of CIFAR-10 in folders, train/CLASS/* and test/CLASS/*; the others are drawn
by `benchmarks.kinds_of_images`. Each set is written as an array file and compared by the
command as a person would type it, with an empty cache. The best row that learned is tested
against the best control on the same test images, which no setting was chosen on; both are
maxima over rows. Of objects and textures, other crops of the same photographs were looked
at before, when encoders were chosen, and of letters other pictures in the same fonts. Each
set goes to benchmarks/results/five_kinds.json at once. Needs scikit-image.
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
from featx.evaluation import CONTROLS, compare
from featx.machine import describe_machine
from featx.reports import load_run

RESULTS = Path(__file__).parent / "results" / "five_kinds.json"


def gray(folder: Path, labels: Labels, part: int) -> Part:
    """Photographs of CIFAR-10, gray, 24 x 24 pixels."""
    images, labels = kinds.cifar10(folder, labels, part)
    small = [Image.fromarray(one).convert("L").resize((24, 24)) for one in images]
    return np.stack([np.asarray(one) for one in small]), labels


def compared(make: Any, train: Labels, test: Labels, seed: int) -> dict[str, Any]:
    """Run the command on one set; give the best rows and the test between them."""
    (X, y), (Z, z) = make(train, 0), make(test, 2)
    with tempfile.TemporaryDirectory() as work:
        file, run = Path(work) / "images.npz", Path(work) / "run"
        np.savez(file, X_train=X, y_train=y, X_test=Z, y_test=z)
        start = time.perf_counter()
        command = [sys.executable, "-m", "featx", "bench", str(file), "--out", str(run)]
        command += ["--cache-dir", f"{work}/cache", "--seed", str(seed)]
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - start
        results = load_run(run).results
    rows = sorted(results.rows, key=lambda row: -row.scores.accuracy)
    others = {*CONTROLS, *results.outside_data}
    learned = next(row for row in rows if row.encoder not in others)
    control = next(row for row in rows if row.encoder in CONTROLS)
    right = {
        row.name: results.predictions[row.name] == results.y_true
        for row in (learned, control)
    }
    (test_of_both,) = compare(right, [(learned.name, control.name)])
    return {
        "n_train": len(X),
        "n_test": len(Z),
        "shape": list(X.shape[1:]),
        "minutes": round(seconds / 60, 1),
        "learned": learned.name,
        "control": control.name,
        "accuracies": {
            row.name: round(100 * row.scores.accuracy, 2) for row in results.rows
        },
        "only_learned": test_of_both.only_row,
        "only_control": test_of_both.only_other,
        "p_value": test_of_both.p_value,
        "machine": describe_machine(),
    }


def table(sets: dict[str, dict[str, Any]]) -> str:
    """Write a line for each set."""
    lines = [
        "| set | images | best that learned | best control | p | minutes |",
        "|---|--:|---|---|--:|--:|",
    ]
    for name, one in sets.items():
        rows = [
            f"{one[who]} {one['accuracies'][one[who]]:.1f}"
            for who in ("learned", "control")
        ]
        lines.append(
            f"| {name} | {one['n_train']:,} + {one['n_test']:,} | {' | '.join(rows)} "
            f"| {one['p_value']:.2g} | {one['minutes']} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--sets", help="names, separated by commas")
    parser.add_argument("--seeds", default="0")
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


if __name__ == "__main__":
    main()
