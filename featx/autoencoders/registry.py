"""Encoders by the names they have on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sklearn.base import BaseEstimator

from featx.autoencoders.compact import CompactAutoencoder
from featx.autoencoders.conv import ConvAutoencoder, ConvTransformer
from featx.autoencoders.patch import PatchAutoencoder
from featx.autoencoders.predictive import PredictiveAutoencoder
from featx.autoencoders.raw import RawPixels
from featx.autoencoders.untrained import UntrainedAutoencoder
from featx.catalog import DEFAULT_ENCODERS, ENCODERS
from featx.errors import ParameterError, unknown_name
from featx.machine import check_device


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


def make_encoders(
    names: Sequence[str] = DEFAULT_ENCODERS,
    *,
    n_images: int,
    n_pixels: int,
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, BaseEstimator]:
    """Build several unfitted encoders and set their parameters.

    Parameters
    ----------
    names : sequence of str
        Their names on the command line; by default those that ``featx bench`` compares.
    n_images, n_pixels : int
        Training images and values per image.
    options : mapping of str to object, optional
        Parameters for every encoder that has them, such as `random_state`.
    settings : mapping of str to object, optional
        Parameters that at least one of the encoders must have; ``"conv.batch_size"``
        reaches just one of them.

    Returns
    -------
    dict of str to estimator
        The encoders by name.

    Raises
    ------
    ParameterError
        If a name or a parameter is not known.

    Examples
    --------
    >>> make_encoders(
    ...     ["raw", "conv"],
    ...     n_images=9,
    ...     n_pixels=64,
    ...     options={"random_state": 0},
    ...     settings={"max_epochs": 3},
    ... )
    {'raw': RawPixels(), 'conv': ConvAutoencoder(max_epochs=3, random_state=0)}
    """
    encoders = {
        name: make_encoder(name, n_images=n_images, n_pixels=n_pixels) for name in names
    }
    for key, value in (options or {}).items():
        for name in encoders:
            _set(encoders, name, key, value)
    for key, value in (settings or {}).items():
        owner, _, parameter = key.rpartition(".")
        if owner and owner not in encoders:
            raise unknown_name("encoder", owner, encoders)
        chosen = [owner] if owner else list(encoders)
        if not any([_set(encoders, name, parameter, value) for name in chosen]):
            known = sorted({p for name in chosen for p in _parameters(encoders[name])})
            raise (
                unknown_name("parameter", parameter, known)
                if known
                else ParameterError(
                    f"Got parameter {parameter!r}, but {', '.join(names)} has none."
                )
            )
    return encoders


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


def _parameters(encoder: BaseEstimator) -> dict[str, str]:
    """Names people use, and the full names that `set_params` wants."""
    known = {}
    for full in encoder.get_params():
        short = full.rpartition("__")[2]
        if full not in ("raw", "pca", "steps", "memory", "transform_input", "verbose"):
            known[short] = full
    return known


def _set(
    encoders: Mapping[str, BaseEstimator], name: str, parameter: str, value: Any
) -> bool:
    full = _parameters(encoders[name]).get(parameter)
    if full is None or (name, parameter) == ("random-patches", "max_epochs"):
        return False  # that control stays untrained
    if parameter == "device":  # what is cached would not ask for it
        check_device(value)
    encoders[name].set_params(**{full: value})
    return True
