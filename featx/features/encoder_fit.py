"""Fit an encoder, here or together with other processes, and say how that went."""

from __future__ import annotations

import json
import secrets
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from featx.autoencoders.registry import describe_choices
from featx.errors import FeatxError, ParameterError
from featx.features.digest import UnknownContentError, digest_estimator
from featx.features.progress import Progress, training_progress
from featx.images import ImageSet

if TYPE_CHECKING:
    from featx.autoencoders.processes import Processes


def fit_encoder(
    encoder: BaseEstimator, images: ImageSet, name: str, progress: Progress | None
) -> dict[str, Any]:
    """Fit an encoder; return what its manifest says."""
    params = plain_params(encoder)
    start = time.perf_counter()
    with training_progress(encoder, name, progress):
        _fit(encoder, images, name)
    try:
        digest = digest_estimator(encoder)
    except UnknownContentError:
        digest = secrets.token_hex(32)  # its features are found by nobody else
    return {
        "what": f"{name} on {len(images):,} images",
        "params": params,
        "images": images.digest,
        "digest": digest,
        "train_seconds": time.perf_counter() - start,
        "history": getattr(encoder, "history_", {}),
        "choices": describe_choices(encoder),
    }


def fit_along(encoder: BaseEstimator, images: ImageSet, name: str) -> None:
    """Take a share of the trainings of the first process, until it tells of the end."""
    while broadcast_word() == "fit":
        _fit(encoder, images, name)


def _fit(encoder: BaseEstimator, images: ImageSet, name: str) -> None:
    try:
        with np.errstate(invalid="ignore"):  # PCA of constant images: a share of none
            encoder.fit(images.X)
    except FeatxError:
        raise
    except ValueError as error:  # scikit-learn's own check of a parameter
        raise ParameterError(f"The encoder {name} cannot be fitted: {error}") from error


def processes() -> Processes | None:
    """Return those that train together, of which this is one; None without torch."""
    if "torch" not in sys.modules:
        return None
    from featx.autoencoders.processes import Processes

    return Processes()


def is_first() -> bool:
    """Whether this process is the only one, or the first of those that train together."""
    together = processes()
    return together is None or together.rank == 0


def broadcast_word(word: str = "") -> str:
    """Send a word from the first of the processes that train together to the others."""
    together = processes()
    return word if together is None else together.broadcast(word)


def plain_params(estimator: BaseEstimator) -> dict[str, Any]:
    """Parameters of an estimator as JSON can hold them, nested steps by their names."""
    params = estimator.get_params()
    kinds = {
        name: type(value).__name__
        for name, value in params.items()
        if isinstance(value, BaseEstimator)
    }
    flat = {
        name: value
        for name, value in params.items()
        if name not in kinds and name not in ("steps", "memory")
    }
    plain: dict[str, Any] = json.loads(json.dumps(flat, default=_in_short))
    return {"class": type(estimator).__name__} | kinds | plain


def _in_short(value: object) -> str:
    """Write what JSON has no word for: as text, or as its name where that says more.

    >>> _in_short(len), _in_short(np.eye(2))
    ('len', 'ndarray')
    """
    text = str(value)
    if "\n" not in text and " at 0x" not in text and not text.startswith("<"):
        return text
    return str(getattr(value, "__name__", type(value).__name__))


def unseeded(encoder: BaseEstimator) -> str:
    """Say which parameter makes every fit another one; empty if none does.

    ParameterError if one is a generator, whose state no later run could find again.
    """
    found = ""
    for parameter, value in encoder.get_params().items():
        if isinstance(value, np.random.RandomState):
            raise ParameterError(
                f"Got {parameter} as a RandomState, but what is cached must be found "
                "again. Use an integer."
            )
        if parameter.rpartition("__")[2] == "random_state" and value is None:
            found = found or (
                f"With {parameter}=None every fit differs. Give an integer, such as "
                f"{parameter}=0."
            )
    return found
