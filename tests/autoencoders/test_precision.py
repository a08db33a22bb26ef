import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

from featx import (
    ConvAutoencoder,
    PatchAutoencoder,
    PredictiveAutoencoder,
    UntrainedAutoencoder,
)
from featx.autoencoders import device
from featx.autoencoders.patch_filters import PatchFilters, _at_least_
from featx.autoencoders.targets import LocalWhitening
from featx.features.digest import digest_estimator


@pytest.fixture(scope="module")
def images():
    return (load_digits().images[:100] * 15).astype(np.uint8)[..., None]


def quick(**params):
    return ConvAutoencoder(**{"max_epochs": 1, "random_state": 0} | params)


ENCODERS = [
    quick(),
    UntrainedAutoencoder(),
    PatchAutoencoder(32, max_epochs=1),
    PredictiveAutoencoder(16, n_filters=16, n_channels=4, max_epochs=1),
]


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda e: type(e).__name__)
def test_bfloat16_features_are_close_to_float32(encoder, images):
    fitted = clone(encoder).set_params(precision="float32", random_state=0).fit(images)
    assert fitted.precision_ == "float32"
    exact = fitted.transform(images[:8])
    rounded = fitted.set_params(precision="bfloat16").transform(images[:8])
    difference = np.abs(exact - rounded).max() / np.abs(exact).max()
    assert 0 < difference < 0.05


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda e: type(e).__name__)
def test_bfloat16_features_depend_on_no_other_row(encoder, images):
    fitted = clone(encoder).set_params(precision="bfloat16", random_state=0)
    features = fitted.fit(images).transform(images)
    order = np.random.default_rng(0).permutation(len(images))
    others = fitted.set_params(batch_size=7).transform(images[order])
    alone = fitted.transform(images[:1])
    largest = np.abs(features).max()
    np.testing.assert_allclose(others, features[order], rtol=0, atol=1e-2 * largest)
    np.testing.assert_allclose(alone, features[:1], rtol=0, atol=1e-2 * largest)


def test_auto_precision_is_that_of_the_machine_where_it_was_fitted(images, monkeypatch):
    def fit(has_bfloat16):
        monkeypatch.setattr(device, "_has_bfloat16", lambda _: has_bfloat16)
        return quick().fit(images)

    fast, slow = fit(True), fit(False)
    assert (fast.precision_, slow.precision_) == ("bfloat16", "float32")
    elsewhere = fast.transform(images)  # the machine has no bfloat16 now
    exact = fast.set_params(precision="float32").transform(images)
    np.testing.assert_array_equal(elsewhere, exact)

    here = slow.transform(images)
    monkeypatch.setattr(device, "_has_bfloat16", lambda _: True)
    np.testing.assert_array_equal(slow.transform(images), here)
    rounded = fast.set_params(precision="auto").transform(images)
    assert 0 < np.abs(rounded - exact).max() < 0.05 * exact.max()


def test_images_are_decoded_in_float32(images):
    fitted = quick(precision="float32").fit(images)
    features = fitted.transform(images)
    drawn = fitted.inverse_transform(features)
    fitted.set_params(precision="bfloat16")
    np.testing.assert_array_equal(fitted.inverse_transform(features), drawn)


def test_features_of_two_precisions_are_not_taken_for_each_other(images, monkeypatch):
    digests = []
    for has_bfloat16 in (True, False):
        monkeypatch.setattr(device, "_has_bfloat16", lambda _, has=has_bfloat16: has)
        untrained = UntrainedAutoencoder(random_state=0).fit(images)  # equal weights
        digests.append(digest_estimator(untrained))
    assert digests[0] != digests[1]


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.3])
def test_the_maximum_of_bits_is_that_of_numbers(threshold):
    numbers = torch.cat(
        [torch.tensor([0.0, -0.0, 1e30, -1e30, 1e-30, 0.25, -0.25]), torch.randn(1000)]
    ).bfloat16()
    limit = torch.tensor(threshold, dtype=torch.bfloat16)
    assert torch.equal(
        _at_least_(numbers.clone(), limit), numbers.clamp(min=limit.item())
    )


def test_a_threshold_between_two_numbers_of_bfloat16_lets_little_through():
    filters = PatchFilters(
        (8, 8, 1), (3, 3), n_components=4, n_nonzero_coefs=1, threshold=0.3, pooling=2
    )
    with torch.autocast("cpu", torch.bfloat16):
        features = filters.encode(torch.rand(2, 8, 8, 1))  # of filters that are nought
    assert features.min() >= 0 and features.max() < 0.3 / 2**8


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_patches_are_normalized_as_each_by_itself(offset):
    filters = PatchFilters(
        (9, 7, 3), (4, 3), n_components=2, n_nonzero_coefs=1, threshold=0.1, pooling=2
    )
    images = torch.rand(5, 9, 7, 3, generator=torch.Generator().manual_seed(0)) * 50
    found = filters._normalized(images + offset)
    assert found.shape == (5, 6, 5, 36)
    for row, column in [(0, 0), (5, 4), (2, 3)]:
        patch = images[:, row : row + 4, column : column + 3].flatten(1)
        patch = patch - patch.mean(1, keepdim=True)
        expected = patch / (patch.var(1, correction=0, keepdim=True) + 1).sqrt()
        torch.testing.assert_close(found[:, row, column], expected, rtol=0, atol=2e-3)


def test_targets_are_whitened_in_float32():
    whitening = LocalWhitening((8, 8, 3))
    x = torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    whitening.learn(x)
    exact = whitening(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(whitening(x), exact)
