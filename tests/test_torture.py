"""Things that are broken on purpose, many times; run with -m torture.

The short versions of these stand beside what they test.
"""

import io
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featx.cli import main
from featx.errors import BundleError
from featx.features import FeatureCache
from featx.images import read_images

pytestmark = pytest.mark.torture
KILLING = Path(__file__).with_name("killing.py")
SHARED = ["--limit", "300", "--quiet", "--cache-dir", "FOLDER/cache"]


@pytest.mark.parametrize(
    ("kills", "words"),
    [
        (100, ["encode", "--encoder", "conv", "--epochs", "1"]),
        (
            60,
            [
                *("bench", "--encoders", "raw,patch", "--clf", "knn,linear-svm"),
                *("--out", "FOLDER/run", "--set", "patch.n_components=32"),
                *("--set", "patch.n_patches=5000"),
            ],
        ),
        (
            40,
            [
                *("fit", "--encoder", "untrained", "--clf", "linear-svm"),
                *("--save", "FOLDER/model.featx"),
            ],
        ),
    ],
    ids=["encode", "bench", "fit"],
)
def test_killed_at_random(tmp_path, kills, words):
    command = [sys.executable, KILLING, str(kills), tmp_path / "work", *words, *SHARED]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    counts = json.loads(done.stdout)
    print(counts)
    assert counts["killed"] == kills
    assert counts["unsound"] == counts["different"] == 0


def _encode(folder, number, results):
    words = ["encode", "--encoder", "conv", "--epochs", "1", "--limit", "300"]
    read, write = os.pipe()
    os.dup2(write, 1)
    code = main([*words, "--json", "--quiet", "--cache-dir", str(folder)])
    os.close(write)
    sys.stdout.flush()
    results.put((number, code, os.read(read, 2**20).decode()))


def test_eight_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    for turn in range(20):
        folder, results = tmp_path / str(turn), context.Queue()
        many = [
            context.Process(target=_encode, args=(folder, i, results)) for i in range(8)
        ]
        for one in many:
            one.start()
        said = [results.get(timeout=300) for _ in many]
        for one in many:
            one.join()
        assert [code for _, code, _ in said] == [0] * 8
        documents = [json.loads(text) for *_, text in said]
        made = [not d["cached"]["encoder"] for d in documents]
        encoded = [not d["cached"]["features"] for d in documents]
        assert sum(made) == 1 and 1 <= sum(encoded) <= 2  # of training and test part
        entries = FeatureCache(folder).entries()
        assert all(entry.complete for entry in entries)
        assert sorted(e.kind for e in entries).count("features") == 2
        assert FeatureCache(folder).verify() == []


def test_a_thousand_flipped_bytes(tmp_path):
    words = ["--limit", "300", "--quiet", "--cache-dir", str(tmp_path / "cache")]
    words += ["--encoder", "untrained", "--clf", "linear-svm"]
    model = tmp_path / "model.featx"
    assert main(["fit", "--save", str(model), *words]) == 0
    assert main(["fit", "--out", str(tmp_path / "run"), *words]) == 0
    cache = FeatureCache(tmp_path / "cache")
    files = [
        p for p in cache.folder.glob("*/*/*") if p.name != ".seen" and p.stat().st_size
    ]
    files.append(model)
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(1000):
        path = files[rng.integers(len(files))]
        at = int(rng.integers(path.stat().st_size))
        with path.open("r+b") as file:
            file.seek(at)
            good = file.read(1)
            file.seek(at)
            file.write(bytes([good[0] ^ int(rng.integers(1, 256))]))
        if path == model:
            from featx.bundle import load

            try:
                load(model)
            except BundleError:
                found += 1
        else:
            ((entry, _),) = cache.verify() or ((None, None),)
            found += entry is not None and entry.key == path.parent.name
        with path.open("r+b") as file:
            file.seek(at)
            file.write(good)
    print(f"{found} of 1000 found")
    assert found == 1000
    assert cache.verify() == []


def _mutated(rng):
    """Break a picture at random; half of them are broken in a few bytes only."""
    kinds = ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"]
    mode = ["RGB", "L", "P", "RGBA", "CMYK", "1"][rng.integers(6)]
    kind = kinds[rng.integers(6)]
    size = tuple(int(side) for side in rng.integers(1, 60, 2))
    pixels = rng.integers(0, 256, (*size, 3), np.uint8)
    picture = Image.fromarray(pixels).convert(mode)
    buffer = io.BytesIO()
    try:
        picture.save(buffer, kind)
    except OSError:  # not every format has every mode
        picture.convert("RGB").save(buffer, kind)
    data = bytearray(buffer.getvalue())
    how = rng.integers(4)
    if how == 0:
        del data[rng.integers(1, len(data)) :]
    elif how == 1:
        at = rng.integers(len(data))
        data[at:at] = rng.bytes(int(rng.integers(1, 200)))
    for _ in range(int(rng.integers(0, 1 + [4, 4, 12, 60][how]))):
        if data:
            data[rng.integers(min(len(data), [len(data), 64][rng.integers(2)]))] = int(
                rng.integers(256)
            )
    return bytes(data), kind.lower()


def test_five_thousand_mutated_images(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for number in range(5000):
        data, kind = _mutated(rng)
        path = tmp_path / f"{number:04}.{kind}"
        path.write_bytes(data)
        paths.append(str(path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read, skipped, slowest = 0, 0, 0.0
    start = time.monotonic()
    for batch in read_images(paths, (16, 16, 3)):
        read, skipped = read + len(batch.ids), skipped + len(batch.skipped)
        slowest = max(slowest, time.monotonic() - start)
        start = time.monotonic()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{read} read, {skipped} skipped, {grown:.0f} MiB, slowest batch {slowest:.1f} s"
    )
    assert read + skipped == 5000
    assert read > 500 and skipped > 500
    assert grown < 2048 and slowest < 60
