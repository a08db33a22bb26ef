"""Digests: what a fitted encoder is, in 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
import json
import sys
from types import FunctionType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from featx.features.code import UnknownCodeError, code_of, full_name

# what an estimator remembers without its features depending on it: any, and one of ours
_BOOKKEEPING = {"_sklearn_version", "_skl_callbacks"}
_IRRELEVANT = _BOOKKEEPING | {"device", "device_", "history_", "memory", "verbose"}


class UnknownContentError(TypeError):
    """Something that cannot be told from something else by its content."""


def digest_json(value: object) -> str:
    """SHA-256 of plain data, whatever the order of its keys.

    Examples
    --------
    >>> digest_json({"a": 1, "b": [2]}) == digest_json({"b": [2], "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_array(values: np.ndarray) -> str:
    """SHA-256 of the values of an array, whatever its shape or layout in memory.

    Examples
    --------
    >>> values = np.arange(6).reshape(2, 3)
    >>> digest_array(values) == digest_array(np.asfortranarray(values))
    True
    """
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()


def digest_params(estimator: BaseEstimator) -> str:
    """SHA-256 of everything that a fit of an estimator depends on but the images.

    Equal for equal code and parameters in any process, fitted or not, with whatever
    callbacks. ``16`` and ``"16"`` differ, and so do steps in another order.

    Raises
    ------
    UnknownContentError
        If it holds something whose content cannot be told, such as an open file.

    Examples
    --------
    >>> from featx import RawPixels
    >>> digest_params(RawPixels()) == digest_params(RawPixels(image_shape=(8, 8)))
    False
    """
    try:
        unfitted = clone(estimator)
    except (TypeError, RuntimeError) as error:  # as copy and scikit-learn refuse
        raise UnknownContentError(f"It cannot be copied: {error}.") from error
    return _digest(unfitted)


def digest_estimator(estimator: BaseEstimator) -> str:
    """SHA-256 of everything the features of a fitted estimator depend on.

    Equal for equal code, parameters and weights in any process.

    Raises
    ------
    UnknownContentError
        If the state holds something whose content cannot be told.
    """
    return _digest(estimator)


def _digest(value: object) -> str:
    digest = hashlib.sha256()
    try:
        _update(digest, value)
    except UnknownCodeError as error:
        raise UnknownContentError(str(error)) from error
    except RecursionError as error:
        raise UnknownContentError(
            "Got an encoder that holds itself, but expected plain parts."
        ) from error
    return digest.hexdigest()


def _put(digest: Any, *parts: str | bytes) -> None:
    """Add parts so that no others, put together, give the same."""
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)


def _update(digest: Any, value: Any) -> None:
    kind = type(value)
    _put(digest, full_name(kind))
    if value is None or kind in (bool, int, float, complex, str, bytes):
        _put(digest, repr(value))
    elif kind in (list, tuple):
        _put(digest, str(len(value)))
        for item in value:
            _update(digest, item)
    elif kind is dict:
        _update(digest, [*value.items()])
    elif kind in (set, frozenset):
        _update(digest, sorted(map(_digest, value)))
    elif kind in (np.ndarray, np.memmap) or isinstance(value, np.generic):
        _update_array(digest, value)
    elif isinstance(value, type | FunctionType):
        _put(digest, *code_of(value))
    elif isinstance(value, BaseEstimator):
        ours = kind.__module__.startswith(("featx.", "sklearn."))
        without = _IRRELEVANT if ours else _BOOKKEEPING
        state = value.__getstate__()
        _put(digest, *code_of(kind))
        _update(digest, sorted((k, v) for k, v in state.items() if k not in without))
    elif "torch" in sys.modules and isinstance(value, sys.modules["torch"].Tensor):
        _update_tensor(digest, value)
    else:
        _update_object(digest, value)


def _update_array(digest: Any, value: np.ndarray | np.generic) -> None:
    _put(digest, repr(np.lib.format.dtype_to_descr(value.dtype)), str(value.shape))
    if value.dtype == object:
        _update(digest, np.ravel(value).tolist())
    elif value.dtype.hasobject:
        raise _unknown(value)
    else:
        _put(digest, np.ascontiguousarray(value).tobytes())


def _update_tensor(digest: Any, value: Any) -> None:
    import torch

    if torch.nn.parameter.is_lazy(value):
        _put(digest, "lazy")  # what its layer is says the rest
        return
    if value.layout is not torch.strided or value.is_quantized:
        raise _unknown(value)
    _put(digest, str(value.dtype), str(value.shape), str(value.requires_grad))
    plain = value.detach().cpu().contiguous().view(-1).view(torch.uint8)
    _put(digest, plain.numpy().tobytes())


def _update_object(digest: Any, value: Any) -> None:
    """Any other object is what it can be rebuilt from."""
    if isinstance(value, np.ufunc):
        name = str(value.__name__)
        if getattr(np, name, None) is not value:
            raise _unknown(value)
        _put(digest, name, np.__version__)
        return
    try:
        parts = value.__reduce_ex__(4)
    except Exception as error:  # whatever an object raises that cannot be rebuilt
        raise _unknown(value) from error
    if isinstance(parts, str):
        _put(digest, str(getattr(value, "__module__", None)), parts)
    else:
        items = [None if part is None else [*part] for part in parts[3:5]]
        _update(digest, [*parts[:3], *items])


def _unknown(value: object) -> UnknownContentError:
    return UnknownContentError(
        f"Got {type(value).__name__} in the state of an encoder, but expected arrays, "
        "numbers, text and objects made of them."
    )
