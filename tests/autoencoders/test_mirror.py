import numpy as np
import pytest
from sklearn.datasets import load_digits

from featx import ConvAutoencoder, PatchAutoencoder, load_dataset
from featx.autoencoders.mirror import mirroring_is_natural


def gradients(n, shape, *, one_way):
    """Images that grow brighter to the right, or to either side."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(-1, 1, shape[1])[None, None, :, None]
    side = 1.0 if one_way else rng.choice([-1.0, 1.0], (n, 1, 1, 1))
    noise = rng.normal(0, 30, (n, *shape))
    return np.clip(128 + 40 * side * ramp + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(8, 8, 1), (50, 33, 3), (9, 2, 4), (20, 47, 1)])
@pytest.mark.parametrize("n", [60, 400])
def test_left_and_right_are_told_apart_only_where_they_differ(shape, n):
    assert not mirroring_is_natural(gradients(n, shape, one_way=True), seed=0)
    assert mirroring_is_natural(gradients(n, shape, one_way=False), seed=0)


@pytest.mark.parametrize("n", [100, 500, 1797])
@pytest.mark.parametrize("seed", range(3))
def test_digits_are_not_mirrored(n, seed):
    assert not mirroring_is_natural(load_digits().images[:n, ..., None], seed)


@pytest.mark.parametrize("seed", range(3))
def test_photographs_are_mirrored(cifar10, tmp_path, seed):
    dataset = load_dataset(cifar10, limit=2000, cache_dir=tmp_path)
    assert mirroring_is_natural(dataset.train.X, seed)


def test_a_dark_frame_of_odd_size_tells_nothing():
    images = np.random.default_rng(0).integers(90, 160, (400, 33, 33, 1))
    images[:, :3] = images[:, -3:] = images[:, :, :3] = images[:, :, -3:] = 0
    assert mirroring_is_natural(images.astype(np.uint8), seed=0)


def test_too_few_images_or_one_column_are_left_alone():
    assert not mirroring_is_natural(np.zeros((19, 8, 8, 1)), seed=0)
    assert not mirroring_is_natural(np.zeros((50, 8, 1, 1)), seed=0)
    assert mirroring_is_natural(np.zeros((50, 8, 8, 1)), seed=0)


@pytest.mark.parametrize("kind", [ConvAutoencoder, PatchAutoencoder])
def test_encoders_find_out_by_themselves_and_can_be_told(kind):
    images = gradients(60, (8, 8, 1), one_way=False)
    assert kind(max_epochs=1, random_state=0).fit(images).augment_ == "flip"
    told = kind(max_epochs=1, random_state=0, augment=None).fit(images)
    assert told.augment_ is None
    features = kind(max_epochs=1, random_state=0).fit(images).transform(images)
    assert features.shape == told.transform(images).shape
