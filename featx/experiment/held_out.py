"""How a row does on training images that its classifier was not fitted on.

By that a row is chosen. The test part then judges one row, and its accuracy is not that of
the luckiest of many.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from featx.classifiers import SharedReduction, choose_settings, predict_with_confidence
from featx.evaluation.result import HeldOut
from featx.experiment.sampling import stratified_subsample
from featx.experiment.tasks import FitTask
from featx.images.split import draw_fraction, draw_groups, rng_for, split_into_folds

FEW = 500  # images; all of fewer are judged, in folds, and a fifth of more
N_FOLDS = 5
MOST_FITTED, MOST_JUDGED = 10_000, 5000

Rows = NDArray[np.int64]


def judge_held_out(
    task: FitTask, shared: SharedReduction | None = None
) -> HeldOut | None:
    """Fit a row's classifier on some training images and judge it on others.

    Both are the same for every row. The encoder has seen them all, without labels.
    `shared` keeps what classifiers have in common, of a single split. None where there
    are too few images to split.
    """
    X, y = task.encoded.train.X, task.encoded.train.y
    right: list[NDArray[np.bool_]] = []
    splits = list(held_out_rows(y, task.train_groups, task.n_in_memory))
    groups = task.train_groups
    for fitted, judged in splits:
        if len(np.unique(y[fitted])) < 2:
            return None
        classifier = task.make(len(fitted))
        if shared is None or len(splits) > 1:
            shared = SharedReduction(task.fit_device)
        own = None if groups is None else groups[fitted]
        choose = partial(choose_settings, uneven=task.uneven, groups=own)
        shared.fit(classifier, np.asarray(X[fitted]), y[fitted], choose)
        predicted, _ = predict_with_confidence(classifier, np.asarray(X[judged]))
        right.append(predicted == y[judged])
    if not right:
        return None
    together = np.concatenate(right)
    return HeldOut(float(together.mean()), len(together))


def held_out_rows(
    y: NDArray[np.int64], groups: NDArray[np.int64] | None, most: int
) -> Iterator[tuple[Rows, Rows]]:
    """Yield rows to fit on, at most so many, and rows to judge on.

    Examples
    --------
    >>> y = np.arange(1000) % 2
    >>> [(len(fitted), len(judged)) for fitted, judged in held_out_rows(y, None, 10**6)]
    [(800, 200)]
    >>> y = np.arange(100) % 2
    >>> [(len(fitted), len(judged)) for fitted, judged in held_out_rows(y, None, 10**6)]
    [(80, 20), (80, 20), (80, 20), (80, 20), (80, 20)]
    """
    n = len(y)
    n_groups = n if groups is None else len(np.unique(groups))
    if n < FEW:
        yield from split_into_folds(y, groups, min(N_FOLDS, n_groups), 0)
        return
    fraction = min(1 / N_FOLDS, MOST_JUDGED / n)
    judged = None if groups is None else draw_groups(y, groups, fraction, 0)
    if judged is None:
        judged = draw_fraction(y, fraction, rng_for(0))
    fitted = np.setdiff1d(np.arange(n), judged)
    most = min(most, MOST_FITTED)
    if len(fitted) > most:
        fitted = fitted[stratified_subsample(y[fitted], most)]
    yield fitted, judged
