"""What a model remembers of training images: the nearest, and how like others are."""

import numpy as np
import pytest

from featx import known_images
from featx.known_images import KnownImages


def features(n=400, seed=0, scale=None):
    rng = np.random.default_rng(seed)
    scale = np.linspace(1, 100, 20) if scale is None else scale
    return (rng.normal(size=(n, 20)) * scale + 7).astype(np.float32)


def known(X):
    n = len(X)
    return KnownImages.of(X, np.arange(n) % 3, np.array([f"{i}.png" for i in range(n)]))


def test_an_image_is_nearest_to_itself():
    X = features()
    found = known(X).nearest(X[:50], 4)
    assert found.rows[:, 0].tolist() == list(range(50))
    assert found.distances[:, 0].max() < 1e-2
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_directions_count_alike():
    model = known(features())
    np.testing.assert_allclose(model.points.std(axis=0), 1, rtol=0.05)
    np.testing.assert_allclose(model.points.mean(axis=0), 0, atol=0.05)


def test_likeness_is_a_p_value():
    model = known(features())
    like = model.likeness(features(2000, seed=1))
    for share in (0.05, 0.2, 0.5):
        assert (like <= share).mean() == pytest.approx(share, abs=0.06)
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
    assert ((like > 0) & (like <= 1)).all()


def test_features_that_are_all_the_same():
    X = np.ones((30, 5), np.float32)
    model = known(X)
    assert np.isfinite(model.points).all()
    assert (model.likeness(X[:3]) == 1).all()
