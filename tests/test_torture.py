"""Things that are broken on purpose, many times; run with -m torture.

The short versions of these stand beside what they test.
"""

import io
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from blocks import make_images
from PIL import Image

from featx.cli import main
from featx.errors import BundleError
from featx.features import FeatureCache
from featx.images import read_images
from featx.store import Store

pytestmark = pytest.mark.torture
KILLING = Path(__file__).with_name("killing.py")
SHARED = ["--limit", "300", "--quiet", "--cache-dir", "FOLDER/cache"]


@pytest.mark.parametrize(
    ("kills", "words"),
    [
        (100, ["encode", "--encoder", "conv", "--epochs", "5"]),
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
        (
            40,
            [
                *("bench", "IMAGES", "--folds", "5", "--encoders", "raw,patch"),
                *("--clf", "knn,linear-svm", "--out", "FOLDER/run"),
                *("--set", "patch.n_components=32", "--set", "patch.n_patches=5000"),
            ],
        ),
    ],
    ids=["encode", "bench", "fit", "folds"],
)
def test_killed_at_random(tmp_path, kills, words):
    images = make_images(300, size=8)
    np.savez(
        tmp_path / "images.npz",
        X_train=images.X,
        y_train=images.y,
        groups_train=np.arange(300) // 5,
    )
    words = [word.replace("IMAGES", str(tmp_path / "images.npz")) for word in words]
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
    with redirect_stdout(open(write, "w")) as stdout, stdout:
        code = main([*words, "--json", "--quiet", "--cache-dir", str(folder)])
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
        entries = Store(folder).entries()
        assert all(entry.complete for entry in entries)
        assert sorted(e.kind for e in entries).count("features") == 2
        assert Store(folder).verify() == []


def _said(*words):
    """Call the command line; exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except Exception as error:
            code = repr(error)
    return code, out.getvalue(), err.getvalue()


def _found(run):
    """All that a table says of the images."""
    with np.load(run / "predictions.npz") as arrays:
        return {name: arrays[name].tolist() for name in arrays}


def _compare(root, number, seeds, results):
    words = ["bench", root / "images", "--cache-dir", root / "cache", "--quiet"]
    words += ["--encoders", "raw,untrained,conv", "--clf", "knn,linear-svm"]
    words += ["--epochs", 2, "--set", "conv.n_components=8"]
    for turn, seed in enumerate(seeds):
        run = root / f"run-{number}-{turn}"
        code, _, err = _said(*words, "--seed", seed, "--out", run)
        results.put((seed, code, err, _found(run) if code == 0 else None))


def _clean_up(folder, over, results):
    """List, check and remove entries at random until the comparisons are over."""
    rng = np.random.default_rng(0)
    where = ["--cache-dir", folder]
    wrong, removed, kept, turns = [], 0, 0, 0
    while not over.is_set():
        what = rng.choice(["ls", "verify", "rm", "size", "age"])
        if what in ("ls", "rm"):
            words = ["ls", "--json"]
        elif what == "verify":
            words = ["verify", "--quiet"]
        elif what == "size":
            words = ["prune", "--max-size", f"{rng.integers(0, 3) * 50}k"]
        else:
            words = ["prune", "--older-than", "0.01m"]
        code, out, err = _said("cache", *words, *where)
        good = True
        if what == "verify":
            good = out == "All entries are as they were written.\n"
        elif code == 0 and words[0] == "ls":
            entries = json.loads(out)["entries"]
            good = all(e["what"] and e["size"] for e in entries if e["complete"])
            if what == "rm" and entries:
                key = entries[rng.integers(len(entries))]["key"]
                words = ["rm", key]
                code, out, err = _said("cache", *words, *where)
        told = [x for x in err.splitlines() if "another process is making" not in x]
        removed += out.count("removed ")
        kept += err.count("another process is making")
        turns += 1
        if code or told or not good:
            wrong.append((words, code, out, err))
    results.put((turns, removed, kept, wrong))


def test_removals_beside_two_hundred_comparisons(tmp_path):
    images = make_images(60, channels=3)
    for number, (image, label) in enumerate(zip(images.X, images.y, strict=True)):
        file = tmp_path / "images" / "abc"[label] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    context = multiprocessing.get_context("spawn")
    results, cleaned, over = context.Queue(), context.Queue(), context.Event()
    rng = np.random.default_rng(0)
    seeds = rng.integers(0, 3, (2, 100)).tolist()
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "images").symlink_to(tmp_path / "images")
    first = context.Process(target=_compare, args=(alone, 0, [0, 1, 2], results))
    first.start()
    expected = {}
    for _ in range(3):
        seed, code, err, found = results.get(timeout=300)
        assert code == 0, err
        expected[seed] = found
    first.join()
    many = [
        context.Process(target=_compare, args=(tmp_path, i, seeds[i], results))
        for i in range(2)
    ]
    args = (tmp_path / "cache", over, cleaned)
    janitor = context.Process(target=_clean_up, args=args)
    for one in (*many, janitor):
        one.start()
    failed, different = [], 0
    for _ in range(200):
        seed, code, err, found = results.get(timeout=300)
        if code or err:
            failed.append((code, err))
        different += code == 0 and found != expected[seed]
    over.set()
    turns, removed, kept, wrong = cleaned.get(timeout=60)
    for one in (*many, janitor):
        one.join()
    print(f"{turns} commands removed {removed} entries, {kept} times kept some")
    print(f"{len(failed)} comparisons failed, {different} differed, ", end="")
    print(f"{len(wrong)} commands went wrong")
    assert failed == [] and different == 0
    assert wrong == []
    assert turns > 100 and removed > 200
    assert Store(tmp_path / "cache").verify() == []


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
            ((entry, _),) = cache.store.verify() or ((None, None),)
            found += entry is not None and entry.key == path.parent.name
        with path.open("r+b") as file:
            file.seek(at)
            file.write(good)
    print(f"{found} of 1000 found")
    assert found == 1000
    assert cache.store.verify() == []


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
    except (OSError, ValueError):  # not every format has every mode
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


SMALL = ["--encoder", "untrained", "--clf", "knn", "--limit", "300", "--quiet"]


def _mount(*words):
    done = subprocess.run(["mount", *map(str, words)], capture_output=True)
    if done.returncode:
        pytest.skip("needs the right to mount")


def _one_line(capsys, code):
    """The last call ended with one line and exit code 1."""
    said = capsys.readouterr().err.strip()
    assert code == 1, said
    assert said.count("featx: ") == 1 and "Traceback" not in said
    return said


def test_a_full_disk(tmp_path, capsys):
    disk = tmp_path / "disk"
    disk.mkdir()
    _mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", disk)
    words = ["fit", *SMALL, "--cache-dir", str(disk / "cache")]
    try:
        refused = 0
        for kib in (64, 128, 256, 512, 1024, 2048, 4096, 8192, 65536):
            _mount("-o", f"remount,size={kib}k", disk)
            code = main(words)
            if code:
                assert "No space left" in _one_line(capsys, code)
                refused += 1
            assert Store(disk / "cache").verify() == []
            assert not list((disk / "cache").glob("*/.[!.]*-*"))
        assert refused >= 3 and code == 0
        whole = capsys.readouterr().out
        assert main(["fit", *SMALL, "--cache-dir", str(tmp_path / "other")]) == 0
        elsewhere = capsys.readouterr().out
        pick = "Accuracy for class"
        assert [x for x in whole.splitlines() if pick in x][-10:] == [
            x for x in elsewhere.splitlines() if pick in x
        ]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_read_only_cache(tmp_path, capsys):
    full, empty = tmp_path / "full", tmp_path / "empty"
    empty.mkdir()
    assert main(["fit", *SMALL, "--cache-dir", str(full)]) == 0
    first = capsys.readouterr().out
    for folder in (full, empty):
        _mount("--bind", folder, folder)
        _mount("-o", "remount,ro,bind", folder)
    try:
        code = main(["fit", *SMALL, "--cache-dir", str(empty)])
        assert "Read-only file system" in _one_line(capsys, code)
        assert main(["fit", *SMALL, "--cache-dir", str(full)]) == 0
        again = capsys.readouterr().out
        pick = "Accuracy for class"
        assert [x for x in first.splitlines() if pick in x] == [
            x for x in again.splitlines() if pick in x
        ]
        # another classifier can be fitted, though its row cannot be kept
        other = [word.replace("knn", "linear-svm") for word in SMALL]
        assert main(["fit", *other, "--cache-dir", str(full)]) == 0
        assert "not kept in the cache" in " ".join(capsys.readouterr().out.split())
    finally:
        for folder in (full, empty):
            subprocess.run(["umount", folder], check=True)


def test_no_permission():
    if os.geteuid():
        pytest.skip("needs root, to become somebody else")
    # all is imported before, since nobody may not be allowed to read the library
    code = """
import os, sys
from featx.cli import main
words = ["encode", "data.npz", "--encoder", "raw", "--quiet", "--cache-dir"]
assert main([*words, "mine"]) == 0
os.setgid(65534)
os.setuid(65534)
sys.exit(main([*words, "theirs"]))
"""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        X, y = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2
        file = f"{folder}/data.npz"
        np.savez(file, X_train=X, y_train=y, X_test=X, y_test=y)
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 1, done.stderr
    assert "Permission denied" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("megabytes", [50, 150, 400])
def test_no_memory(tmp_path, megabytes):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (60, 256, 256, 3), np.uint8)
    y = np.arange(60) % 2
    np.savez(tmp_path / "large.npz", X_train=X, y_train=y, X_test=X, y_test=y)
    code = f"""
import resource, sys
import torch, featx.experiment
from featx.cli import main
torch.ones(64, 64) @ torch.ones(64, 64)
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
most = now + {megabytes} * 2**20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
words = ["encode", "--encoder", "conv", "--epochs", "1", "--quiet"]
words += ["--set", "n_components=256", "--batch-size", "60"]
words += ["--cache-dir", {str(tmp_path / "cache")!r}]
sys.exit(main([words[0], {str(tmp_path / "large.npz")!r}, *words[1:]]))
"""
    for _ in range(5):  # convolutions of torch crash now and then without memory
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True
        )
        if done.returncode != -signal.SIGSEGV:
            break
    assert done.returncode == 1, (done.returncode, done.stderr[-500:])
    assert "no more memory" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
