import pytest

from featx.autoencoders.registry import ENCODERS, make_encoder, make_encoders
from featx.errors import ParameterError


def build(names, options=None, settings=None):
    return make_encoders(
        names, n_images=50, n_pixels=64, options=options or {}, settings=settings or {}
    )


def test_every_name_builds_an_unfitted_transformer():
    for name in ENCODERS:
        assert hasattr(make_encoder(name, n_images=9, n_pixels=9), "transform")


def test_pca_never_asks_for_more_components_than_there_are():
    assert build(["pca"])["pca"].named_steps["pca"].n_components == 50


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
