"""Fitting a comparison into the time there is: measure a little, then choose."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from featx.autoencoders import PatchAutoencoder
from featx.images import Dataset

_EPOCHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 50)
_FILTERS = (50, 100, 200, 400, 800, 1200, 1600)
_PROBE = 512  # images that the speed is measured on
_PROBE_PATCHES = 20_000
_QUADRATIC = ("svm", "knn")  # their time grows with the square of the images
_GRAM = ("ridge", "linear-svm")  # so does theirs, up to as many images as features


class Budget:
    """Seconds that a comparison may take, shared out as it goes.

    Parameters
    ----------
    seconds : float
        For the whole table, from now on.
    weights : dict of str to float
        How much of it each encoder and its classifiers should have, against the others.

    Examples
    --------
    >>> budget = Budget(90.0, {"raw": 1, "conv": 2})
    >>> round(budget.share("raw"))
    30
    >>> round(budget.share("conv"))  # raw is done, and took no time
    90
    """

    def __init__(self, seconds: float, weights: dict[str, float]) -> None:
        self._end = time.perf_counter() + seconds
        self._weights = dict(weights)

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - time.perf_counter())

    def share(self, name: str) -> float:
        """Seconds for an encoder and its classifiers; it must be the next one."""
        total = sum(self._weights.values())
        return self.left * self._weights.pop(name) / total


def fit_to(encoder: BaseEstimator, dataset: Dataset, seconds: float) -> BaseEstimator:
    """Choose epochs or filters so that training and encoding take about `seconds`.

    Parameters
    ----------
    encoder : estimator
        Unfitted. Parameters that are not ``"auto"`` stay as they are.
    dataset : Dataset
        Its training images are used for a short measurement.
    seconds : float
        For training and encoding both parts.

    Returns
    -------
    estimator
        Unfitted, with its choice set.
    """
    params = encoder.get_params()
    images = dataset.train.X[: min(_PROBE, len(dataset.train))]
    n_encoded = len(dataset.train) + len(dataset.test)
    if isinstance(encoder, PatchAutoencoder):
        if encoder.n_components != "auto":
            return encoder
        probe = clone(encoder).set_params(n_patches=_PROBE_PATCHES)
        none = _seconds(lambda: probe.set_params(max_epochs=0).fit(images))
        one = _seconds(lambda: probe.set_params(max_epochs=1).fit(images))
        n_patches = min(encoder.n_patches, 1000 * len(dataset.train))
        training = max(one - none, 0) * encoder.max_epochs * n_patches / _PROBE_PATCHES
        encoding = _seconds(lambda: probe.transform(images)) / len(images) * n_encoded
        usual = probe.n_filters_[0]
        wanted = seconds / (training + encoding) * usual
        steps = [n for n in _FILTERS if encoder.n_active <= n < usual]
        return clone(encoder).set_params(n_components=_largest([*steps, usual], wanted))
    if params.get("max_epochs") != "auto":
        return encoder
    probe = clone(encoder).set_params(max_epochs=1, early_stopping=False)
    one = _seconds(lambda: probe.fit(images))
    two = _seconds(lambda: probe.set_params(max_epochs=3).fit(images))
    pace = max((two - one) / 2, one / 10) / len(images)
    encoding = _seconds(lambda: probe.transform(images)) / len(images) * n_encoded
    wanted = (seconds - encoding) / (pace * len(dataset.train))
    usual = encoder._resolve_epochs(len(dataset.train))
    steps = [n for n in _EPOCHS if n < usual]
    return clone(encoder).set_params(max_epochs=_largest([*steps, usual], wanted))


def rows_within(
    name: str,
    make: Callable[[int], Pipeline],
    X: NDArray[Any],
    y: NDArray[np.int64],
    seconds: float,
    n_in_memory: int,
) -> NDArray[np.int64]:
    """Choose as many rows as a classifier can be fitted on in about `seconds`.

    Parameters
    ----------
    name : str
        Name of the classifier.
    make : callable
        Builds it for a number of rows.
    X : ndarray, shape (n, n_features)
        Features.
    y : ndarray of int64, shape (n,)
        Labels.
    seconds : float
        For the fit.
    n_in_memory : int
        Most rows, if they are not all.

    Returns
    -------
    ndarray of int64
        Rows in ascending order with every class among them, all n of them where the time
        allows it or there are fewer than 4,000.
    """
    n = len(y)
    if n < 4000:
        return np.arange(n)
    probe = spread_rows(y, min(n // 8, n_in_memory))
    classifier = make(len(probe))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit that counts will tell
        taken = _seconds(lambda: classifier.fit(np.asarray(X[probe]), y[probe]))
    wide = name in _GRAM and len(probe) < X.shape[1]
    power = 2.0 if wide or name in _QUADRATIC else 1.0
    allowed = len(probe) * (max(seconds - taken, 1e-9) / taken) ** (1 / power)
    if allowed >= n:
        return np.arange(n)
    return spread_rows(y, int(min(max(allowed, n // 8), n_in_memory)))


def spread_rows(y: NDArray[np.int64], n_rows: int) -> NDArray[np.int64]:
    """About `n_rows` rows, spread evenly within each class, one of each at least."""
    order = np.argsort(y, kind="stable")
    places = np.linspace(0, len(y), n_rows, endpoint=False).astype(np.int64)
    _, first = np.unique(y, return_index=True)
    return np.union1d(order[places], first)


def _largest(steps: list[int], limit: float) -> int:
    """Round down to a step, so that a repeat finds its cache."""
    return max([step for step in steps if step <= limit], default=steps[0])


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
