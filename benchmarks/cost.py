"""What a large job would take, computed from what was measured.

    python -m benchmarks.cost --images 1e7 --cores 64
    python -m benchmarks.cost --docs         write the tables of docs/scaling.md

Times of 60,000 CIFAR-10 images (`results/cifar10_accuracy.json`, runs with times) and of
two million in shards (`results/large_job.json`) are turned into core-seconds per image and
multiplied. Nothing here was run at that size: memory bandwidth, storage and network can
make it slower, and the classifier's fit runs on one machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import cifar10_accuracy
from benchmarks.pages import with_section
from featx.autoencoders.registry import make_encoder

ROOT = Path(__file__).parent.parent
LARGE = ROOT / "benchmarks" / "results" / "large_job.json"
SCALING = ROOT / "docs" / "scaling.md"
SHOWN = ("untrained", "patch", "compact", "predictive", "conv")
DEEP = ("predictive", "conv")
SIZES = ((10**5, 2), (10**7, 64), (10**9, 1024))  # images, cores of the cluster
CLASSES, STEPS = 10, 12  # that the linear classifier learns, and how it does
FIT_CORES = 64  # of the machine that fits the classifier
DISK = 1e9  # bytes/s that one process writes or reads


@dataclass(frozen=True)
class Measured:
    """Core-seconds per image of an encoder, and what its features need.

    Parameters
    ----------
    encode : float
        Core-seconds to encode an image.
    view : float
        Core-seconds for which an image is seen once in training; 0 where training does
        not depend on the number of images.
    fixed : float
        Core-seconds of training that do not depend on the number of images.
    n_features : int
        Features of an image.
    flops : float
        Operations per second and core that the linear classifier reached.
    """

    encode: float
    view: float
    fixed: float
    n_features: int
    flops: float


def fit_operations(n: float, p: int) -> float:
    """Operations of `linear-svm`: Gram matrix, factor, steps of two passes."""
    return n * p**2 + p**3 / 3 + STEPS * 4 * n * p * CLASSES


def measured() -> tuple[dict[str, Measured], float]:
    """Return what was measured per encoder, and core-seconds to read a JPEG file."""
    runs = [r for r in cifar10_accuracy.read() if r["encode_seconds"] is not None]
    found = {}
    for name in SHOWN:
        mine = [r for r in runs if r["encoder"] == name]
        cores = mine[0]["machine"]["cores"]
        n_train, p = mine[0]["n_train"], mine[0]["n_features"]
        n = n_train + mine[0]["n_test"]

        train = cores * statistics.median(run["train_seconds"] for run in mine)
        encode = cores * statistics.median(run["encode_seconds"] for run in mine)
        # as many as they had when they were run
        views = n_train * mine[0].get("epochs", epochs(name, n_train))
        fit = statistics.median(
            row["fit_seconds"]
            for run in mine
            for row in run["rows"]
            if row["classifier"] == "linear-svm"
        )
        found[name] = Measured(
            encode / n,
            train / views if views else 0.0,
            0.0 if views else train,
            p,
            fit_operations(n_train, p) / fit / cores,
        )
    read = statistics.median(r["load_seconds"] for r in runs) * cores / n
    return found, read


def epochs(name: str, n: float) -> float:
    """Epochs of an encoder by default; 0 where training does not depend on n."""
    if name not in DEEP:
        return 0
    encoder: Any = make_encoder(name, n_images=int(n), n_pixels=3072)
    return float(encoder._resolve_epochs(int(n)))


def table(n: float, cores: int) -> list[str]:
    """Lines of a table for n images on a cluster."""
    found, read = measured()
    lines = [
        f"{n:,.0f} images of 32 x 32, a cluster of {cores:,} such cores:",
        "",
        "| encoder | read | train | encode | linear-svm | images | features | as float16 |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, m in found.items():
        fit = fit_operations(n, m.n_features) / m.flops / min(cores, FIT_CORES)
        stored = n * 4 * m.n_features
        passes = 2 * STEPS + 3 if stored > 100e9 else 1  # past memory: read again
        times = [
            max(n * read / cores, n * 3072 / DISK),
            (m.fixed + n * epochs(name, n) * m.view) / cores,
            max(n * m.encode / cores, stored / DISK),  # one process writes
            fit + passes * stored / DISK,
        ]
        space = [size(n * 3072), size(stored), size(stored / 2)]
        lines.append(" | ".join([f"| {name}", *map(duration, times), *space]) + " |")
    return lines


def duration(seconds: float) -> str:
    """Say a time in its own unit.

    Examples
    --------
    >>> duration(50), duration(5000), duration(200_000)
    ('50 s', '83 min', '56 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.0f} h"


def size(n_bytes: float) -> str:
    """Say a size in powers of ten.

    Examples
    --------
    >>> size(3e6), size(2.5e13)
    ('3 MB', '25 TB')
    """
    for unit, power in (("TB", 12), ("GB", 9), ("MB", 6)):
        if n_bytes >= 10**power or unit == "MB":
            return f"{n_bytes / 10**power:,.3g} {unit}"
    raise AssertionError


def per_million() -> list[str]:
    """Lines of the table of core-hours and storage for each million images."""
    found, read = measured()
    lines = [
        f"Core-hours for each million images of 32 x 32; reading JPEG files takes "
        f"{1e6 * read / 3600:.2f} of them.",
        "",
        "| encoder | features | training, an epoch | encoding | storage |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, m in found.items():
        train = (
            f"{1e6 * m.view / 3600:.1f}" if m.view else f"{m.fixed / 3600:.2f} in all"
        )
        lines.append(
            f"| {name} | {m.n_features:,} | {train} | {1e6 * m.encode / 3600:.1f} | "
            f"{size(4e6 * m.n_features)} |"
        )
    return lines


def large_job() -> list[str]:
    """Say what the job of two million images took."""
    seen = json.loads(LARGE.read_text())
    killed, ray, local = seen["killed"], seen["ray"], seen["local"]
    gib = {
        leg: seen[leg]["peak_mib"]["all"] / 1024 for leg in ("killed", "ray", "local")
    }
    return [
        f"Run: {seen['n_images']:,} images in tar shards on "
        f"{seen['machine']['cores']} cores. Listed, read and decoded by Ray in "
        f"{duration(killed['read_seconds'])}, {len(killed['killed_reading'])} workers "
        f"killed meanwhile; encoded ({killed['n_features']} features, a small network) in "
        f"{duration(killed['encode_seconds'])}, {len(killed['killed'])} workers killed "
        f"meanwhile. Undisturbed, Ray encoded {ray['images_per_second']:,.0f} images/s and "
        f"the local engine {local['images_per_second']:,.0f}: a ratio of "
        f"{seen['ratio']:.2f} (one run). Every image was there once, under its name and "
        "with its label, and all three features were the same to the byte. Memory of all "
        "processes together, shared pages counted once: at most "
        f"{gib['killed']:.1f} GiB with reading, {gib['ray']:.1f} GiB for encoding with "
        f"Ray, {gib['local']:.1f} GiB with the local engine."
    ]


def with_tables(text: str) -> str:
    """Return the page with the tables of what was measured in their place."""
    lines = [*per_million(), ""]
    for n, cores in SIZES:
        lines += [*table(n, cores), ""]
    lines += large_job()
    return with_section(text, "cost", "\n".join(lines))


def main() -> None:
    """Print a table, or write those of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=float, default=1e6)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--docs", action="store_true", help="write docs/scaling.md")
    asked = parser.parse_args()
    if asked.docs:
        SCALING.write_text(with_tables(SCALING.read_text()))
    else:
        print("\n".join(table(asked.images, asked.cores)))


if __name__ == "__main__":
    main()
