"""The noise and the holes that a convolutional autoencoder repairs."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from featx import ConvAutoencoder, UntrainedAutoencoder
from featx.autoencoders.corruption import add_noise, draw_mask
from featx.errors import ParameterError


@pytest.fixture(scope="module")
def images():
    return (load_digits().images[:300] * 15).astype(np.uint8)[..., None]


def test_the_shape_is_that_of_the_control(images):
    fitted = ConvAutoencoder(max_epochs=1, random_state=0).fit(images)
    control = UntrainedAutoencoder(random_state=0).fit(images)
    assert fitted.transform(images).shape == control.transform(images).shape
    assert fitted.channels_ == control.channels_


@pytest.mark.parametrize("kind", [ConvAutoencoder, UntrainedAutoencoder])
def test_pooling_averages_the_code_over_a_grid(kind, images):
    training = {} if kind is UntrainedAutoencoder else {"max_epochs": 1}
    exact = {"random_state": 0, "precision": "float32"} | training
    whole = kind(**exact).fit(images)
    pooled = kind(pooling=2, **exact).fit(images)
    code = whole.transform(images).reshape(len(images), -1, 2, 2, 2, 2)
    expected = code.mean((3, 5)).reshape(len(images), -1)
    assert np.allclose(pooled.transform(images), expected, atol=1e-5)
    assert pooled.reconstruct(images).shape == images.shape


def test_features_of_all_layers_begin_with_the_code(images):
    shape = {"hidden_channels": (6,), "n_components": 5, "max_epochs": 1}
    shape |= {"precision": "float32"}
    code = ConvAutoencoder(layers="code", random_state=0, **shape).fit(images)
    whole = ConvAutoencoder(layers="all", random_state=0, **shape).fit(images)
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


def test_what_is_hidden_is_not_seen_and_has_to_be_drawn(images):
    encoder = ConvAutoencoder(noise=0, mask_fraction=1, max_epochs=1, random_state=0)
    network = encoder.fit(images).module_
    batch = torch.from_numpy(images[:8])
    x = network.normalization(batch)
    with torch.no_grad():
        loss = network.loss(batch, torch.Generator().manual_seed(0))
        drawn = network.decoder(network.encoder(0 * x))
        blind = (drawn - torch.cat([x, network.whitening(x)], 1)).square().mean()
    assert loss.item() == pytest.approx(blind.item(), rel=1e-5)


def test_a_plain_autoencoder_draws_no_random_numbers(images):
    encoder = ConvAutoencoder(noise=0, mask_fraction=0, max_epochs=1, random_state=0)
    network = encoder.fit(images).module_
    batch = torch.from_numpy(images[:8])
    losses = [
        network.loss(batch, torch.Generator().manual_seed(seed)).item()
        for seed in (0, 1)
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        (ConvAutoencoder(noise=-1), "noise=-1"),
        (ConvAutoencoder(mask_fraction=2), "mask_fraction=2"),
        (ConvAutoencoder(mask_size=0), "mask_size=0"),
        (ConvAutoencoder(pooling=0), "pooling=0"),
        (ConvAutoencoder(layers="last"), "layers='last', but expected 'all' or 'code'"),
    ],
)
def test_a_wrong_parameter_is_named_in_fit(images, encoder, words):
    with pytest.raises(ParameterError, match=words):
        encoder.fit(images)
