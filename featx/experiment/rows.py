"""Rows of the table, kept in the cache and recalled from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.errors import CacheError
from featx.evaluation import Result, score
from featx.experiment.tasks import FitTask
from featx.storage import (
    MANIFEST,
    cache_errors,
    load_array,
    new_folder,
    provenance,
    read_manifest,
    write_json,
)

_KEPT = ("fit_seconds", "predict_seconds", "classifier_params", "notes")


class Row(NamedTuple):
    """A row of the table, and what was said of every test image.

    Parameters
    ----------
    result : Result
        The row.
    predicted : ndarray of int64, shape (n_test,)
        Predicted labels.
    confidence : ndarray of float32, shape (n_test,)
        How clear each was, see `predict_with_confidence`.
    """

    result: Result
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]


def make_result(
    task: FitTask, predicted: NDArray[np.int64], *, cached: bool, **fit: Any
) -> Result:
    """Score the predictions of a task.

    Parameters
    ----------
    task : FitTask
        What was fitted.
    predicted : ndarray of int64, shape (n_test,)
        Predicted labels.
    cached : bool
        They came from the cache.
    **fit : object
        The fields of `Result` that tell of the fit: ``fit_seconds``, ``predict_seconds``,
        ``classifier_params`` and ``notes``.

    Returns
    -------
    Result
        A row of the table.
    """
    encoded = task.encoded
    return Result(
        encoder=task.encoder,
        classifier=task.classifier,
        n_features=task.n_features,
        scores=score(encoded.test.y, predicted, task.class_names),
        train_seconds=encoded.encoder.train_seconds,
        encode_seconds=encoded.encode_seconds,
        encode_images_per_second=encoded.images_per_second,
        encoder_params=encoded.encoder.params,
        cached=encoded.cached | {"classifier": cached},
        **fit,
    )


def recall_row(cache_folder: Path, task: FitTask) -> Row | None:
    """Read a row that was kept, and score its predictions.

    Parameters
    ----------
    cache_folder : Path
        Folder of the cache.
    task : FitTask
        What the row was made of.

    Returns
    -------
    Row or None
        With the times it took when it was made; None if it was not kept, or is removed
        by another process meanwhile.

    Raises
    ------
    CacheError
        If it is damaged.
    """
    folder = _folder(cache_folder, task)
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    try:
        predicted = load_array(folder / "predicted.npy", "predictions")
        confidence = load_array(folder / "confidence.npy", "predictions")
    except FileNotFoundError:
        return None
    fit = {name: manifest[name] for name in _KEPT}
    fit["notes"] = tuple(fit["notes"])
    return Row(make_result(task, predicted, cached=True, **fit), predicted, confidence)


def keep_row(cache_folder: Path, task: FitTask, row: Row) -> Row:
    """Keep a row that was just made.

    Parameters
    ----------
    cache_folder : Path
        Folder of the cache.
    task : FitTask
        What the row was made of.
    row : Row
        The row.

    Returns
    -------
    Row
        The same; with a note where the cache cannot be written.
    """
    folder, result = _folder(cache_folder, task), row.result
    manifest = {
        "what": f"{result.name}, {100 * result.scores.accuracy:.1f} %",
        **{name: getattr(result, name) for name in _KEPT},
        **provenance(),
    }
    try:
        with new_folder(folder) as work, cache_errors(folder.parent):
            np.save(work / "predicted.npy", row.predicted)
            np.save(work / "confidence.npy", row.confidence)
            write_json(work / MANIFEST, manifest)
    except CacheError as error:
        notes = (*result.notes, f"not kept in the cache: {error.__cause__}")
        return row._replace(result=replace(result, notes=notes))
    return row


def _folder(cache_folder: Path, task: FitTask) -> Path:
    return cache_folder / "rows" / task.key
