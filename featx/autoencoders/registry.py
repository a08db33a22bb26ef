"""Autoencoders and controls by the names they have on the command line."""

from __future__ import annotations

from collections.abc import Callable

from sklearn.base import BaseEstimator

from featx.autoencoders.compact import CompactAutoencoder
from featx.autoencoders.conv import ConvAutoencoder, ConvTransformer
from featx.autoencoders.patch import PatchAutoencoder
from featx.autoencoders.predictive import PredictiveAutoencoder
from featx.autoencoders.raw import RawPixels
from featx.autoencoders.untrained import UntrainedAutoencoder
from featx.catalog import ENCODERS
from featx.errors import unknown_name


def _pca() -> BaseEstimator:
    # Here, not on top: they import much of scikit-learn, and the others need neither.
    from sklearn.decomposition import PCA
    from sklearn.pipeline import Pipeline

    return Pipeline([("raw", RawPixels()), ("pca", PCA(random_state=0))])


_KINDS: dict[str, Callable[[], BaseEstimator]] = {
    "raw": RawPixels,
    "pca": _pca,
    "untrained": UntrainedAutoencoder,
    "random-patches": lambda: PatchAutoencoder(max_epochs=0),
    "patch": PatchAutoencoder,
    "compact": CompactAutoencoder,
    "predictive": PredictiveAutoencoder,
    "conv": ConvAutoencoder,
}
_MOST_PIXELS = 4096  # whose covariance PCA can decompose in seconds
_MOST_DECOMPOSED = 1024  # images, likewise, where they have more pixels


def make_encoder(name: str, *, n_images: int, n_pixels: int) -> BaseEstimator:
    """Build an unfitted encoder with its defaults.

    Parameters
    ----------
    name : str
        Its name on the command line: raw, pca, untrained, random-patches, patch,
        compact, predictive or conv.
    n_images, n_pixels : int
        Training images and values per image. PCA keeps 90 % of the variance; where both
        are large, 256 components.

    Returns
    -------
    estimator
        A transformer of images.

    Raises
    ------
    ParameterError
        If the name is not known.

    Examples
    --------
    >>> make_encoder("conv", n_images=100, n_pixels=64)
    ConvAutoencoder()
    """
    if name not in _KINDS:
        raise unknown_name("encoder", name, ENCODERS)
    encoder = _KINDS[name]()
    if name == "pca" and n_images < n_pixels and n_images <= _MOST_DECOMPOSED:
        encoder.set_params(pca__n_components=0.9, pca__svd_solver="full")
    elif name == "pca" and n_pixels <= _MOST_PIXELS:
        encoder.set_params(pca__n_components=0.9, pca__svd_solver="covariance_eigh")
    elif name == "pca":
        encoder.set_params(pca__n_components=256, pca__svd_solver="randomized")
    return encoder


def describe_choices(encoder: BaseEstimator) -> str:
    """Say what a fitted encoder chose for its images; empty if there was no choice.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().images
    >>> describe_choices(PatchAutoencoder(max_epochs=0, random_state=0).fit(X))
    '449 filters of 6 x 6 pixels, images as they are, cpu'
    >>> describe_choices(UntrainedAutoencoder().fit(X))
    '64 channels, images as they are, cpu'
    """
    choices = []
    if isinstance(encoder, CompactAutoencoder | PredictiveAutoencoder):
        choices.append(f"{len(encoder.ratios_)} features")
    if isinstance(encoder, CompactAutoencoder):
        encoder = encoder.encoder_
    if isinstance(encoder, PatchAutoencoder):
        height, width = encoder.patch_shape_
        filters = " + ".join(map(str, encoder.n_filters_))
        choices.append(f"{filters} filters of {height} x {width} pixels")
        if encoder.scales_ > 1:
            choices.append(f"at {encoder.scales_} resolutions")
        if encoder.downsample_ > 1:
            choices.append(f"of images reduced {encoder.downsample_} times")
    elif isinstance(encoder, ConvTransformer | PredictiveAutoencoder):
        choices.append("-".join(map(str, encoder.channels_)) + " channels")
        if getattr(encoder, "n_iter_", 0):
            choices.append(f"{encoder.n_iter_} epochs")
    else:
        return ""
    mirrored = encoder.augment_ == "flip"
    choices.append(
        "images and their mirror images" if mirrored else "images as they are"
    )
    return ", ".join([*choices, encoder.device_])
