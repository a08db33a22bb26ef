"""Digests: what a fitted encoder is, in 64 hexadecimal digits."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

# what an estimator remembers without its features depending on it
_IRRELEVANT = {"device", "device_", "history_", "verbose", "_sklearn_version"}


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


def digest_estimator(estimator: BaseEstimator) -> str:
    """SHA-256 of everything the features of a fitted estimator depend on.

    Parameters
    ----------
    estimator : estimator
        Fitted; a Pipeline of estimators too.

    Returns
    -------
    str
        64 hexadecimal digits, equal for equal parameters and weights in any process.

    Raises
    ------
    TypeError
        If the state holds something whose content cannot be told.
    """
    digest = hashlib.sha256()
    _update(digest, estimator)
    return digest.hexdigest()


def _update(digest: Any, value: Any) -> None:
    digest.update(f"{type(value).__module__}.{type(value).__qualname__}".encode())
    if isinstance(value, BaseEstimator):
        state = value.__getstate__()
        _update(digest, {k: v for k, v in state.items() if k not in _IRRELEVANT})
    elif isinstance(value, dict):
        for key in sorted(value):
            _update(digest, key)
            _update(digest, value[key])
    elif isinstance(value, list | tuple):
        digest.update(str(len(value)).encode())
        for item in value:
            _update(digest, item)
    elif isinstance(value, np.ndarray | np.generic) and value.dtype != object:
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif value is None or isinstance(value, bool | int | float | str | bytes):
        digest.update(repr(value).encode())
    else:
        raise TypeError(
            f"Got {type(value).__name__} in the state of an encoder, but expected "
            "arrays, numbers, text and containers of them."
        )
