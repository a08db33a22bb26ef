"""What a model remembers of training images: the nearest, and how like others are."""

import numpy as np
import pytest

from featx import known_images
from featx.errors import DataError
from featx.known_images import KnownImages


def features(n=400, seed=0, scale=None):
    rng = np.random.default_rng(seed)
    scale = np.linspace(1, 100, 20) if scale is None else scale
    return (rng.normal(size=(n, 20)) * scale + 7).astype(np.float32)


def known(X, **more):
    n = len(X)
    names = np.array([f"{i}.png" for i in range(n)])
    return KnownImages.of(X, np.arange(n) % 3, names, **more)


def test_images_of_a_group_do_not_vouch_for_each_other():
    """Bursts of five: a new burst is no stranger."""
    rng = np.random.default_rng(0)

    def bursts(n):
        scenes = np.repeat(rng.normal(size=(n, 20)), 5, axis=0)
        return (scenes + 0.05 * rng.normal(size=scenes.shape)).astype(np.float32)

    alone, grouped = [], []
    for _ in range(10):
        X, new = bursts(100), bursts(100)
        alone.append(known(X).likeness(new) <= 0.2)
        grouped.append(known(X, groups=np.arange(500) // 5).likeness(new) <= 0.2)
    assert np.mean(alone) > 0.9
    assert np.mean(grouped) == pytest.approx(0.2, abs=0.07)


def test_features_in_a_file(tmp_path):
    X = features()
    np.save(tmp_path / "X.npy", X)
    mapped = known(np.load(tmp_path / "X.npy", mmap_mode="r"))
    assert np.array_equal(mapped.points, known(X).points)


def test_features_that_are_no_numbers():
    model = known(features())
    with pytest.raises(DataError, match="NaN or infinite"):
        model.likeness(np.full((2, 20), np.nan, np.float32))


def test_an_image_is_nearest_to_itself():
    X = features()
    found = known(X).nearest(X[:50], 4)
    assert found.rows[:, 0].tolist() == list(range(50))
    assert found.distances[:, 0].max() < 1e-2
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_directions_count_alike():
    model = known(features())
    np.testing.assert_allclose(model.points.std(axis=0), 1, rtol=0.2)
    np.testing.assert_allclose(model.points.mean(axis=0), 0, atol=0.2)


@pytest.mark.parametrize(("n", "width"), [(400, 20), (60, 20), (100, 300), (3000, 5)])
def test_likeness_is_a_p_value(n, width):
    """Also where there are few images, or more features than images."""
    rng = np.random.default_rng(0)
    shares = {0.05: [], 0.2: [], 0.5: []}
    for _ in range(20):
        X = rng.normal(size=(n + 100, width)).astype(np.float32)
        like = known(X[:n]).likeness(X[n:])
        for share, found in shares.items():
            found.append((like <= share).mean())
    for share, found in shares.items():
        error = np.std(found) / 20**0.5
        assert np.mean(found) <= share + 3 * error + 0.01, share
        assert np.mean(found) >= share - 3 * error - 0.03, share


def test_few_images_lose_hardly_more_than_they_should():
    """The least likeness of 40 usual ones; widths are found on these, too."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(150):
        X = rng.normal(size=(320, 100)).astype(np.float32)
        model = known(X[:120])
        found.append(model.likeness(X[120:]) <= 1 / 41)
    assert 0.9 / 41 < np.mean(found) < 1.7 / 41


def test_images_of_another_kind_are_unlike():
    model = known(features())
    assert model.likeness(features(100, seed=2) + 900).max() < 0.01
    assert model.likeness(np.zeros((0, 20), np.float32)).shape == (0,)


def test_of_many_images_some_are_remembered(monkeypatch):
    monkeypatch.setattr(known_images, "MOST_KNOWN", 100)
    monkeypatch.setattr(known_images, "_MOST_REDUCED", 50)
    X = features()
    model = known(X)
    assert len(model.points) == len(model.ids) == len(model.labels) == 100
    rows = [int(name.removesuffix(".png")) for name in model.ids]
    assert rows == sorted(rows) and (model.labels == np.array(rows) % 3).all()
    assert model.nearest(X[rows[:5]], 1).rows.ravel().tolist() == list(range(5))


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_images(n):
    model = known(features(n))
    assert model.nearest(features(4, seed=1), 9).rows.shape == (4, n)
    like = model.likeness(features(4, seed=1))
    assert (like >= 1 / (1 + n)).all() and (like <= 1).all()


def test_features_that_are_all_the_same():
    X = np.ones((30, 5), np.float32)
    model = known(X)
    assert np.isfinite(model.points).all()
    assert (model.likeness(X[:3]) == 1).all()


def test_one_group_of_all_images_is_none():
    X = features()
    together = known(X, groups=np.zeros(len(X), np.int64))
    assert np.array_equal(together.usual, known(X).usual)
    assert together.middle[0] > 0


@pytest.mark.parametrize("strength", [0.2, 5])
def test_an_image_near_to_many_is_unlike_them_by_what_is_left_of_it(strength):
    """A flat picture lacks what all others have in directions that are not looked at."""
    rng = np.random.default_rng(0)
    mixing = 10 * rng.normal(size=(8, 200))

    def images(n, strength):
        rest = strength * rng.normal(size=(n, 200))
        return (rng.normal(size=(n, 8)) @ mixing + rest).astype(np.float32)

    model = known(images(600, 1))
    assert model.points.shape[1] < 200
    assert np.median(model.likeness(images(100, 1))) > 0.2
    assert np.median(model.likeness(images(100, strength))) < 0.01


def test_what_is_left_of_features():
    X = features(300, scale=np.ones(20))
    reduce = known_images.reduction(X, np.arange(300), 0)
    some = reduce._replace(
        components=reduce.components[:, :4], spread=reduce.spread[:4]
    )
    points, residuals = some(X)
    whole = (X - X.mean(axis=0)) / X.std(axis=0)
    directions = some.components / np.linalg.norm(some.components, axis=0)
    left = whole - whole @ directions @ directions.T
    np.testing.assert_allclose(
        np.exp(residuals), (left**2).sum(axis=1) + 1e-3 * 20, rtol=1e-3
    )
    assert points.shape == (300, 4)
    assert np.ptp(reduce(X)[1]) < 1e-2  # of all directions there is nothing left
