"""All encoders by the names they have on the command line: ours, and anyone's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import FeatureUnion

from featx.autoencoders.base import ImageTransformer
from featx.autoencoders.registry import make_encoder
from featx.catalog import DEFAULT_ENCODERS, ENCODERS, REFERENCE, SOURCES
from featx.encoders.networks import VARIABLE, pretrained, weights_at_hand
from featx.encoders.torch_encoder import TorchEncoder
from featx.errors import ParameterError, unknown_name
from featx.machine import check_device
from featx.own_code import import_named, made
from featx.plugins import ENCODERS_GROUP, load_plugin, plugins


def default_encoders() -> tuple[list[str], str]:
    """List the encoders that are compared with nothing else said.

    A pretrained network is among them where its weights are on this machine; else a line
    says how to add it.
    """
    if weights_at_hand(REFERENCE):
        return [*DEFAULT_ENCODERS, REFERENCE], ""
    name = REFERENCE.partition(":")[2]
    return [*DEFAULT_ENCODERS], (
        f"With its weights, {REFERENCE} would stand beside them: put {name}.pth or "
        f"{name}.safetensors into a folder, and name that in {VARIABLE}."
    )


def make_any_encoder(name: str, *, n_images: int, n_pixels: int) -> BaseEstimator:
    """Build an unfitted encoder, see `make_encoders`."""
    if "+" in name:
        names = [one.strip() for one in name.split("+")]
        if not all(names) or len({*names}) < len(names) or "__" in name:
            raise ParameterError(
                f"Got encoder {name!r}, but expected different names with a + between, "
                "none with __, and no file in a folder with a +."
            )
        return FeatureUnion(
            [
                (one, make_any_encoder(one, n_images=n_images, n_pixels=n_pixels))
                for one in names
            ]
        )
    added = plugins(ENCODERS_GROUP)
    if name not in ENCODERS and name in added:
        return as_encoder(load_plugin(added[name]), name)
    if ":" not in name and name not in ENCODERS:
        raise unknown_name("encoder", name, [*ENCODERS, *added])
    if ":" not in name:
        return make_encoder(name, n_images=n_images, n_pixels=n_pixels)
    where, _, what = name.partition(":")
    if where in SOURCES:
        return pretrained(name)
    if where.startswith("torchvision.models"):
        raise ParameterError(
            f"Got encoder {name!r}, which has random weights, but expected a network that "
            f"has learned. Use torchvision:{what}, with --weights for a file of your own."
        )
    return as_encoder(import_named(name), name)


def as_encoder(thing: Any, name: str) -> BaseEstimator:
    """Make a transformer of what a user named: one, a torch module, or what makes either.

    Raises
    ------
    ParameterError
        If it is neither, or raises an error.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> as_encoder(StandardScaler, "sklearn.preprocessing:StandardScaler")
    StandardScaler()
    """
    encoder = made(thing, name) if _makes_one(thing) else thing
    if _is_module(encoder):
        # a function is kept as such: what it makes can be made again
        return TorchEncoder(encoder if _is_module(thing) else thing)
    for method in ("fit", "transform", "get_params"):
        if not hasattr(encoder, method):
            raise ParameterError(
                f"Got encoder {name!r}, which gives {type(encoder).__name__} without "
                f"{method}, but expected a transformer of scikit-learn, a torch module, or "
                "what makes one."
            )
    return clone(encoder)


def _makes_one(thing: Any) -> bool:
    """Whether it is a class or a function, not what they make."""
    return isinstance(thing, type) or not (hasattr(thing, "fit") or _is_module(thing))


def _is_module(thing: Any) -> bool:
    import sys

    torch = sys.modules.get("torch")  # without it nothing is a module of it
    return torch is not None and isinstance(thing, torch.nn.Module)


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
        Beside those of featx, ``"torchvision:resnet18"`` and ``"timm:NAME"`` are pretrained
        networks, and ``"package.module:Thing"`` or ``"file.py:Thing"`` a transformer, a
        torch module, or a class or function that makes one. ``"patch+predictive"`` are the
        features of both, side by side.
    n_images, n_pixels : int
        Training images and values per image.
    options : mapping of str to object, optional
        Parameters for every encoder of featx that has them, such as `device`; a seed,
        `random_state`, for every encoder that has none.
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
    MissingDataError
        If there is no such file.

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
        name: make_any_encoder(name, n_images=n_images, n_pixels=n_pixels)
        for name in names
    }
    for key, value in (options or {}).items():
        for name in encoders:
            _set(encoders, name, key, value, asked=False)
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


def _parameters(encoder: BaseEstimator) -> dict[str, list[str]]:
    """Names people use, and the full names that `set_params` wants."""
    known: dict[str, list[str]] = {}
    for full in encoder.get_params():
        short = full.rpartition("__")[2]
        if full not in ("raw", "pca", "steps", "memory", "transform_input", "verbose"):
            known.setdefault(short, []).append(full)
    return known


def _set(
    encoders: Mapping[str, BaseEstimator],
    name: str,
    parameter: str,
    value: Any,
    *,
    asked: bool = True,
) -> bool:
    """Set a parameter wherever an encoder has it; say whether it has.

    If nobody asked for that, only where featx knows what it means: in its own encoders; of
    others a seed, where there is none.
    """
    params = encoders[name].get_params()
    full = _parameters(encoders[name]).get(parameter, [])
    ours = all(one.strip() in ENCODERS for one in name.split("+"))
    if not asked and not ours and parameter == "random_state":
        full = [one for one in full if params[one] is None]
    elif not asked and not ours:
        full = [
            one
            for one in full
            if isinstance(
                params.get(one.rpartition("__")[0], encoders[name]), ImageTransformer
            )
        ]
    if parameter == "max_epochs":  # that control stays untrained
        untrained = ("random-patches", "random-patches__max_epochs")
        full = [one for one in full if name != untrained[0] and one != untrained[1]]
    if not full:
        return False
    if parameter == "device":  # what is cached would not ask for it
        check_device(value)
    encoders[name].set_params(**dict.fromkeys(full, value))
    return True
