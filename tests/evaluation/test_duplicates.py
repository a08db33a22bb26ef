"""Copies of training images in the test part: found however many there are."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from featx.evaluation import Duplicates, duplicates, find_duplicates


@pytest.fixture(scope="module")
def scenes():
    """Smooth pictures, none like another, 300 of 16 x 16 in color."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(size=(300, 5, 5, 3))
    fine = np.linspace(0, 1, 16)[:, None] * 4
    weight = np.maximum(0, 1 - np.abs(fine - np.arange(5)))  # linear interpolation
    smooth = np.einsum("hi,wj,nijc->nhwc", weight, weight, coarse)
    return np.clip(128 + 50 * smooth, 0, 255).astype(np.uint8)


def noisy(X, sd, seed):
    noise = np.random.default_rng(seed).normal(0, sd, X.shape)
    return np.clip(X + noise, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("shape", [(40, 24, 3), (33, 7, 1), (500, 16, 3)])
def test_large_images_are_averaged_over_their_neighbors(shape):
    X = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    small = duplicates._shrunk(X)
    height, width = min(shape[0], 16), min(shape[1], 16)
    assert small.shape == (3, height, width, shape[2])
    rows = np.linspace(0, shape[0], height + 1).round().astype(int)
    columns = np.linspace(0, shape[1], width + 1).round().astype(int)
    for i, j in ((0, 0), (height - 1, width - 1), (5, 6)):
        cell = X[:, rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
        np.testing.assert_allclose(small[:, i, j], cell.mean(axis=(1, 2)), atol=1e-5)


def test_none_is_found_where_there_is_none(scenes):
    assert not len(find_duplicates(scenes[60:], scenes[:60]).test_rows)


def test_digits_of_the_same_writer_are_no_copies():
    images = (load_digits().images * 15.9).astype(np.uint8)[..., None]
    images = images[np.random.default_rng(0).permutation(len(images))]
    assert len(find_duplicates(images[360:], images[:360]).test_rows) <= 2


@pytest.mark.parametrize("copies", [1, 2, 3, 30])
def test_equal_images_are_all_found(scenes, copies):
    train = np.concatenate([scenes] * copies)
    found = find_duplicates(train, scenes[:100])
    assert found.n_exact == 100
    np.testing.assert_array_equal(found.of, np.arange(100))
    assert found.describe() == (
        "100 of 100 test images are copies of training images, 100 of them in every pixel."
    )


@pytest.mark.parametrize(("sd", "share"), [(2, 1), (5, 0.99), (10, 0.85)])
def test_five_near_copies_of_each_are_found(scenes, sd, share):
    train = np.concatenate([noisy(scenes, sd, seed) for seed in range(5)])
    found = find_duplicates(train, noisy(scenes, sd, 9))
    assert len(found.test_rows) >= share * len(scenes)
    np.testing.assert_array_equal(
        found.of[found.test_rows] % len(scenes), found.test_rows
    )
    assert found.n_exact == 0 and (found.similarity < 1).all()


def test_few_copies_among_many_images_are_found(scenes):
    test = scenes[:60].copy()
    test[4], test[9] = scenes[150], noisy(scenes[[207]], 6, 1)[0]
    test[20] = 255 - scenes[203]
    found = find_duplicates(scenes[60:], test)
    assert found.test_rows.tolist() == [4, 9]
    assert found.of[[4, 9]].tolist() == [90, 147]
    assert found.similarity[4] == 1 and 0.95 < found.similarity[9] < 1
    assert found.to_dict() == {"found": 2, "equal_in_every_pixel": 1, "searched": 60}


def test_flat_images_are_copies_only_of_the_same_gray(scenes):
    flat = np.stack([np.full((16, 16, 3), gray, np.uint8) for gray in (10, 90)])
    found = find_duplicates(np.concatenate([scenes, flat[:1]]), flat)
    assert found.of.tolist() == [300, -1]


@pytest.mark.parametrize("n_train", [1, 2, 7])
def test_so_few_images_that_only_equal_ones_can_be_told(scenes, n_train):
    found = find_duplicates(scenes[:n_train], scenes[:10])
    assert found.of.tolist() == [*range(n_train), *[-1] * (10 - n_train)]


def test_equal_flat_images_only():
    black = np.zeros((40, 5, 5, 1), np.uint8)
    assert find_duplicates(black, black[:3]).of.tolist() == [0, 0, 0]
    assert find_duplicates(black, black[:3] + 9).of.tolist() == [-1, -1, -1]


def test_large_sets_are_searched_in_part(scenes, monkeypatch):
    monkeypatch.setattr("featx.evaluation.duplicates.N_SEARCHED", 20)
    found = find_duplicates(scenes, scenes)
    assert found.n_searched == 20
    assert found.n_exact == len(scenes)  # equal ones are looked for among all


def test_one_copy_is_told_in_the_singular():
    one = Duplicates(np.array([-1, 3]), np.array([0, 0.97], np.float32))
    assert one.describe() == "1 of 2 test images is a copy of a training image."
    none = Duplicates(np.array([-1, -1]), np.zeros(2, np.float32))
    assert none.describe() == ""
