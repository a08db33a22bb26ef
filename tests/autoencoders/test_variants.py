"""What denoising, masked and variational autoencoders add to the plain one."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

from featx import (
    ConvAutoencoder,
    DenoisingAutoencoder,
    MaskedAutoencoder,
    UntrainedAutoencoder,
    VariationalAutoencoder,
)
from featx.autoencoders.corruption import add_noise, draw_mask
from featx.errors import ParameterError

VARIANTS = [DenoisingAutoencoder, MaskedAutoencoder, VariationalAutoencoder]


@pytest.fixture(scope="module")
def images():
    return (load_digits().images[:300] * 15).astype(np.uint8)[..., None]


@pytest.fixture(scope="module", params=VARIANTS)
def fitted(request, images):
    return request.param(max_epochs=8, random_state=0).fit(images)


def test_training_lowers_the_loss_and_restores(fitted, images):
    assert fitted.history_["loss"][-1] < 0.8 * fitted.history_["loss"][0]
    assert fitted.score(images) > UntrainedAutoencoder(random_state=0).fit(
        images
    ).score(images)


def test_features_come_from_clean_images_and_do_not_change(fitted, images):
    first = fitted.transform(images)
    assert np.array_equal(first, fitted.transform(images))
    other = pickle.loads(pickle.dumps(fitted)).set_params(batch_size=7)
    assert np.abs(other.transform(images) - first).max() <= 1e-5


def test_same_seed_gives_bit_equal_features(fitted, images):
    again = clone(fitted).fit(images)
    assert np.array_equal(again.transform(images), fitted.transform(images))


def test_the_shape_is_that_of_the_control(fitted, images):
    control = UntrainedAutoencoder(random_state=0).fit(images)
    assert fitted.transform(images).shape == control.transform(images).shape
    assert fitted.channels_ == control.channels_


@pytest.mark.parametrize("kind", [ConvAutoencoder, UntrainedAutoencoder, *VARIANTS])
def test_pooling_averages_the_code_over_a_grid(kind, images):
    training = {} if kind is UntrainedAutoencoder else {"max_epochs": 1}
    exact = {"random_state": 0, "precision": "float32"} | training
    whole = kind(**exact).fit(images)
    pooled = kind(pooling=2, **exact).fit(images)
    code = whole.transform(images).reshape(len(images), -1, 2, 2, 2, 2)
    expected = code.mean((3, 5)).reshape(len(images), -1)
    assert np.allclose(pooled.transform(images), expected, atol=1e-5)
    assert pooled.reconstruct(images).shape == images.shape


@pytest.mark.parametrize("kind", [ConvAutoencoder, VariationalAutoencoder])
def test_features_of_all_layers_begin_with_the_code(kind, images):
    shape = {"hidden_channels": (6,), "n_components": 5, "max_epochs": 1}
    shape |= {"precision": "float32"}
    code = kind(layers="code", random_state=0, **shape).fit(images)
    whole = kind(layers="all", random_state=0, **shape).fit(images)
    features = whole.transform(images)
    assert np.array_equal(features[:, : 5 * 4], code.transform(images))
    module = whole.module_
    with torch.inference_mode():
        x = module.normalization(torch.from_numpy(images))
        first = module.encoder[0](x).numpy()  # (n, 6, 4, 4), averaged over 2 x 2
    pooled = first.reshape(len(images), 6, 2, 2, 2, 2).mean((3, 5))
    assert np.allclose(features[:, 5 * 4 :], pooled.reshape(len(images), -1), atol=1e-5)
    assert np.array_equal(whole.reconstruct(images), code.reconstruct(images))


def test_noise_and_holes_are_what_the_parameters_say():
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(200, 3, 16, 12)
    assert add_noise(x, 0.5, generator).std().item() == pytest.approx(0.5, rel=0.02)
    hidden = draw_mask(x, 0.3, 5, generator)
    assert hidden.shape == (200, 1, 16, 12)
    assert set(hidden.unique().tolist()) == {0.0, 1.0}
    assert hidden.mean().item() == pytest.approx(0.3, abs=0.03)
    block = hidden[:, 0, :5, :5].flatten(1)
    assert (block == block[:, :1]).all()
    assert draw_mask(x, 0.0, 5, generator).sum() == 0


def test_a_masked_autoencoder_is_judged_by_what_is_hidden(images):
    encoder = MaskedAutoencoder(mask_fraction=1.0, max_epochs=1, random_state=0)
    network = encoder.fit(images).module_
    batch = torch.from_numpy(images[:8])
    x = network.normalization(batch)
    blind = network.error(network.code(0 * x), x)
    loss = network.loss(batch, torch.Generator().manual_seed(0))
    assert loss.item() == pytest.approx(blind.item(), rel=1e-5)


def test_beta_pulls_the_code_towards_the_prior(images):
    spread = [
        VariationalAutoencoder(beta=beta, max_epochs=30, random_state=0)
        .fit(images)
        .transform(images)
        .std()
        for beta in (0.0, 10.0)
    ]
    assert spread[1] < 0.5 * spread[0]


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        (DenoisingAutoencoder(noise=-1), "noise=-1"),
        (DenoisingAutoencoder(mask_fraction=2), "mask_fraction=2"),
        (DenoisingAutoencoder(mask_size=0), "mask_size=0"),
        (MaskedAutoencoder(mask_fraction=0), "mask_fraction=0"),
        (VariationalAutoencoder(beta=-1), "beta=-1"),
        (ConvAutoencoder(pooling=0), "pooling=0"),
        (ConvAutoencoder(layers="last"), "layers='last', but expected 'all' or 'code'"),
    ],
)
def test_a_wrong_parameter_is_named_in_fit(images, encoder, words):
    with pytest.raises(ParameterError, match=words):
        encoder.fit(images)
