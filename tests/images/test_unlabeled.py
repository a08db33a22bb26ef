"""Images without a label: where they are found, and what is never among them."""

import io
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from featx.errors import DataError, ParameterError
from featx.images import load_dataset

RNG = np.random.default_rng(0)


def picture(seed, size=(6, 8)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def save(path, seed, size=(6, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed, size)).save(path)


@pytest.fixture
def tree(tmp_path):
    """Two classes in two parts; images are told apart by their seeds."""
    root = tmp_path / "tree"
    for number in range(60):
        part = "train" if number < 40 else "test"
        save(root / part / "ab"[number % 2] / f"{number}.png", number)
    return root


def assert_pixels(images):
    """Every image is the one that its name tells."""
    for x, id_ in zip(images.X, images.ids, strict=True):
        number = int(id_.rpartition("/")[2].partition(".")[0])
        assert np.array_equal(x, picture(number)), id_


@pytest.mark.parametrize("home", ["", "train/", "val/"])
@pytest.mark.parametrize("name", ["unlabeled", "Unlabelled"])
def test_a_folder_beside_classes_or_parts(tree, load, home, name):
    if home == "val/":
        for number in range(60, 64):
            save(tree / "val" / "ab"[number % 2] / f"{number}.png", number)
    save(tree / f"{home}{name}" / "100.png", 100)
    save(tree / f"{home}{name}" / "deep" / "down" / "101.png", 101)
    data = load(tree)
    assert data.class_names == ("a", "b")
    assert [one.rpartition("/")[2] for one in data.unlabeled.ids] == [
        "100.png",
        "101.png",
    ]
    assert set(data.unlabeled.y) == {-1}
    for part in (data.unlabeled, data.train, data.test, data.learning_images):
        assert_pixels(part)
    assert f"{home}{name}: 2 images without a label" in data.notes
    assert data.validation.shape == (len(data.train),)


def test_encoders_learn_from_one_memory_map(tree, load):
    save(tree / "unlabeled" / "100.png", 100)
    data = load(tree)
    learning = data.learning_images
    assert len(learning) == 41
    assert len(data) == 61
    assert np.shares_memory(learning.X, data.train.X)
    assert np.shares_memory(learning.X, data.unlabeled.X)
    assert learning.digest == data.unlabeled.followed_by(data.train).digest
    assert data.describe()["n_unlabeled"] == 1


def test_those_of_the_test_part_stay_out(tree, load):
    save(tree / "test" / "unlabeled" / "100.png", 100)
    data = load(tree)
    assert len(data.unlabeled) == 0
    assert data.learning_images is data.train
    assert data.notes[0] == "left out, test/unlabeled: 1 image of the test part"


def test_copies_of_labeled_images_are_left_out(tree, load):
    for number in (0, 50, 100):  # a training image, a test image, another one
        save(tree / "unlabeled" / f"{number}.png", number)
    data = load(tree)
    assert data.unlabeled.ids.tolist() == ["unlabeled/100.png"]
    assert_pixels(data.learning_images)
    told = "left out, with the same pixels as a labeled image: 2 unlabeled images"
    assert told in data.notes


def test_another_place(tree, tmp_path, load):
    for number in (100, 101):
        save(tmp_path / "more" / f"{number}.png", number)
    save(tree / "unlabeled" / "102.png", 102)
    data = load(tree, unlabeled=tmp_path / "more")
    assert [one.rpartition("/")[2] for one in data.unlabeled.ids] == [
        "100.png",
        "101.png",
        "102.png",
    ]
    assert_pixels(data.learning_images)
    alone = load(tree, unlabeled=False)
    assert len(alone.unlabeled) == 0
    assert alone.train.digest == data.train.digest
    limited = load(tree, unlabeled=tmp_path / "more", limit=10)
    assert (len(limited.unlabeled), len(limited.train)) == (3, 10)
    for number in range(110, 115):
        save(tmp_path / "more" / f"{number}.png", number)
    assert len(load(tree, unlabeled=tmp_path / "more", limit=4).unlabeled) == 4


def test_a_changed_image_of_another_place_is_seen(tree, tmp_path, load):
    save(tmp_path / "more" / "100.png", 100)
    before = load(tree, unlabeled=tmp_path / "more")
    save(tmp_path / "more" / "100.png", 101)
    after = load(tree, unlabeled=tmp_path / "more")
    assert before.unlabeled.digest != after.unlabeled.digest
    assert before.train.digest == after.train.digest


def test_shards_beside_a_folder(tree, tmp_path, load):
    with tarfile.open(tmp_path / "more.tar", "w") as tar:
        for number in (100, 101):
            stream = io.BytesIO()
            Image.fromarray(picture(number)).save(stream, "PNG")
            info = tarfile.TarInfo(f"{number}.png")
            info.size = stream.tell()
            stream.seek(0)
            tar.addfile(info, stream)
    data = load(tree, unlabeled=tmp_path / "more.tar")
    assert len(data.unlabeled) == 2
    assert_pixels(data.learning_images)


def test_images_of_another_size_take_the_size_of_the_labeled(tree, load):
    for number in range(100, 200):
        save(tree / "unlabeled" / f"{number}.png", number, size=(4, 4))
    data = load(tree)
    assert data.image_shape == (6, 8, 3)
    assert data.unlabeled.X.shape == (100, 6, 8, 3)


def test_nothing_but_images_without_a_label(tmp_path, load):
    for number in range(5):
        save(tmp_path / "scans" / "2024" / f"{number}.png", number)
        save(tmp_path / "loose" / f"{number}.png", number)
    with pytest.raises(DataError, match="no folder per class"):
        load(tmp_path / "loose")
    data = load(tmp_path / "loose", need_labels=False)
    assert (len(data.unlabeled), len(data.train), len(data.test)) == (5, 0, 0)
    assert data.class_names == ()
    assert len(data.learning_images) == 5
    with pytest.raises(DataError, match="Got an empty folder"):
        (tmp_path / "empty").mkdir()
        load(tmp_path / "empty", need_labels=False)


def test_arrays(tmp_path, load):
    X = RNG.integers(0, 256, (60, 5, 5), np.uint8)
    y = np.arange(60) % 3
    more = np.concatenate([X[50:52], RNG.integers(0, 256, (7, 5, 5), np.uint8)])
    np.savez(
        tmp_path / "set.npz",
        X_train=X[:45],
        y_train=y[:45],
        X_test=X[45:],
        y_test=y[45:],
        X_unlabeled=more,
    )
    data = load(tmp_path / "set.npz")
    assert np.array_equal(data.unlabeled.X[..., 0], more[2:])  # without test images
    assert np.array_equal(data.learning_images.X[7:], data.train.X)
    assert data.unlabeled.ids[0] == "unlabeled/2"
    np.savez(tmp_path / "alone.npz", X_unlabeled=more)
    assert len(load(tmp_path / "alone.npz", need_labels=False).unlabeled) == 9
    with pytest.raises(DataError, match="Got arrays X_unlabeled"):
        load(tmp_path / "alone.npz")
    with pytest.raises(ParameterError, match="holds them as X_unlabeled"):
        load(tmp_path / "set.npz", unlabeled=tmp_path)


def test_stl10_has_such_a_part(tmp_path, monkeypatch):
    X = RNG.integers(0, 256, (30, 3, 4, 5), np.uint8)

    def stand_in(root, split, download):
        labels = np.arange(30) % 10
        shift = {"train": 0, "test": 1, "unlabeled": 2}[split]
        if split == "unlabeled":
            labels = np.full(30, -1)
        return SimpleNamespace(
            data=X + shift, labels=labels, classes=list("abcdefghij")
        )

    monkeypatch.setattr(datasets, "STL10", stand_in)
    data = load_dataset("stl10", data_dir=tmp_path)
    assert (len(data.unlabeled), len(data.train), len(data.test)) == (30, 30, 30)
    assert set(data.unlabeled.y) == {-1}
    assert len(load_dataset("stl10", data_dir=tmp_path, unlabeled=False).unlabeled) == 0


def test_images_of_groups_that_are_tested_are_left_out(tmp_path, load):
    """More pictures of a patient whose labeled ones are in the test part."""
    root = tmp_path / "patients"
    for number in range(60):
        save(root / "ab"[number % 2] / f"p{number // 3}-{number}.png", number)
    for number in range(100, 120):
        save(root / "unlabeled" / f"p{number - 100}-{number}.png", number)
    data = load(root, group_by=r"(p\d+)-")

    def patients(part):
        return {id_.rpartition("/")[2].partition("-")[0] for id_ in part.ids}

    assert patients(data.test) and not patients(data.test) & patients(data.train)
    assert patients(data.unlabeled) == patients(data.train)
    told = f"{20 - len(data.unlabeled)} unlabeled images"
    assert any(told in note and "test" in note for note in data.notes), data.notes


def test_damaged_labeled_images_beside_good_unlabeled_ones(tmp_path, load):
    root = tmp_path / "set"
    for number in range(6):
        path = root / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no picture")
        save(root / "unlabeled" / f"{number + 100}.png", number + 100)
    with pytest.raises(DataError, match="6 damaged images were skipped"):
        load(root)


def test_a_folder_of_shards_beside_a_folder_of_images(tmp_path, load):
    root = tmp_path / "set"
    root.mkdir()
    for part, numbers in (("train", range(40)), ("test", range(40, 60))):
        with tarfile.open(root / f"{part}-0.tar", "w") as tar:
            for number in numbers:
                stream = io.BytesIO()
                Image.fromarray(picture(number)).save(stream, "PNG")
                for name, content in (
                    (f"{number}.png", stream.getvalue()),
                    (f"{number}.cls", str(number % 2).encode()),
                ):
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
    save(root / "unlabeled" / "100.png", 100)
    data = load(root)
    assert (len(data.train), len(data.test)) == (40, 20)
    assert data.unlabeled.ids.tolist() == ["unlabeled/100.png"]
    assert_pixels(data.unlabeled)
