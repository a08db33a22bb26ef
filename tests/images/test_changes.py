"""Files that change while their names, sizes and times of modification stay."""

import io
import os
import shutil
import tarfile
import time
from types import SimpleNamespace

import fsspec
import numpy as np
import pytest
from PIL import Image

import featx
from featx import remote
from featx.images import backends, folder

SIZE = (6, 8)


def bmp(value):
    """An image file whose size does not depend on its pixels."""
    stream = io.BytesIO()
    Image.fromarray(np.full((*SIZE, 3), value, np.uint8)).save(stream, "BMP")
    return stream.getvalue()


def fill(root, values):
    """A class of ten images, all modified in the same second."""
    root.mkdir(parents=True)
    for i in range(10):
        (root / f"{i}.bmp").write_bytes(bmp(values + i))
    set_times(root)
    return root


def set_times(root):
    for path in [root, *root.rglob("*")]:
        os.utime(path, ns=(10**18 + 7, 10**18 + 7))


@pytest.fixture
def root(tmp_path):
    fill(tmp_path / "set" / "0", 0)
    fill(tmp_path / "set" / "1", 100)
    fill(tmp_path / "other", 200)
    return tmp_path / "set"


def swap_folders(root):
    (root / "0").rename(root / "x")
    (root / "1").rename(root / "0")
    (root / "x").rename(root / "1")


def swap_files(root):
    (root / "0" / "3.bmp").rename(root / "x")
    (root / "1" / "3.bmp").rename(root / "0" / "3.bmp")
    (root / "x").rename(root / "1" / "3.bmp")


def write_in_place(root):
    for path in (root / "0").iterdir():
        path.write_bytes(bmp(222))


def write_one_byte(root):
    with (root / "0" / "0.bmp").open("r+b") as file:
        file.seek(60)
        file.write(b"\xff")


def touch_reference(root):
    path = root / "0" / "0.bmp"
    before = path.stat()
    path.write_bytes(bmp(222))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_file(root):
    (root / "new").write_bytes(bmp(222))
    (root / "new").replace(root / "0" / "0.bmp")


def unpack_tar(root):
    with tarfile.open(root / "x.tar.gz", "w:gz") as tar:
        tar.add(root.parent / "other", "0")
    with tarfile.open(root / "x.tar.gz") as tar:
        # Python before 3.11.4 has no filters, and later ones warn without
        filtered = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(root, **filtered)
    (root / "x.tar.gz").unlink()


def copy_over(root):
    shutil.copytree(root.parent / "other", root / "0", dirs_exist_ok=True)


def move_another_folder_in(root):
    shutil.rmtree(root / "0")
    (root.parent / "other").rename(root / "0")


def link_elsewhere(root):
    (root / "0").rename(root.parent / "was")
    (root / "0").symlink_to(root.parent / "other")


def link_files_elsewhere(root):
    for path in (root / "0").iterdir():
        path.unlink()
        path.symlink_to(root.parent / "other" / path.name)


def delete_and_write(root):
    path = root / "0" / "0.bmp"
    path.unlink()
    path.write_bytes(bmp(222))  # often with the number of the old file


def write_what_a_link_points_to(root):
    shutil.move(root / "0", root.parent / "real")
    (root / "0").symlink_to(root.parent / "real")
    featx.load_dataset(root, cache_dir=root.parent / "cache")
    write_in_place(root)


def forget(monkeypatch):
    """Be on a file system that keeps neither numbers nor times of change."""
    real = backends.stamp_local

    def without(path, found):
        told = SimpleNamespace(
            st_size=found.st_size,
            st_mtime_ns=found.st_mtime_ns,
            st_ino=0,
            st_ctime_ns=found.st_mtime_ns,
        )
        return real(path, told)

    monkeypatch.setattr(backends, "stamp_local", without)


CHANGES = [
    *(swap_folders, swap_files, write_in_place, write_one_byte, touch_reference),
    *(replace_file, unpack_tar, copy_over, move_another_folder_in, link_elsewhere),
    *(link_files_elsewhere, delete_and_write, write_what_a_link_points_to),
]


def pixels(data):
    """Class and pixels of each image."""
    return {
        id_: (part.class_names[y], x.tobytes())
        for part in (data.train, data.test)
        for x, y, id_ in zip(part.X, part.y, part.ids, strict=True)
    }


def on_disk(root):
    return {
        f"{path.parent.name}/{path.name}": (
            path.parent.name,
            np.asarray(Image.open(path)).tobytes(),
        )
        for path in root.glob("*/*.bmp")
    }


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_no_change_is_overlooked(root, tmp_path, monkeypatch, change, known):
    if not known:
        forget(monkeypatch)
    first = featx.load_dataset(root, cache_dir=tmp_path / "cache")
    assert pixels(first) == on_disk(root)
    change(root)
    set_times(root)
    second = featx.load_dataset(root, cache_dir=tmp_path / "cache")
    assert pixels(second) == on_disk(root) != pixels(first)


def test_a_link_turned_to_another_folder(root, tmp_path):
    (root / "2").symlink_to(fill(tmp_path / "third", 50))
    first = featx.load_dataset(root, cache_dir=tmp_path / "cache")
    (root / "2").unlink()
    (root / "2").symlink_to(tmp_path / "other")
    second = featx.load_dataset(root, cache_dir=tmp_path / "cache")
    assert pixels(first) != pixels(second) == on_disk(root)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("whole", [True, False])
def test_shards_of_equal_size_and_time(root, tmp_path, monkeypatch, known, whole):
    if not known:
        forget(monkeypatch)
    home = tmp_path / "shards"
    home.mkdir()

    def write(first, second):
        with tarfile.open(home / "all.tar", "w") as tar:
            for i in range(20):
                contents = (bmp([first, second][i % 2] + i), b"ab"[i % 2 : i % 2 + 1])
                for end, content in zip(("bmp", "cls"), contents, strict=True):
                    info = tarfile.TarInfo(f"{i:02}.{end}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
        set_times(home)

    place = home if whole else home / "all.tar"
    write(0, 100)
    first = featx.load_dataset(place, cache_dir=tmp_path / "cache")
    write(100, 0)
    second = featx.load_dataset(place, cache_dir=tmp_path / "cache")
    assert pixels(first).keys() == pixels(second).keys()
    assert all(pixels(first)[id_] != one for id_, one in pixels(second).items())


def test_a_change_between_listing_and_decoding_is_not_overlooked(
    root, tmp_path, monkeypatch
):
    path = root / "0" / "0.bmp"
    with monkeypatch.context() as patch:
        patch.setattr(folder, "_wait_a_tick", lambda _: path.write_bytes(bmp(222)))
        featx.load_dataset(root, cache_dir=tmp_path / "cache")
    path.write_bytes(bmp(0))
    set_times(root)
    data = featx.load_dataset(root, cache_dir=tmp_path / "cache")
    assert pixels(data) == on_disk(root)


def test_decoding_waits_until_changes_get_another_time(root, tmp_path):
    path = root / "0" / "0.bmp"
    for value in range(200, 210):  # each as soon as the one before is decoded
        path.write_bytes(bmp(value))
        set_times(root)
        listed = path.stat().st_ctime_ns
        data = featx.load_dataset(root, cache_dir=tmp_path / "cache")
        os.utime(path)
        assert path.stat().st_ctime_ns > listed
        set_times(root)
        assert pixels(data) == on_disk(root)


def test_nothing_is_decoded_again_without_a_change(root, tmp_path):
    for _ in range(2):
        featx.load_dataset(root, cache_dir=tmp_path / "cache")
        time.sleep(0.1)
    assert len(list((tmp_path / "cache" / "images").iterdir())) == 1


def test_ordinary_files_are_not_read_while_they_are_listed(root, monkeypatch):
    monkeypatch.setattr("featx.images.stamps.digest", None)
    stamps = [stamp for _, stamp in backends.LocalFolder(root).files("0")]
    assert len({stamp for stamp in stamps}) == 10


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_skipped(root, tmp_path, monkeypatch):
    forget(monkeypatch)
    (root / "0" / "0.bmp").chmod(0)
    data = featx.load_dataset(root, cache_dir=tmp_path / "cache")
    assert [one.id for one in data.skipped] == ["0/0.bmp"]


def test_storage_that_tells_nothing_of_a_file_is_read(root, tmp_path, monkeypatch):
    bucket = fsspec.filesystem("memory")
    bucket.store.clear()
    bucket.put(str(root), "/silent", recursive=True)
    told = remote.list_files
    monkeypatch.setattr(
        remote,
        "list_files",
        lambda url: {path: {"size": one["size"]} for path, one in told(url).items()},
    )
    first = featx.load_dataset("memory://silent", cache_dir=tmp_path / "cache")
    bucket.pipe_file("/silent/0/0.bmp", bmp(222))
    second = featx.load_dataset("memory://silent", cache_dir=tmp_path / "cache")
    assert pixels(first) != pixels(second)
    assert pixels(second)["0/0.bmp"] == ("0", np.full((*SIZE, 3), 222, "u1").tobytes())
    bucket.store.clear()


def test_files_at_a_url_of_this_machine(root, tmp_path):
    url = f"file://{root}"
    first = featx.load_dataset(url, cache_dir=tmp_path / "cache")
    swap_folders(root)
    second = featx.load_dataset(url, cache_dir=tmp_path / "cache")
    assert pixels(first) != pixels(second) == on_disk(root)
