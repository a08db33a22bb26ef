"""One encoder of a comparison: encode, draw, and fit every classifier on its features."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from featx.evaluation import Result
from featx.experiment.clock import TimeLeft
from featx.experiment.fitting import Shared, fit_row
from featx.experiment.pictures import pictures_of
from featx.experiment.plan import Plan
from featx.experiment.rows import Row, keep_row, recall_row
from featx.experiment.tasks import FitTask
from featx.features import EncodedDataset, encode


@dataclass
class EncoderRun:
    """An encoder, its features, and the rows that were made with them.

    Parameters
    ----------
    reconstructions, filters : ndarray of uint8 or None
        See `pictures_of`; None if the encoder draws nothing.
    rows : dict of str to Row
        By classifier. Those that are fitted side by side are added later.
    tasks : dict of str to FitTask
        By classifier, the rows that are still to be fitted.
    """

    encoder: str
    encoded: EncodedDataset
    reconstructions: NDArray[np.uint8] | None = None
    filters: NDArray[np.uint8] | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    tasks: dict[str, FitTask] = field(default_factory=dict)


class RowCounter:
    """Tells the observer when a row begins and ends."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._n_done = 0
        self._left = TimeLeft(plan.seconds, len(plan.classifiers))
        self._widths = max(map(len, plan.encoders)), max(map(len, plan.classifiers))

    def begin(self, task: FitTask) -> None:
        """Tell which row is being fitted."""
        what = f"fit {task.classifier} on {task.encoder}"
        self._plan.observer.on_progress(what, self._n_done, self._plan.n_rows)

    def end(self, task: FitTask, result: Result | None) -> None:
        """Tell the accuracy of a row, or nothing (None) if it is fitted later."""
        self._n_done += 1
        self._left.done(task.encoder)
        if result is not None:
            self._plan.observer.on_message(self._line(result))

    def _line(self, row: Result) -> str:
        seconds = row.train_seconds + row.encode_seconds + row.fit_seconds
        n_rows, (wide, narrow) = self._plan.n_rows, self._widths
        more = f", {self._left}" if self._n_done < n_rows else ""
        return (
            f"{row.encoder:<{wide}}  {row.classifier:<{narrow}}  "
            f"{100 * row.scores.accuracy:5.1f} %  {seconds:5.0f} s  "
            f"({self._n_done} of {n_rows} rows{more})"
        )


def run_encoder(
    plan: Plan,
    encoder: str,
    examples: NDArray[np.uint8],
    counter: RowCounter,
    seconds: float = math.inf,
) -> EncoderRun:
    """Encode the data set with one encoder and make its rows in about `seconds`.

    `examples` are images to reconstruct. Where rows are fitted side by side, the run
    has tasks instead of them.
    """
    end = time.perf_counter() + seconds
    run = EncoderRun(encoder, encode_planned(plan, encoder))
    fitted = run.encoded.encoder
    if fitted.history and len(examples):
        run.reconstructions, run.filters = pictures_of(
            plan.cache.store, fitted, examples
        )
    shared = Shared.on(plan.backend.device)
    for position, task in enumerate(_tasks(plan, run)):
        counter.begin(task)
        row = recall_row(plan.cache.store, task) if plan.recalls_rows else None
        if row is None and plan.backend.joblib:
            run.tasks[task.classifier] = task
        else:
            if row is None:
                share = (end - time.perf_counter()) / (len(plan.classifiers) - position)
                row = _make_row(plan, task, share, shared)
            run.rows[task.classifier] = row
        counter.end(task, None if row is None else row.result)
    return run


def encode_planned(plan: Plan, name: str) -> EncodedDataset:
    """Encode the images of a plan with one of its encoders, and say what it chose."""
    encoded = encode(
        plan.dataset_for(name),
        plan.encoders[name],
        cache=plan.cache,
        name=name,
        progress=plan.observer.on_progress,
        unlabeled=False,
        engine=plan.backend.engine,
        address=plan.backend.address,
    )
    if encoded.encoder.choices:
        plan.observer.on_message(f"{name}: {encoded.encoder.choices}")
    return encoded


def _tasks(plan: Plan, run: EncoderRun) -> Iterator[FitTask]:
    for classifier, own in plan.classifiers.items():
        yield FitTask(
            run.encoder,
            classifier,
            run.encoded,
            plan.dataset.class_names,
            plan.dataset.validation,
            tune=plan.protocol.tune,
            uneven=plan.uneven,
            seed=plan.protocol.seed,
            device=plan.backend.device,
            train_groups=plan.dataset.train.groups,
            groups=plan.dataset.test.groups,
            own=own,
            calibrate_fully=plan.protocol.calibrate_fully,
        )


def _make_row(plan: Plan, task: FitTask, seconds: float, shared: Shared) -> Row:
    fitted = fit_row(task, seconds=seconds, shared=shared)
    if plan.observer.on_fitted:
        plan.observer.on_fitted(task.encoded.encoder.encoder, fitted)
    if not plan.keeps_rows:
        return fitted.row
    return keep_row(plan.cache.store, task, fitted.row)
