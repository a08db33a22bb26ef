"""One row of the table: a classifier fitted on features and scored."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline

from featx.classifiers import (
    FEWEST,
    SharedReduction,
    can_balance,
    choose_settings,
    fit_in_blocks,
    merit,
    predict_with_confidence,
)
from featx.errors import DataError
from featx.experiment.fit_notes import notes_of
from featx.experiment.held_out import Judged, judge_held_out
from featx.experiment.rows import Row, make_result
from featx.experiment.sampling import Sample, choose_sample
from featx.experiment.tasks import FitTask
from featx.features import CachedFeatures, plain_params


class FittedRow(NamedTuple):
    """A row of the table, and the classifier it was made with.

    Parameters
    ----------
    row : Row
        The row, and the predicted label of every test image.
    classifier : Pipeline
        Fitted on the features of the training images.
    judged : Judged or None
        What held-out images say of it: probabilities come of that. None where no images
        could be held out.
    train : CachedFeatures
        Features, labels and names of the training images.
    groups : ndarray of int64 or None
        Their groups.
    """

    row: Row
    classifier: Pipeline
    judged: Judged | None
    train: CachedFeatures
    groups: NDArray[np.int64] | None


class Fit(NamedTuple):
    """A fitted classifier, and notes on the fit for readers of the table.

    `seconds_saved` is the time that `SharedReduction` saved, `settings` what was chosen.
    """

    classifier: Pipeline
    notes: list[str]
    settings: dict[str, Any]
    seconds_saved: float = 0.0


class Shared(NamedTuple):
    """What the classifiers of one encoder have in common, fitted once.

    Parameters
    ----------
    all_images, held_out : SharedReduction
        Of fits on all training images; of those that are judged on held-out ones.
    """

    all_images: SharedReduction
    held_out: SharedReduction

    @classmethod
    def on(cls, device: str | None) -> Self:
        """Begin with nothing."""
        return cls(SharedReduction(device), SharedReduction(device))


def fit_row(
    task: FitTask,
    *,
    seconds: float = math.inf,
    shared: Shared | None = None,
) -> FittedRow:
    """Fit one classifier on the training features and score it on the test part.

    If `seconds` are short, it is fitted on fewer images, and a note says so. The row is
    also judged on held-out training images, see `judge_held_out`. Its time is that of a fit
    alone, whatever is taken from `shared`. Raises DataError if settings are to be searched
    but all images to fit on are of one class.
    """
    start = time.perf_counter()
    sample = choose_sample(task, seconds)
    if task.tune:
        fit = _search(task, sample)
    elif sample.in_blocks:
        fit = _fit_in_blocks(task, sample)
    else:
        fit = _fit_in_memory(task, sample, shared and shared.all_images)
    fit_seconds = time.perf_counter() - start + fit.seconds_saved
    notes = [*sample.notes, *_warn_of_settings(task, sample), *fit.notes]
    notes += _tell_of_landmarks(task, fit.classifier)
    judged = judge_held_out(
        task,
        len(sample.y),
        shared and shared.held_out,
        settings=fit.settings if task.tune or task.calibrate_fully else None,
    )
    row = _score_row(
        task, fit.classifier, judged, notes=tuple(notes), fit_seconds=fit_seconds
    )
    train, groups = task.encoded.train, task.train_groups
    return FittedRow(row, fit.classifier, judged, train, groups)


def _search(task: FitTask, sample: Sample) -> Fit:
    """Try every setting of the classifier's space on the validation part."""
    if not sample.validation.any():
        raise DataError(
            "Got no validation part to choose settings on, as groups could not be split, "
            "but expected one. Bring one along, or leave tune out."
        )
    if len(np.unique(sample.y[~sample.validation])) < 2:
        raise DataError(
            "Got images of one class outside the validation part, but expected at "
            "least two to choose settings. Choose another validation part, or leave "
            "tune out."
        )
    n_validation = int(sample.validation.sum())
    n_images = len(sample.y) - n_validation
    search = GridSearchCV(
        task.make(n_images),
        task.space(n_images),
        scoring=make_scorer(merit, uneven=task.uneven),
        cv=PredefinedSplit(np.where(sample.validation, 0, -1)),
        error_score="raise",
    )
    notes = notes_of(lambda: search.fit(sample.X, sample.y))
    chosen = ", ".join(
        f"{key.partition('__')[2]}="
        + (f"{value:g}" if isinstance(value, int | float) else str(value))
        for key, value in search.best_params_.items()
    )
    measure = "mean of accuracy and recall" if task.uneven else "right"
    if not chosen:
        notes.append(f"{task.classifier} has no settings to search for")
        return Fit(search.best_estimator_, notes, settings={})
    notes.append(
        f"{chosen} chosen on {n_validation:,} validation images "
        f"({100 * search.best_score_:.1f} % {measure} there)"
    )
    return Fit(search.best_estimator_, notes, settings=search.best_params_)


def _fit_in_blocks(task: FitTask, sample: Sample) -> Fit:
    """Fit on features that exceed memory, read block by block."""
    classifier = task.make(len(sample.y))
    # all rows stay a memory map, whose pages can be released
    X = task.encoded.train.X if len(sample.y) == task.n_images else sample.X
    settings = choose_settings(
        classifier, X, sample.y, uneven=task.uneven, groups=sample.groups
    )
    classifier.set_params(**settings)
    notes = ["read block by block from disk: the features exceed memory"]
    notes += notes_of(lambda: fit_in_blocks(classifier, X, sample.y, task.n_in_memory))
    return Fit(classifier, notes, settings=settings)


def _fit_in_memory(
    task: FitTask, sample: Sample, shared: SharedReduction | None
) -> Fit:
    """Fit with settings that are chosen on the sample."""
    classifier = task.make(len(sample.y))
    if shared is None or len(sample.y) < task.n_images:  # others see all images
        shared = SharedReduction(task.fit_device)
    saved_before = shared.seconds_saved
    settings: dict[str, Any] = {}

    def choose(*on: Any) -> dict[str, Any]:
        settings.update(choose_settings(*on, uneven=task.uneven, groups=sample.groups))
        return settings

    notes = notes_of(lambda: shared.fit(classifier, sample.X, sample.y, choose))
    if task.own is None:
        settings |= _found_by(classifier)
    return Fit(classifier, notes, settings, shared.seconds_saved - saved_before)


def _found_by(classifier: Pipeline) -> dict[str, Any]:
    """Give what a fit finds by itself, as settings with which another one ends alike."""
    steps, found = classifier.named_steps, {}
    if "pca" in steps:
        found["pca__floor"] = steps["pca"].floor_
    if "mlp" in steps and steps["mlp"].early_stopping:
        best = int(np.argmax(steps["mlp"].validation_scores_))  # its weights are kept
        found |= {"mlp__early_stopping": False, "mlp__max_iter": best + 1}
    return found


def _warn_of_settings(task: FitTask, sample: Sample) -> list[str]:
    """Note which settings could not be chosen."""
    notes = []
    n_images = len(sample.y)
    if n_images < FEWEST and not task.tune:
        notes.append(f"usual settings: {n_images} images are too few to choose by")
    if task.uneven and not can_balance(task.make(n_images)):
        notes.append(
            f"{task.classifier} takes no class weights, though the class counts differ"
        )
    return notes


def _tell_of_landmarks(task: FitTask, classifier: Pipeline) -> list[str]:
    """Note by how many images a kernel is spanned, instead of by all."""
    if task.classifier != "svm" or "rbf" not in classifier.named_steps:
        return []
    landmarks = classifier.named_steps["rbf"].n_components
    return [f"kernel approximated by {landmarks:,} of the images (Nystroem)"]


def _score_row(
    task: FitTask, classifier: Pipeline, judged: Judged | None, **fit: Any
) -> Row:
    """Predict the test part with a fitted classifier."""
    start = time.perf_counter()
    X = np.asarray(task.encoded.test.X)
    predicted, confidence = predict_with_confidence(
        classifier,
        X,
        own=task.own is not None,
        calibration=judged and judged.calibration,
    )
    labels = predicted.astype(np.int64)
    result = make_result(
        task,
        labels,
        cached=False,
        predict_seconds=time.perf_counter() - start,
        classifier_params=plain_params(classifier),
        held_out=judged and judged.held_out,
        calibrated=judged is not None and judged.calibration is not None,
        **fit,
    )
    return Row(result, labels, confidence.astype(np.float32))
