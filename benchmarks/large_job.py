"""A large job on a small machine: shards -> Ray -> features, its workers killed on the way.

    python -m benchmarks.large_job FOLDER [--images 2000000] [--kills 10]

Writes tar shards of numbered images (6 GB for two million, which with images and features
need 19 GB), reads and encodes them with the Ray engine while workers get SIGKILL, then
encodes them without kills and with the local engine, and compares: every image once, with
its own label and number, and all features equal to the byte. Memory is that of all
processes together, shared pages counted once. Written to `benchmarks/results`.
"""

from __future__ import annotations

import argparse
import contextlib
import filecmp
import io
import json
import os
import random
import re
import signal
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from benchmarks.synthetic import images
from featx import FeatureCache, UntrainedAutoencoder, encode, load_dataset
from featx.cli.progress import StderrProgress
from featx.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "large_job.json"
PER_SHARD = 10_000


def write_shard(file: Path, start: int, n: int) -> None:
    """Write n images of which each carries its number, in its first pixel and its name."""
    fields = images(64, seed=start) // 16 * 16  # fewer values: smaller files
    with tarfile.open(file, "w") as tar:
        for number in range(start, start + n):
            pixels = fields[number % len(fields)]
            pixels[0, 0] = number % 256, number // 256 % 256, number // 65536
            png = io.BytesIO()
            Image.fromarray(pixels).save(png, "PNG", compress_level=1)
            label = str(number % 10).encode()
            for end, content in (("png", png.getvalue()), ("cls", label)):
                info = tarfile.TarInfo(f"{number:07}.{end}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def write_shards(folder: Path, n_images: int) -> None:
    """Write those that are missing; the last tenth are test images."""
    folder.mkdir(parents=True, exist_ok=True)
    n_shards = -(-n_images // PER_SHARD)
    work = []
    for i in range(n_shards):
        part = "test" if i >= n_shards * 9 // 10 else "train"
        file = folder / f"{part}-{i:05}.tar"
        if not file.exists():
            n = min(PER_SHARD, n_images - i * PER_SHARD)
            work.append(joblib.delayed(write_shard)(file, i * PER_SHARD, n))
    joblib.Parallel(n_jobs=-1)(work)


class Watch(threading.Thread):
    """Kills workers now and then, and remembers how much memory all processes had."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.kills, self.every = 0, 0.0
        self.killed: list[str] = []
        self.peak_mib: dict[str, float] = {"all": 0.0, "this": 0.0, "worker": 0.0}
        self.ended = threading.Event()

    def kill(self, kills: int, every: float) -> None:
        """Kill up to so many workers in all, one in so many seconds."""
        self.kills, self.every = kills, every

    def run(self) -> None:
        """Look once a second."""
        chance = random.Random(0)
        last = time.monotonic()
        while not self.ended.wait(1.0):
            shares = {pid: pss(pid) for pid in family()}
            named = {p: title(p) for p in shares}
            workers = [p for p in shares if named[p].startswith("ray::")]
            self._most("all", sum(shares.values()))
            self._most("this", shares.get(os.getpid(), 0))
            self._most("worker", max([shares[p] for p in workers], default=0))
            busy = [p for p in workers if re.search("_numbered|_Worker", named[p])]
            if busy and len(self.killed) < self.kills:
                if time.monotonic() - last > self.every:
                    victim = chance.choice(sorted(busy))
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGKILL)
                        self.killed.append(named[victim])
                    last = time.monotonic()

    def _most(self, what: str, mib: float) -> None:
        self.peak_mib[what] = max(self.peak_mib[what], mib)


def family() -> list[int]:
    """Find this process and all that it started, directly or not."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(after_name[1])
    found = [os.getpid()]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def pss(pid: int) -> float:
    """Memory of a process in MiB, shared pages in equal parts to those that share."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass  # it has just ended
    return 0.0


def title(pid: int) -> str:
    """Read what a process calls itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""


def numbers_of(X: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Read the numbers out of images."""
    return X[:, 0, 0].astype(np.int64) @ np.array([1, 256, 65536])


def assert_each_once(dataset: Any, n_images: int) -> None:
    """Every image is there once, under its name, with its label."""
    seen = np.zeros(n_images, bool)
    for part in (dataset.train, dataset.test):
        for start in range(0, len(part), 100_000):
            rows = slice(start, start + 100_000)
            numbers = numbers_of(part.X[rows])
            assert not seen[numbers].any(), "an image is there twice"
            seen[numbers] = True
            named = [int(id_[-11:-4]) for id_ in part.ids[rows].tolist()]
            assert np.array_equal(numbers, named), "an image has another's name"
            assert np.array_equal(numbers % 10, part.y[rows]), "a label is wrong"
    assert seen.all() and not dataset.skipped, "an image is lost"


def run(folder: Path, n_images: int, kills: int) -> dict[str, Any]:
    """Do the job in three legs, those that are not done yet; return what was seen."""
    write_shards(folder / "shards", n_images)
    kept = folder / "seen.json"
    seen: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    seen |= {"n_images": n_images, "kills": kills, "machine": describe_machine()}
    files = {}
    for leg, engine, n_killed in (
        ("killed", "ray", kills),
        ("ray", "ray", 0),
        ("local", "local", 0),
    ):
        found, files[leg] = encode_all(folder, leg, engine, n_killed)
        if leg not in seen:
            seen[leg] = found
            kept.write_text(json.dumps(seen))
        for part in ("train", "test"):
            same = filecmp.cmp(files["killed"][part], files[leg][part], shallow=False)
            assert same, "the features differ"
    seen["ratio"] = (
        seen["ray"]["images_per_second"] / seen["local"]["images_per_second"]
    )
    return seen


def encode_all(
    folder: Path, leg: str, engine: str, kills: int
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Read and encode all images; all legs have the same images, features of their own."""
    encoder = UntrainedAutoencoder(
        n_components=16,
        hidden_channels=(16, 32),
        layers="code",
        augment=None,
        random_state=0,
    )
    cache = FeatureCache(folder / leg)
    with StderrProgress(Console(stderr=True), quiet=False) as progress:
        watch = Watch()
        watch.start()
        watch.kill(kills // 2, every=60)
        start = time.perf_counter()
        dataset = load_dataset(
            folder / "shards",
            cache_dir=folder / "images",
            engine=engine,
            progress=progress,
        )
        read, killed = time.perf_counter() - start, list(watch.killed)
        watch.kill(kills, every=15)
        encoded = encode(
            dataset, encoder, cache=cache, engine=engine, progress=progress
        )
        watch.ended.set()
        watch.join()
    if kills:
        n_images = len(dataset.train) + len(dataset.test)
        assert_each_once(dataset, n_images)
        assert cache.store.verify() == []
    seen = {
        "n_features": int(encoded.train.X.shape[1]),
        "read_seconds": read,
        "killed_reading": killed,
        "encode_seconds": encoded.encode_seconds,
        "images_per_second": encoded.images_per_second,
        "killed": watch.killed[len(killed) :],
        "peak_mib": {what: round(mib) for what, mib in watch.peak_mib.items()},
    }
    return seen, {
        part: cache.folder / "features" / features.key / "features.npy"
        for part, features in (("train", encoded.train), ("test", encoded.test))
    }


def main() -> None:
    """Run and write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=2_000_000)
    parser.add_argument("--kills", type=int, default=10)
    asked = parser.parse_args()
    seen = run(asked.folder, asked.images, asked.kills)
    text = json.dumps(seen, indent=2) + "\n"
    print(text)
    if asked.images >= 2_000_000:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
