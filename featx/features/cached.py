"""What the cache hands out: fitted encoders and features."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class CachedEncoder:
    """A fitted encoder and where it came from.

    Parameters
    ----------
    load : callable
        Gives the fitted transformer; `encoder` is what it gave, and asks for it once. So
        what travels to another process is small.
    params : dict
        Its parameters as plain data.
    choices : str
        What it chose for these images, for people; empty if nothing.
    key, digest : str
        Name of the entry; hash of parameters and weights.
    train_seconds : float
        Wall time of the training when it was done.
    history : dict
        Loss curves; empty for encoders without training.
    cached : bool
        True if nothing was trained this time.

    Examples
    --------
    >>> import tempfile
    >>> from featx import FeatureCache, RawPixels, encode, load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digits = load_dataset("digits", cache_dir=folder, limit=20)
    ...     encoded = encode(digits, RawPixels(), cache=FeatureCache(folder))
    >>> encoded.encoder.train_seconds >= 0, encoded.encoder.history
    (True, {})
    """

    load: Callable[[], BaseEstimator]
    params: dict[str, Any]
    choices: str
    key: str
    digest: str
    train_seconds: float
    history: dict[str, list[float]]
    cached: bool

    @classmethod
    def of(
        cls,
        key: str,
        manifest: dict[str, Any],
        load: Callable[[], BaseEstimator] | None = None,
        fitted: BaseEstimator | None = None,
    ) -> CachedEncoder:
        """Make one of a manifest and what loads it, or of what was just fitted."""
        names = ("params", "choices", "digest", "train_seconds", "history")
        said = {name: manifest[name] for name in names}
        load = load or partial(_same, fitted)
        found = cls(load=load, key=key, cached=fitted is None, **said)
        if fitted is not None:
            vars(found)["encoder"] = fitted
        return found

    @cached_property
    def encoder(self) -> BaseEstimator:
        """The fitted transformer; what is cached need not be read until it is used."""
        return self.load()

    def to_dict(self) -> dict[str, Any]:
        """Summarize the training as plain data."""
        names = ("key", "choices", "train_seconds", "history", "cached")
        return {name: getattr(self, name) for name in names}

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _same(encoder: BaseEstimator) -> BaseEstimator:
    return encoder


@dataclass(frozen=True)
class CachedFeatures:
    """A feature array and where it came from.

    Parameters
    ----------
    X : memmap of float32, shape (n, n_features)
        One row per image, read-only. Where `gone`, the name of the file.
    y : ndarray of int64, shape (n,)
        Labels.
    ids : ndarray of str, shape (n,)
        The images' names.
    key : str
        Name of the entry.
    encode_seconds : float
        Wall time of the encoding when it was done.
    n_encoded : int
        Images that were encoded this time; the others were found in the cache.

    Examples
    --------
    >>> import tempfile
    >>> from featx import FeatureCache, RawPixels, encode, load_dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digits = load_dataset("digits", cache_dir=folder, limit=20)
    ...     encoded = encode(digits, RawPixels(), cache=FeatureCache(folder))
    >>> encoded.train.X.shape, encoded.train.y.shape
    ((20, 64), (20,))
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    ids: NDArray[np.str_]
    key: str
    encode_seconds: float
    n_encoded: int

    @property
    def cached(self) -> bool:
        """True if nothing was encoded this time."""
        return self.n_encoded == 0

    @property
    def file(self) -> str:
        """Path of the array; empty where it is in memory."""
        return str(getattr(self.X, "filename", ""))

    @property
    def gone(self) -> bool:
        """True if they came from another process and the file was removed on the way."""
        return isinstance(self.X, Path)

    def __getstate__(self) -> dict[str, Any]:
        """Give what travels to another process: a file's name, not what is in it."""
        return vars(self) | ({"X": Path(self.file)} if self.file else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if isinstance(state["X"], Path):
            with suppress(FileNotFoundError):
                vars(self)["X"] = np.load(state["X"], mmap_mode="r")
