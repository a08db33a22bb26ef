"""How a row does on training images that its classifier was not fitted on.

By that a row is chosen. The test part then judges one row, and its accuracy is not that of
the luckiest of many. And by that scores become probabilities.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.classifiers import (
    Calibration,
    RiskCoverage,
    SharedReduction,
    choose_settings,
    class_scores,
    columns_of,
)
from featx.evaluation.result import HeldOut
from featx.experiment.fit_notes import notes_of
from featx.experiment.sampling import stratified_subsample
from featx.experiment.tasks import FitTask
from featx.images.split import draw_fraction, draw_groups, rng_for, split_into_folds

FEW = 500  # images; all of fewer are judged, in folds, and a fifth of more
N_FOLDS = 5
MOST_JUDGED = 5000

Rows = NDArray[np.int64]


class Judged(NamedTuple):
    """What held-out images say of a row.

    Parameters
    ----------
    held_out : HeldOut
        How many were right.
    calibration : Calibration or None
        Makes probabilities of the scores of its classifier; None where these are no finite
        numbers.
    risk : RiskCoverage or None
        The probabilities of the classes that it named, and which were the right ones.
    """

    held_out: HeldOut
    calibration: Calibration | None
    risk: RiskCoverage | None


def judge_held_out(
    task: FitTask,
    most: int,
    shared: SharedReduction | None = None,
    *,
    settings: dict[str, Any] | None = None,
) -> Judged | None:
    """Fit a row's classifier on some training images and judge it on others.

    Both are the same for every row. The encoder has seen them all, without labels.

    Parameters
    ----------
    task : FitTask
        The row.
    most : int
        Images that the row itself was fitted on: here, too, there are no more.
    shared : SharedReduction, optional
        Keeps what classifiers have in common, of a single split.
    settings : dict, optional
        Of the classifier; by default they are chosen on the images to fit on.

    Returns
    -------
    Judged or None
        None where images cannot be split.
    """
    X, y, groups = task.encoded.train.X, task.encoded.train.y, task.train_groups
    parts, true = [], []
    splits = held_out_rows(y, groups, min(most, task.most_held_out))
    for fitted, judged in splits:
        if len(np.unique(y[fitted])) < 2:
            return None
        classifier = task.make(len(fitted))
        if shared is None or len(splits) > 1:
            shared = SharedReduction(task.fit_device)
        own = None if groups is None else groups[fitted]
        choose = partial(choose_settings, uneven=task.uneven, groups=own)
        if settings is not None:
            classifier.set_params(**settings)
        fit = partial(
            shared.fit,
            classifier,
            np.asarray(X[fitted]),
            y[fitted],
            choose if settings is None else None,
        )
        notes_of(fit)  # they are of the row itself
        parts.append(
            class_scores(classifier, np.asarray(X[judged]), own=task.own is not None)
        )
        true.append(columns_of(y[judged], classifier.classes_))
    right = [said.named == of for said, of in zip(parts, true, strict=True)]
    together = np.concatenate([np.empty(0, bool), *right])
    if not len(together):
        return None
    held_out = HeldOut(float(together.mean()), len(together))
    if not all(np.isfinite(said.scores).all() for said in parts):
        return Judged(held_out, None, None)
    calibration = Calibration.of(parts, true)
    sure = [calibration.calibrated(said).confidence for said in parts]
    risk = RiskCoverage.of(np.concatenate(sure), together)
    return Judged(held_out, calibration, risk)


def held_out_rows(
    y: NDArray[np.int64], groups: NDArray[np.int64] | None, most: int
) -> list[tuple[Rows, Rows]]:
    """List rows to fit on, at most about so many, and rows to judge on; no group is torn.

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
    n_folds = N_FOLDS if groups is None else min(N_FOLDS, len(np.unique(groups)))
    if n < FEW:
        return split_into_folds(y, groups, n_folds, 0)
    fraction = min(1 / N_FOLDS, MOST_JUDGED / n)
    if groups is None:
        judged = draw_fraction(y, fraction, rng_for(0))
    else:
        drawn = draw_groups(y, groups, fraction, 0)
        if drawn is None:  # a class is in one group only
            return split_into_folds(y, groups, n_folds, 0)[:1]
        judged = drawn
    fitted = np.setdiff1d(np.arange(n), judged)
    if len(fitted) > most:
        fitted = fitted[stratified_subsample(y[fitted], most)]
    return [(fitted, judged)]
