"""Which training images a classifier is fitted on if time or memory are short."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from featx.classifiers import can_fit_in_blocks
from featx.experiment.tasks import FitTask

_QUADRATIC = ("svm", "knn")  # their time grows with the square of the images
_GRAM = ("ridge", "linear-svm")  # so does theirs, up to as many images as features
_FEW = 4000  # fewer images are fitted fast enough


class Sample(NamedTuple):
    """The training images that a classifier is fitted on.

    Parameters
    ----------
    X : ndarray, shape (n, n_features)
        Their features.
    y : ndarray of int64, shape (n,)
        Their labels.
    validation : ndarray of bool, shape (n,)
        Which of them are the validation part.
    groups : ndarray of int64, shape (n,), or None
        Their groups.
    in_blocks : bool
        Their features exceed memory and are to be read block by block.
    notes : tuple of str
        Why there are fewer of them than training images.
    """

    X: NDArray[Any]
    y: NDArray[np.int64]
    validation: NDArray[np.bool_]
    groups: NDArray[np.int64] | None
    in_blocks: bool
    notes: tuple[str, ...]


def choose_sample(task: FitTask, seconds: float = math.inf) -> Sample:
    """Choose training images for a fit: all of them, unless time or memory are short.

    Every class of the training part is among them.
    """
    X, y = np.asarray(task.encoded.train.X), task.encoded.train.y
    n_in_memory, notes, rows = task.n_in_memory, [], np.arange(len(y))

    def note(reason: str) -> str:
        return f"fitted on {len(rows):,} of {len(y):,} images, to fit {reason}"

    if seconds < math.inf:
        rows = rows_within(task.classifier, task.make, X, y, seconds, n_in_memory)
        if len(rows) < len(y):
            notes.append(note("the budget"))
    too_many = len(rows) > n_in_memory
    in_blocks = (
        too_many and not task.tune and can_fit_in_blocks(task.make(len(rows)), X)
    )
    if too_many and not in_blocks:
        rows = rows[stratified_subsample(y[rows], n_in_memory)]
        notes.append(note("into memory"))
    if len(rows) == len(y):
        return Sample(X, y, task.validation, task.train_groups, in_blocks, ())
    groups = None if task.train_groups is None else task.train_groups[rows]
    told = tuple(notes)
    return Sample(X[rows], y[rows], task.validation[rows], groups, in_blocks, told)


def rows_within(
    name: str,
    make: Callable[[int], Pipeline],
    X: NDArray[Any],
    y: NDArray[np.int64],
    seconds: float,
    n_in_memory: int,
) -> NDArray[np.int64]:
    """Choose as many rows as a classifier can be fitted on in about `seconds`.

    `make` builds the classifier for a number of rows. The result is ascending, with every
    class among it: all rows if the time allows it or there are fewer than 4,000,
    otherwise at most `n_in_memory`, or one per class if that is more.
    """
    n = len(y)
    if n < _FEW:
        return np.arange(n)
    probe = stratified_subsample(y, min(n // 8, n_in_memory))
    classifier = make(len(probe))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the final fit will warn
        start = time.perf_counter()
        classifier.fit(np.asarray(X[probe]), y[probe])
        taken = time.perf_counter() - start
    wide = name in _GRAM and len(probe) < X.shape[1]
    power = 2.0 if wide or name in _QUADRATIC else 1.0
    allowed = len(probe) * (max(seconds - taken, 1e-9) / taken) ** (1 / power)
    if allowed >= n:
        return np.arange(n)
    return stratified_subsample(y, int(min(max(allowed, n // 8), n_in_memory)))


def stratified_subsample(y: NDArray[np.int64], n_rows: int) -> NDArray[np.int64]:
    """Choose about `n_rows` rows, evenly within each class, at least one of each."""
    order = np.argsort(y, kind="stable")
    places = np.linspace(0, len(y), n_rows, endpoint=False).astype(np.int64)
    _, first = np.unique(y, return_index=True)
    return np.union1d(order[places], first)
