"""Convolutions and targets written for speed give what the plain ones give."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmarks import plain_torch
from featx import ConvAutoencoder
from featx.autoencoders import convolution, targets
from featx.autoencoders.convolution import (
    DoublingConv,
    HalvingConv,
    KeepingConv,
)
from featx.autoencoders.targets import LocalWhitening, mean_squared_error

SHAPES = [(3, 16, 16), (3, 7, 9), (2, 1, 20), (5, 5, 4)]


def drawn(*shape, seed=0):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return x.to(memory_format=torch.channels_last)


def close(one, other, rtol):
    return (one - other).abs().max() <= rtol * other.abs().max()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("at_once", [2**21, 1])
@pytest.mark.parametrize("kind", ["halving", "doubling"])
def test_gradients_are_those_of_the_convolution(monkeypatch, shape, at_once, kind):
    monkeypatch.setattr(convolution, "_BYTES", at_once)
    n, height, width = shape
    x = drawn(n, 40, height, width).requires_grad_()
    if kind == "halving":
        layer = HalvingConv(40, 48)
        plain = F.conv2d(x, layer.weight, None, 2, 1)
        ours = convolution._Halving.apply(x, layer.weight)
    else:
        layer = DoublingConv(40, 48)
        plain = F.conv_transpose2d(x, layer.weight, layer.bias, 2, 1)
        ours = convolution._Doubling.apply(x, layer.weight, layer.bias)
    assert torch.equal(ours, plain)
    sought = [x, *layer.parameters()]
    towards = drawn(*plain.shape, seed=1)
    expected = torch.autograd.grad(plain, sought, towards)
    found = torch.autograd.grad(ours, sought, towards)
    for one, other in zip(found, expected, strict=True):
        assert close(one, other, 1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_few_channels_are_parted_into_the_same_pixels(shape):
    n, height, width = shape
    x, layer = drawn(n, 20, height, width), DoublingConv(20, 6)
    plain = F.conv_transpose2d(x, layer.weight, layer.bias, 2, 1)
    assert layer(x).shape == plain.shape and close(layer(x), plain, 1e-5)


def test_a_layer_without_gradients_or_autocasting_is_the_plain_one():
    x, layer = drawn(2, 40, 8, 8), HalvingConv(40, 48)
    assert layer(x).grad_fn.name() == "ConvolutionBackward0"
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).grad_fn.name() == "_HalvingBackward"
        assert layer.eval()(x).grad_fn.name() == "ConvolutionBackward0"
        few = HalvingConv(3, 48)
        assert few(drawn(2, 3, 8, 8)).grad_fn.name() == "ConvolutionBackward0"


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("kind", [HalvingConv, KeepingConv, DoublingConv])
def test_narrow_images_hold_in_bfloat16(kind, width):
    layer, x = kind(4, 8), drawn(20, 4, 14, width).requires_grad_()
    plain = layer(x)
    towards = drawn(*plain.shape, seed=1)
    expected = torch.autograd.grad(plain, [x, layer.weight], towards)
    for _ in range(20):  # what nobody has written differs from time to time
        waste = [torch.full((size,), torch.nan) for size in (500, 5000, 50_000)]
        del waste
        with torch.autocast("cpu", torch.bfloat16):
            said = layer(x).float()
        assert close(said, plain, 0.02)
        found = torch.autograd.grad(said, [x, layer.weight], towards)
        for one, other in zip(found, expected, strict=True):
            assert close(one, other, 0.02)


def test_training_in_bfloat16_follows_float32():
    X = np.random.default_rng(0).integers(0, 256, (200, 16, 16, 3)).astype(np.uint8)
    X[..., 1:] = X[..., :1] // 2  # something to learn
    losses = []
    for precision in ("float32", "bfloat16"):
        encoder = ConvAutoencoder(
            n_components=64,
            hidden_channels=(32,),
            noise=0,
            mask_fraction=0,
            augment=None,
            max_epochs=8,
            precision=precision,
            random_state=0,
        )
        losses.append(encoder.fit(X).history_["loss"])
    assert losses[0][-1] < 0.9 * losses[0][0]
    assert np.allclose(losses[1], losses[0], rtol=0.02)


@pytest.mark.parametrize(
    "shape", [(8, 3, 32, 32), (5, 1, 8, 8), (4, 3, 13, 51), (3, 1, 1, 20)]
)
def test_whitening_is_the_formula(shape):
    x, whitening = drawn(*shape), LocalWhitening((*shape[2:], shape[1]))
    whitening.kernel.normal_(generator=torch.Generator().manual_seed(1))
    white = whitening(x)
    assert white.shape == x.shape
    expected = plain_torch.whitened(x, whitening.kernel)
    torch.testing.assert_close(white, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("at_once", [2**20, 1])
def test_the_error_is_that_of_torch(monkeypatch, dtype, at_once):
    monkeypatch.setattr(targets, "_BYTES", at_once)
    pixels, white, image = drawn(7, 3, 8, 9), drawn(7, 3, 8, 9), drawn(7, 6, 8, 9)
    image = image.to(dtype).requires_grad_()
    expected = (image.float() - torch.cat([pixels, white], 1)).square().mean()
    found = mean_squared_error(image, (pixels, white))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    (ours,) = torch.autograd.grad(3 * found, image)
    (plain,) = torch.autograd.grad(3 * expected, image)
    assert ours.dtype == dtype
    assert close(ours, plain, 1e-5 if dtype == torch.float32 else 2e-2)


def test_the_error_of_millions_of_pixels_is_exact():
    image, target = drawn(64, 3, 128, 128), drawn(64, 3, 128, 128, seed=1)
    exact = (image.double() - target.double()).square().mean().item()
    found = mean_squared_error(image, (target,)).item()
    assert found == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("height", [1, 2, 8])
@pytest.mark.parametrize("channels", [(1, 4), (16, 16), (40, 48)])
def test_gradients_of_narrow_images_do_not_read_what_nobody_wrote(height, channels):
    layer = HalvingConv(*channels)
    x = drawn(9, channels[0], height, 1).to(torch.bfloat16)
    plain = F.conv2d(x.float(), layer.weight, None, 2, 1)
    towards = drawn(*plain.shape, seed=1)
    (expected,) = torch.autograd.grad(plain, layer.weight, towards)
    for _ in range(20):
        # what is freed lies in the memory that is given out next
        for size in 50 * (8, 64, 512, 4096):
            torch.full((size,), float("nan"))
        with torch.autocast("cpu", torch.bfloat16):
            ours = layer(x)
        (found,) = torch.autograd.grad(ours, layer.weight, towards.to(ours.dtype))
        assert close(found, expected, 0.03)
