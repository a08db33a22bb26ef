"""Many rows of the table, fitted side by side in worker processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import joblib

from featx.classifiers import accelerated
from featx.errors import ParameterError
from featx.experiment.fitting import fit_row
from featx.experiment.rows import Row, keep_row
from featx.experiment.tasks import FitTask
from featx.own_code import send_along
from featx.store import Store
from featx.workers import (
    Executor,
    end_with_parent,
    import_ray,
    make_executor,
    map_local,
)


def executor_of(backend: str, address: str | None = None) -> Executor:
    """Choose who fits the rows by the name of a joblib back end.

    "loky" stands for processes of this machine, "ray" for the Ray cluster at `address`.
    Raises ParameterError for a name that joblib does not know.
    """
    if backend == "loky":
        return map_local
    if backend == "ray":
        send_along(import_ray().cloudpickle)
        return make_executor("ray", address)
    try:
        joblib.parallel_config(backend=backend).unregister()
    except (ValueError, KeyError, ImportError) as error:
        raise ParameterError(
            f"Got joblib back end {backend!r}, but expected 'loky', 'ray' or "
            "another that is registered with joblib."
        ) from error
    return partial(_map_joblib, backend)


def _map_joblib(
    backend: str, work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, Any]]:
    with joblib.parallel_config(backend=backend, n_jobs=-1):
        results = joblib.Parallel()(joblib.delayed(work)(*task) for task in tasks)
    yield from enumerate(results)


def fit_rows(tasks: Sequence[FitTask], store: Store, execute: Executor) -> list[Row]:
    """Fit many rows side by side, and keep each in the cache as soon as it is done."""
    arguments = [(task, store) for task in tasks]
    rows: dict[int, Row | None] = dict(execute(_fit_and_keep, arguments))
    return [
        rows[number] or keep_row(store, task, fit_row(task).row)
        for number, task in enumerate(tasks)
    ]


def _fit_and_keep(task: FitTask, store: Store) -> Row | None:
    """Fit a row in a worker; None if its features were removed from the cache meanwhile.

    Whoever has sent it still has them in memory maps.
    """
    end_with_parent()
    if task.encoded.train.gone or task.encoded.test.gone:
        return None
    limit_threads()
    return keep_row(store, task, fit_row(task).row)


def limit_threads() -> None:
    """Limit scikit-learn-intelex to the threads that OMP_NUM_THREADS grants.

    With that variable, back ends of joblib divide the cores among their workers. BLAS,
    OpenMP and torch follow it; scikit-learn-intelex does not.
    """
    granted = os.environ.get("OMP_NUM_THREADS", "")
    if accelerated() and granted.isdecimal():
        import daal4py

        daal4py.daalinit(int(granted))  # 0 changes nothing
