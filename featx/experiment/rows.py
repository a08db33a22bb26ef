"""Rows of the table, kept in the cache and recalled from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.errors import CacheError
from featx.evaluation import HeldOut, Result, score
from featx.experiment.tasks import FitTask
from featx.memory_maps import load_array
from featx.store import Store, cache_errors

_KEPT = (
    *("fit_seconds", "predict_seconds", "classifier_params"),
    *("notes", "held_out", "calibrated"),
)


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
    """Score the predictions of a task; `fit` are the fields of `Result` about the fit."""
    encoded = task.encoded
    return Result(
        encoder=task.encoder,
        classifier=task.classifier,
        n_features=task.n_features,
        scores=score(encoded.test.y, predicted, task.class_names, task.groups),
        train_seconds=encoded.encoder.train_seconds,
        encode_seconds=encoded.encode_seconds,
        encode_images_per_second=encoded.images_per_second,
        encoder_params=encoded.encoder.params,
        cached=encoded.cached | {"classifier": cached},
        **fit,
    )


def recall_row(store: Store, task: FitTask) -> Row | None:
    """Read the row of a task that was kept, and score its predictions.

    It has the times it took when it was made. None if it was not kept, or is removed by
    another process meanwhile; CacheError if it is damaged.
    """

    def read(folder: Path, manifest: dict[str, Any]) -> Row:
        predicted = load_array(folder / "predicted.npy", "predictions")
        confidence = load_array(folder / "confidence.npy", "predictions")
        fit = {name: manifest[name] for name in _KEPT}
        fit["notes"] = tuple(fit["notes"])
        fit["held_out"] = fit["held_out"] and HeldOut(*fit["held_out"])
        result = make_result(task, predicted, cached=True, **fit)
        return Row(result, predicted, confidence)

    return None if task.unknown else store.get("rows", task.key, read)


def keep_row(store: Store, task: FitTask, row: Row) -> Row:
    """Keep a row; return it, with a note where the cache cannot be written."""
    result = row.result
    if task.unknown:
        notes = (*result.notes, f"not kept in the cache: {task.unknown}")
        return row._replace(result=replace(result, notes=notes))
    manifest = {
        "what": f"{result.name}, {100 * result.scores.accuracy:.1f} %",
        **{name: getattr(result, name) for name in _KEPT},
    }
    try:
        with (
            store.keep_entry("rows", task.key, manifest) as work,
            cache_errors(work.parent),
        ):
            np.save(work / "predicted.npy", row.predicted)
            np.save(work / "confidence.npy", row.confidence)
    except CacheError as error:
        notes = (*result.notes, f"not kept in the cache: {error.__cause__}")
        return row._replace(result=replace(result, notes=notes))
    return row
