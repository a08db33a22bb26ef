import hashlib
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from featx.errors import DependencyError, MissingDataError, ParameterError
from featx.images import NAMED, load_dataset, named

RNG = np.random.default_rng(0)
Y = np.arange(30) % 10


def load(name, tmp_path, **kwargs):
    return load_dataset(name, data_dir=tmp_path, cache_dir=tmp_path, **kwargs)


def test_digits(tmp_path):
    data = load("digits", tmp_path)
    assert data.train.image_shape == (8, 8, 1)
    assert (data.train.X.min(), data.train.X.max()) == (0, 255)
    assert len(data.train) + len(data.test) == 1797
    other = load("digits", tmp_path, seed=1)
    assert other.test.digest == data.test.digest
    assert (other.validation != data.validation).any()
    assert load("digits", tmp_path, size=4).train.image_shape == (4, 4, 1)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_files(tmp_path, name):
    raw = tmp_path / ("MNIST" if name == "mnist" else "FashionMNIST") / "raw"
    raw.mkdir(parents=True)
    X = RNG.integers(0, 256, (30, 28, 28), np.uint8)
    for part in ("train", "t10k"):
        head = np.array([0x803, 30, 28, 28], ">i4").tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + X.tobytes())
        head = np.array([0x801, 30], ">i4").tobytes()
        labels = head + Y.astype(np.uint8).tobytes()
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    data = load(name, tmp_path)
    np.testing.assert_array_equal(data.train.X[..., 0], X)
    np.testing.assert_array_equal(data.test.y, Y)
    assert data.class_names[9] == ("9" if name == "mnist" else "Ankle boot")


def test_cifar_batches(tmp_path, monkeypatch):
    base = tmp_path / "cifar-10-batches-py"
    base.mkdir()
    X = RNG.integers(0, 256, (30, 3, 32, 32), np.uint8)
    names = [f"class{i}" for i in range(10)]

    def write(file, content):
        (base / file).write_bytes(pickle.dumps(content))
        return hashlib.md5((base / file).read_bytes()).hexdigest()

    batch = {"data": X.reshape(30, -1), "labels": Y.tolist()}
    kind = datasets.CIFAR10
    monkeypatch.setattr(kind, "train_list", [("train", write("train", batch))])
    monkeypatch.setattr(kind, "test_list", [("test", write("test", batch))])
    meta = write("meta", {"label_names": names})
    keys = {"filename": "meta", "key": "label_names", "md5": meta}
    monkeypatch.setattr(kind, "meta", keys)
    data = load("cifar10", tmp_path)
    np.testing.assert_array_equal(data.train.X, X.transpose(0, 2, 3, 1))
    assert data.class_names == tuple(names)


@pytest.mark.parametrize(("name", "class_"), [("svhn", "SVHN"), ("stl10", "STL10")])
def test_channels_first_sets(tmp_path, monkeypatch, name, class_):
    X = RNG.integers(0, 256, (30, 3, 4, 5), np.uint8)
    asked = []

    def stand_in(root, split, download):
        asked.append((split, download))
        sys.stdout.write("noise")
        if not download:
            raise RuntimeError("Dataset not found or corrupted.")
        return SimpleNamespace(data=X, labels=Y, classes=list("abcdefghij"))

    monkeypatch.setattr(datasets, class_, stand_in)
    data = load(name, tmp_path / "new")
    np.testing.assert_array_equal(data.test.X, X.transpose(0, 2, 3, 1))
    parts = ["unlabeled"] * (name == "stl10") + ["train", "test"]
    assert asked == [(part, download) for part in parts for download in (False, True)]


def test_standard_output_stays_clean(tmp_path, monkeypatch, capsys):
    test_channels_first_sets(tmp_path, monkeypatch, "svhn", "SVHN")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("error", [OSError("offline"), RuntimeError("File\ncorrupted")])
def test_no_usable_copy(tmp_path, monkeypatch, error):
    def fail(self):
        raise error

    monkeypatch.setattr(datasets.CIFAR10, "download", fail)
    with pytest.raises(MissingDataError, match="usable copy of 'cifar10' in") as caught:
        load("cifar10", tmp_path)
    assert "--data-dir" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["cifar10", "digits"])
def test_torchvision_that_does_not_import(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    if name == "digits":
        load(name, tmp_path)
    else:
        with pytest.raises(DependencyError, match="CPU-only torch does not fit"):
            load(name, tmp_path)


def test_names():
    assert NAMED == tuple(sorted(NAMED))
    assert set(named._TORCHVISION) | {"digits"} == set(NAMED)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"limit": 0}, "Got limit=0, but expected at least 1"),
        ({"limit": 19}, "Got limit=19, but expected at least 20: 2 for each of the 10"),
        ({"size": 0}, r"Got size=\(0, 0\)"),
        ({"size": (4, 0)}, r"Got size=\(4, 0\)"),
        ({"seed": -1}, "Got seed=-1"),
        ({"validation_fraction": 1.0}, "Got validation_fraction=1.0"),
        ({"keep": {"3": 0}}, "Got keep 3=0, but expected a fraction above 0"),
        ({"keep": {"3": 1.5}}, "Got keep 3=1.5"),
        ({"keep": {"10": 0.5}}, "Got class '10', but expected one of 0, 1, 2"),
    ],
)
def test_bad_options(tmp_path, kwargs, words):
    with pytest.raises(ParameterError, match=words):
        load("digits", tmp_path, **kwargs)


def test_unknown_source(tmp_path):
    with pytest.raises(MissingDataError, match=r"Got data 'digit'.* 'digits'\?"):
        load("digit", tmp_path)
    with pytest.raises(MissingDataError, match=r"path of a folder, a \.tar"):
        load(tmp_path / "absent", tmp_path)


@pytest.mark.parametrize("limit", [20, 33, 500])
def test_limit_and_keep(tmp_path, limit):
    data = load("digits", tmp_path, limit=limit, keep={"3": 0.5})
    assert (len(data.train), len(data.test)) == (limit, min(limit, 359))
    counts = data.train.class_counts
    assert counts.min() >= 2
    if limit == 500:
        assert 0.4 * counts[4] < counts[3] < 0.6 * counts[4]
        full = load("digits", tmp_path)
        np.testing.assert_array_equal(data.test.X, full.test.X)


def test_the_cache_is_where_it_always_is_unless_another_is_named(tmp_path):
    rng = np.random.default_rng(0)
    for name in [f"{kind}/{i}.png" for kind in "ab" for i in range(8)]:
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
    assert len(load_dataset("digits").train) == 1438
    load_dataset(tmp_path / "photos")
    assert len(list((tmp_path / "user-cache" / "images").iterdir())) >= 1
    load_dataset(str(tmp_path / "photos"), cache_dir=str(tmp_path / "other"))
    assert len(list((tmp_path / "other" / "images").iterdir())) >= 1
