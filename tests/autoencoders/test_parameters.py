"""Parameters that make no sense are refused in one line, whatever their type."""

import numpy as np
import pytest

from featx import ConvAutoencoder
from featx.encoders.registry import make_encoders
from featx.errors import ParameterError

X = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), np.uint8)


def build(encoder, **settings):
    options = {"random_state": 0, "device": "cpu"}
    size = {"n_images": 30, "n_pixels": 64}
    (made,) = make_encoders(
        [encoder], options=options, settings=settings, **size
    ).values()
    return made


@pytest.mark.parametrize(
    ("encoder", "settings", "words"),
    [
        ("conv", {"hidden_channels": 5}, "hidden_channels=5, but expected 'auto' or a"),
        (
            "conv",
            {"hidden_channels": None},
            "hidden_channels=None, but expected 'auto'",
        ),
        ("untrained", {"hidden_channels": {"a": 1}}, "hidden_channels={'a': 1}, but"),
        ("conv", {"hidden_channels": [[4, 8]]}, r"hidden_channels=\[4, 8\], but"),
        ("raw", {"image_shape": 64}, "image_shape=64, but expected"),
        ("patch", {"image_shape": "8x8"}, "image_shape='8x8', but expected"),
        ("conv", {"image_shape": [8, "8"]}, r"image_shape=\[8, '8'\], but expected"),
        ("conv", {"image_shape": [-8, -8]}, r"image_shape=\[-8, -8\], but expected"),
        ("conv", {"image_shape": [2**62, 4, 16]}, "but expected"),
        (
            "conv",
            {"learning_rate": float("inf")},
            "learning_rate=inf, .* from 1e-12 to",
        ),
        ("conv", {"learning_rate": 1e300}, r"learning_rate=1e\+300, but expected"),
        ("conv", {"learning_rate": float("nan")}, "of at least 1e-12"),
        ("conv", {"batch_size": 10**400}, "batch_size=1000.*0000, but expected an int"),
        ("conv", {"noise": float("inf")}, "noise=inf, but expected a number from 0 to"),
        ("conv", {"n_components": 2**31 - 1}, "n_components=2147483647, .* to 1048576"),
        ("patch", {"threshold": 1e300}, "threshold=1e"),
        (
            "patch",
            {"scales": 10**9},
            "scales=1000000000, but expected an integer from 1",
        ),
        ("patch", {"downsample": 2**31 - 1}, "downsample=2147483647, .* from 1 to 8"),
        ("conv", {"early_stopping": "no"}, "early_stopping='no', but expected true or"),
        ("conv", {"device": "cpu:99"}, "device 'cpu:99', but expected one of"),
        ("conv", {"device": "cuda:٣"}, "device 'cuda:٣', but expected one of"),
        ("conv", {"device": ["cpu"]}, r"device \['cpu'\], but expected one of"),
    ],
)
def test_a_value_of_no_use_is_refused(encoder, settings, words):
    with pytest.raises(ParameterError, match=words) as caught:
        build(encoder, **settings).fit(X)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_block_larger_than_the_image_hides_all_of_it():
    for size in (8, 2**31 - 1):
        fitted = build("conv", mask_size=size, max_epochs=1).fit(X)
        assert fitted.mask_size_ == 8


def test_a_plan_refuses_what_a_fit_refuses():
    with pytest.raises(ParameterError, match="max_epochs='many', but expected"):
        build("conv", max_epochs="many").cost(30, (8, 8, 1))


def test_lists_are_as_good_as_tuples():
    fitted = build("untrained", hidden_channels=[4, 6], image_shape=[8, 8, 1]).fit(X)
    assert fitted.channels_[:2] == (4, 6)


def test_verbose_is_a_number():
    with pytest.raises(ParameterError, match="verbose='loud', but expected an integer"):
        ConvAutoencoder(verbose="loud").fit(X)


@pytest.mark.parametrize(
    ("encoder", "parameter"),
    [
        ("conv", "noise"),
        ("patch", "whitening_eps"),
        ("patch", "threshold"),
    ],
)
def test_a_whole_number_is_as_good_as_another(encoder, parameter):
    """Beyond 64 bits torch takes no integer."""
    build(encoder, n_components=4, max_epochs=1, **{parameter: 10**20}).fit(X)
