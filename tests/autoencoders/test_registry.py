import numpy as np
import pytest

from featx.autoencoders import registry
from featx.autoencoders.registry import ENCODERS, make_encoder
from featx.encoders import make_encoders
from featx.errors import ParameterError


def build(names, options=None, settings=None):
    return make_encoders(
        names, n_images=50, n_pixels=64, options=options or {}, settings=settings or {}
    )


def test_every_name_builds_an_unfitted_transformer():
    assert ENCODERS == tuple(registry._KINDS)
    for name in ENCODERS:
        assert hasattr(make_encoder(name, n_images=9, n_pixels=9), "transform")


@pytest.mark.parametrize("n_images", [12, 300])
def test_pca_keeps_nine_tenths_of_the_variance(n_images):
    X = np.random.default_rng(0).normal(size=(n_images, 30)) * ([9.0] * 10 + [0.1] * 20)
    pca = make_encoder("pca", n_images=n_images, n_pixels=30).fit(X)
    assert 5 <= pca.transform(X).shape[1] <= 10
    assert pca.named_steps["pca"].explained_variance_ratio_.sum() >= 0.9


def test_pca_of_many_large_images_has_a_fixed_number_of_components():
    pca = make_encoder("pca", n_images=10**5, n_pixels=10**5).named_steps["pca"]
    assert (pca.n_components, pca.svd_solver) == (256, "randomized")


def test_pca_of_constant_images_is_finite():
    X = np.full((20, 4, 4), 7, np.uint8)
    with np.errstate(invalid="ignore"):  # a share of no variance
        features = make_encoder("pca", n_images=20, n_pixels=16).fit_transform(X)
    assert np.isfinite(features).all()


def test_options_reach_what_has_them_and_settings_one_encoder():
    encoders = build(
        ["raw", "pca", "conv", "untrained"],
        {"random_state": 7, "max_epochs": 2},
        {"conv.n_components": 8, "n_components": 5, "svd_solver": "full"},
    )
    assert encoders["pca"].named_steps["pca"].random_state == 7
    assert encoders["conv"].max_epochs == 2
    assert encoders["conv"].n_components == encoders["untrained"].n_components == 5
    assert encoders["pca"].named_steps["pca"].svd_solver == "full"


@pytest.mark.parametrize("how", ["options", "settings"])
def test_random_patches_stay_untrained(how):
    encoders = build(["patch", "random-patches"], **{how: {"max_epochs": 3}})
    assert encoders["patch"].max_epochs == 3
    assert encoders["random-patches"].max_epochs == 0


@pytest.mark.parametrize(
    ("names", "settings", "words"),
    [
        (["convv"], {}, "encoder 'convv', but expected one of .* Did you mean 'conv'"),
        (["conv"], {"n_component": 3}, "Did you mean 'n_components'"),
        (["conv"], {"raw.max_epochs": 3}, "encoder 'raw', but expected one of conv"),
        (["conv"], {"steps": 3}, "parameter 'steps', but expected one of augment"),
    ],
)
def test_unknown_names(names, settings, words):
    with pytest.raises(ParameterError, match=words):
        build(names, settings=settings)
