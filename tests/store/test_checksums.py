import os
import shutil
import subprocess

import numpy as np
import pytest

from featx.errors import CacheError
from featx.store.checksums import SUMS, check, damage, file_digest, seal


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "entry"
    folder.mkdir()
    (folder / "features.npy").write_bytes(bytes(range(256)) * 20)
    (folder / "manifest.json").write_text('{"what": "a test"}\n')
    (folder / "empty").write_bytes(b"")
    seal(folder)
    return folder


def test_a_whole_folder_is_whole(folder):
    assert damage(folder) == []
    check(folder)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_the_sums_are_those_of_sha256sum(folder):
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder, check=True)


def test_every_flipped_byte_is_found(folder):
    rng = np.random.default_rng(0)
    files = ["features.npy", "manifest.json", SUMS]
    for _ in range(300):
        path = folder / files[rng.integers(3)]
        good = path.read_bytes()
        at = rng.integers(len(good))
        bad = bytearray(good)
        bad[at] ^= int(rng.integers(1, 256))
        path.write_bytes(bad)
        assert damage(folder), (path.name, at)
        with pytest.raises(CacheError, match=r"damaged entry.*featx cache rm"):
            check(folder)
        path.write_bytes(good)
        check(folder)


def test_a_flip_is_noticed_though_the_time_was_set_back(folder):
    path = folder / "features.npy"
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(70)
        file.write(b"\xff")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(CacheError, match=r"features\.npy has changed"):
        check(folder)


def test_missing_and_foreign_files_are_named(folder):
    (folder / "empty").unlink()
    (folder / "other").write_text("")
    assert damage(folder) == ["empty is missing", "other does not belong there"]
    (folder / SUMS).unlink()
    assert damage(folder) == [f"{SUMS} is missing"]


def test_truncation_is_found(folder):
    (folder / "features.npy").write_bytes((folder / "features.npy").read_bytes()[:-1])
    assert damage(folder) == ["features.npy has changed"]


def test_an_untouched_folder_is_not_read_again(folder, monkeypatch):
    def never(_):
        raise AssertionError("read again")

    monkeypatch.setattr("featx.store.checksums.damage", never)
    check(folder)


def test_a_copy_is_read_once(folder, monkeypatch):
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    check(copy)
    monkeypatch.setattr("featx.store.checksums.damage", None)
    check(copy)


def test_known_sums_are_not_computed_again(folder, monkeypatch):
    digest = file_digest(folder / "features.npy")
    read = []
    monkeypatch.setattr(
        "featx.store.checksums.file_digest",
        lambda path: read.append(path.name) or digest,
    )
    seal(folder, {"features.npy": digest})
    assert read == ["empty", "manifest.json"]


def test_a_folder_made_anew_while_it_is_read_is_not_damaged(folder, monkeypatch):
    read = []

    def anew(path):
        read.append(path)
        if len(read) == 1:
            (folder / "features.npy").write_bytes(b"of another making")
            seal(folder)
        return file_digest(path)

    monkeypatch.setattr("featx.store.checksums.file_digest", anew)
    assert damage(folder) == []


def test_a_folder_that_is_removed_while_it_is_read_is_not_damaged(folder, monkeypatch):
    def gone(path):
        shutil.rmtree(folder)
        return file_digest(path)

    monkeypatch.setattr("featx.store.checksums.file_digest", gone)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            damage(folder)
