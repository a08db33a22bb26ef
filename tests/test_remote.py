"""Images and models on other machines; here, on fsspec's storage in memory and files."""

import io
import os
import zipfile

import fsspec
import numpy as np
import pytest
from blocks import make_images
from PIL import Image

import featx
from featx import remote
from featx.cli import main
from featx.errors import DependencyError, MissingDataError, StorageError


@pytest.fixture
def bucket():
    storage = fsspec.filesystem("memory")
    storage.store.clear()
    storage.pseudo_dirs[:] = [""]
    yield storage
    storage.store.clear()


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def fill(bucket, root, n=36):
    images = make_images(n, channels=3)
    for x, label, id_ in zip(images.X, images.y, images.ids, strict=True):
        bucket.pipe_file(f"{root}/{'abc'[label]}/{id_}", png(x))
    return images


def test_a_folder_elsewhere_is_as_one_here(bucket, tmp_path):
    fill(bucket, "/images")
    bucket.pipe_file("/images/a/broken.png", b"no image")
    bucket.pipe_file("/images/a/.hidden.png", b"hidden")
    bucket.pipe_file("/images/notes.txt", b"text")
    bucket.get("/images", str(tmp_path / "images"), recursive=True)
    there = featx.load_dataset("memory://images", cache_dir=tmp_path / "1")
    here = featx.load_dataset(tmp_path / "images", cache_dir=tmp_path / "2")
    for name in ("train", "test"):
        one, other = getattr(here, name), getattr(there, name)
        assert one.ids.tolist() == other.ids.tolist()
        assert np.array_equal(one.X, other.X) and np.array_equal(one.y, other.y)
    assert [s.id for s in there.skipped] == ["a/broken.png"]
    assert there.notes == here.notes
    assert here.train.digest == there.train.digest


def test_parts_and_deeper_folders(bucket, tmp_path):
    fill(bucket, "/set/train")
    fill(bucket, "/set/test")
    for name in bucket.find("/set/test/a"):
        bucket.mv(name, name.replace("/test/a/", "/test/a/deep/er/"))
    data = featx.load_dataset("memory://set", cache_dir=tmp_path)
    assert (len(data.train), len(data.test)) == (36, 36)
    assert data.class_names == ("a", "b", "c")


def test_a_changed_file_is_read_again(bucket, tmp_path):
    fill(bucket, "/images")
    first = featx.load_dataset("memory://images", cache_dir=tmp_path)
    (before,) = remote.list_files("memory://images/a/0.png").values()
    other = make_images(1, channels=3, seed=3).X[0]
    bucket.pipe_file("/images/a/0.png", png(other))
    assert before["created"] != bucket.info("/images/a/0.png")["created"]
    bucket.pipe_file("/images/a/new.png", png(np.full((8, 8, 3), 7, np.uint8)))
    second = featx.load_dataset("memory://images", cache_dir=tmp_path)
    assert len(second.train) + len(second.test) == 37
    assert first.train.digest != second.train.digest


def test_an_npz_file_elsewhere(bucket, tmp_path):
    images = make_images(30)
    stream = io.BytesIO()
    np.savez(stream, X_train=images.X, y_train=images.y)
    bucket.pipe_file("/set.npz", stream.getvalue())
    data = featx.load_dataset("memory://set.npz", cache_dir=tmp_path)
    assert len(data.train) + len(data.test) == 30
    bucket.pipe_file("/bad.npz", b"no archive")
    with pytest.raises(featx.FeatxError, match=r"bad\.npz, which is not an \.npz file"):
        featx.load_dataset("memory://bad.npz", cache_dir=tmp_path)


def test_models_go_there_and_come_back(bucket, tmp_path, capsys):
    fill(bucket, "/images")
    words = ["fit", "memory://images", "--encoder", "raw", "--clf", "knn", "--quiet"]
    words += ["--save", "memory://models/m.featx", "--cache-dir", str(tmp_path)]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["predict", "memory://models/m.featx", "memory://images/b"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 13
    assert all(line.startswith("memory://") and ",b," in line for line in lines[1:])
    (pattern,) = list(remote.find_files("memory://images/c/2*.png"))[:1]
    assert main(["predict", "memory://models/m.featx", pattern]) == 0
    assert ",c," in capsys.readouterr().out


class Unsteady:
    """A storage that fails some times before it answers."""

    def __init__(self, storage, failures):
        self.storage, self.failures = storage, failures

    def __getattr__(self, name):
        method = getattr(self.storage, name)

        def fail_first(*args, **kwargs):
            if name in ("cat", "find") and self.failures:
                self.failures -= 1
                raise ConnectionResetError("Connection reset by peer")
            return method(*args, **kwargs)

        return fail_first if callable(method) else method


@pytest.mark.parametrize(("failures", "pauses"), [(3, [1, 2, 4]), (99, None)])
def test_storage_that_fails_is_asked_again_and_no_image_is_lost(
    bucket, tmp_path, monkeypatch, failures, pauses
):
    fill(bucket, "/images")
    tree = featx.load_dataset("memory://images", cache_dir=tmp_path / "1")
    slept = []
    monkeypatch.setattr(remote.time, "sleep", slept.append)
    monkeypatch.setattr(remote.time, "monotonic", lambda: sum(slept))
    monkeypatch.setattr(
        remote, "connect", lambda url: (unsteady, url.removeprefix("memory:/"))
    )
    unsteady = Unsteady(bucket, failures)
    if pauses is None:
        with pytest.raises(StorageError, match=r"ConnectionResetError.*for 91 sec"):
            featx.load_dataset("memory://images", cache_dir=tmp_path / "2")
        assert slept == [1, 2, 4, 8, 16, 30, 30]
        return
    again = featx.load_dataset("memory://images", cache_dir=tmp_path / "2")
    assert slept == pauses
    assert again.train.digest == tree.train.digest and not again.skipped


def test_a_storage_that_goes_away_while_images_are_read(bucket, tmp_path, monkeypatch):
    fill(bucket, "/images")
    monkeypatch.setattr(remote, "_PATIENCE", 0)
    steady = remote.connect

    def connect(url):
        storage, path = steady(url)
        return (Unsteady(storage, 99) if path.endswith(".png") else storage), path

    monkeypatch.setattr(remote, "connect", connect)
    with pytest.raises(StorageError, match="ConnectionResetError"):
        featx.load_dataset("memory://images", cache_dir=tmp_path)
    assert not list(tmp_path.glob("images/*/manifest.json"))
    monkeypatch.setattr(remote, "connect", steady)
    assert len(featx.load_dataset("memory://images", cache_dir=tmp_path).train) > 20


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("memory://nothing", MissingDataError, "no files below it"),
        ("nosuch://bucket/x", StorageError, "storage that fsspec knows"),
        ("memory://no.npz", MissingDataError, "cannot read it"),
    ],
)
def test_places_that_are_not_there(bucket, tmp_path, url, error, words, capsys):
    with pytest.raises(error, match=words):
        featx.load_dataset(url, cache_dir=tmp_path)
    assert main(["data", url, "--cache-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("featx: ") == 1


def test_who_may_not_ask_is_told_at_once(monkeypatch):
    class NoCredentialsError(Exception):
        """As botocore's."""

    def refuse():
        raise NoCredentialsError("Unable to locate credentials")

    monkeypatch.setattr(remote.time, "sleep", None)
    with pytest.raises(StorageError, match=r"Unable to locate credentials.*for 0 s"):
        remote._patiently(refuse, "s3://bucket")


def test_a_missing_library_is_named(monkeypatch):
    def missing(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", missing, raising=False)
    with pytest.raises(DependencyError, match=r"Install s3fs.*'featx\[s3\]'"):
        remote.connect("s3://bucket")
    with pytest.raises(
        DependencyError, match=r"gs://bucket cannot be reached: .*S3\.$"
    ):
        remote.connect("gs://bucket")


def test_a_model_that_is_no_model(bucket):
    bucket.pipe_file("/m.featx", zipfile.ZIP_STORED.to_bytes(9, "big"))
    with pytest.raises(featx.FeatxError, match="wrong checksum"):
        featx.load("memory://m.featx")
    with pytest.raises(MissingDataError):
        featx.load("memory://none.featx")


def test_urls_are_told_from_paths(tmp_path):
    odd = tmp_path / "s3:" / "bucket"
    odd.mkdir(parents=True)
    assert not remote.is_remote(odd) and not remote.is_remote(os.path.join("s3:", "x"))
