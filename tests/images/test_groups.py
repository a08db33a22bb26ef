"""Groups of images: found in names, and never torn."""

import numpy as np
import pytest
from PIL import Image

from featx.errors import DataError, ParameterError
from featx.images.groups import groups_in_names
from featx.images.split import draw_groups


@pytest.fixture
def tree(tmp_path):
    """Twelve patients, five pictures each, of one class."""
    root = tmp_path / "tree"
    for patient in range(12):
        for picture in range(5):
            path = root / "ab"[patient % 2] / f"p{patient:02}-{picture}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.full((5, 5), 20 * patient + picture, np.uint8)
            Image.fromarray(pixels).save(path)
    return root


def patients(images):
    return {id_.rpartition("/")[2][:3] for id_ in images.ids}


@pytest.mark.parametrize("pattern", ["(p[0-9]+)-", "p[0-9]+"])
def test_no_patient_is_in_two_parts(tree, load, pattern):
    data = load(tree, group_by=pattern)
    assert not patients(data.train) & patients(data.test)
    assert len(data.train) + len(data.test) == 60 and len(data.test) in (10, 15)
    assert any(
        note.startswith("12 groups of images, such as 5 of 'p") for note in data.notes
    )
    validation = data.train.take(np.flatnonzero(data.validation))
    rest = data.train.take(np.flatnonzero(~data.validation))
    assert len(validation) and not patients(validation) & patients(rest)
    for part in (data.train, data.test):
        numbers = dict(zip(part.ids, part.groups, strict=True))
        for one, number in numbers.items():
            for other, its in numbers.items():
                assert (one.rpartition("-")[0] == other.rpartition("-")[0]) == (
                    number == its
                )
    assert data.describe()["n_groups"] == 12
    assert not any("several classes" in note for note in data.notes)


def test_groups_that_hold_several_classes_are_named():
    ids = ["cat/a7-1.png", "dog/a7-1.png", "dog/a8-1.png"]
    y = np.array([0, 1, 1])
    _, notes = groups_in_names(ids, "(a[0-9]+)-", y)
    assert "several classes in 1 of 2 groups, such as 'a7'" in notes[1]
    _, notes = groups_in_names(ids, "([^/]+/a[0-9]+)-", y)
    assert notes == ("3 groups of images, such as 1 of 'cat/a7'",)
    _, notes = groups_in_names(ids, "(a[0-9]+)-", np.array([0, -1, 1]))
    assert len(notes) == 1  # an image without a label is of no class


def test_the_test_part_is_the_same_for_every_seed(tree, load):
    first = load(tree, group_by="p[0-9]+", seed=0)
    second = load(tree, group_by="p[0-9]+", seed=1)
    assert np.array_equal(first.test.ids, second.test.ids)


def test_images_in_no_group_are_on_their_own(tree, load):
    data = load(tree, group_by="(p0[0-3])-")
    assert any(
        note.startswith("in no group, each on its own: 40 images, such as a/p04-0.png")
        for note in data.notes
    )
    assert len(np.unique(np.concatenate([data.train.groups, data.test.groups]))) == 44


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("nobody", "no image whose name matches 'nobody', such as a/p00-0.png"),
        ("png", "all 60 images of .* in one group"),
        ("^[ab]/", "2 groups, but no way"),
    ],
)
def test_patterns_that_make_no_groups(tree, load, pattern, words):
    with pytest.raises(DataError, match=words):
        load(tree, group_by=pattern)


def test_a_pattern_that_is_none(tree, load):
    with pytest.raises(ParameterError, match="regular expression"):
        load(tree, group_by="(p")
    with pytest.raises(ParameterError, match="expected them for image files"):
        load("digits", group_by="p")


def test_arrays_bring_groups_along(tmp_path, load):
    X = np.random.default_rng(0).integers(0, 256, (60, 5, 5), np.uint8)
    y, groups = np.arange(60) % 3, np.array([f"g{i // 6}" for i in range(60)])
    np.savez(tmp_path / "set.npz", X_train=X, y_train=y, groups_train=groups)
    data = load(tmp_path / "set.npz")
    assert not set(data.train.groups) & set(data.test.groups)
    assert len(np.unique(data.train.groups)) + len(np.unique(data.test.groups)) == 10
    np.savez(tmp_path / "bad.npz", X_train=X, y_train=y, groups_train=groups[:9])
    with pytest.raises(DataError, match=r"groups_train \(9,\), but expected .*\(60,\)"):
        load(tmp_path / "bad.npz")


def test_a_validation_part_that_cannot_be_is_empty(tmp_path, load):
    """Two groups: one to train on, one to test on."""
    X = np.random.default_rng(0).integers(0, 256, (40, 5, 5), np.uint8)
    np.savez(
        tmp_path / "set.npz",
        X_train=X,
        y_train=np.arange(40) % 2,
        groups_train=np.arange(40) // 20,
    )
    data = load(tmp_path / "set.npz")
    assert (len(data.train), len(data.test), data.validation.sum()) == (20, 20, 0)


def test_classes_keep_their_shares_as_far_as_groups_allow():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 5)
    y = np.repeat(rng.integers(0, 3, 100), 5)
    drawn = draw_groups(y, groups, 0.2, seed=0)
    assert not set(groups[drawn]) & set(np.delete(groups, drawn))
    assert np.allclose(np.bincount(y[drawn]) / np.bincount(y), 0.2, atol=0.04)
