"""Many rows of the table, fitted side by side in worker processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import joblib

from featx.classifiers import accelerated
from featx.errors import ParameterError
from featx.experiment.fitting import fit_row
from featx.experiment.rows import Row, keep_row
from featx.experiment.tasks import FitTask
from featx.workers import deaf_to_interrupts, end_with_parent, start_ray


def check_backend(backend: str) -> None:
    """Raise ParameterError for a back end that joblib does not know."""
    if backend == "ray":  # known once Ray has started
        return
    try:
        joblib.parallel_config(backend=backend).unregister()
    except (ValueError, KeyError, ImportError) as error:
        raise ParameterError(
            f"Got joblib back end {backend!r}, but expected 'loky', 'ray' or "
            "another that is registered with joblib."
        ) from error


def fit_rows(
    tasks: Sequence[FitTask],
    cache_folder: Path,
    backend: str,
    address: str | None = None,
) -> list[Row]:
    """Fit many rows side by side and keep each as soon as it is done.

    Parameters
    ----------
    tasks : sequence of FitTask
        What to fit.
    cache_folder : Path
        Folder of the cache, where the rows are kept.
    backend : str
        A back end of joblib: "loky" for processes on this machine, "ray", or any that was
        registered.
    address : str, default=None
        Of the Ray cluster.

    Returns
    -------
    list of Row
        In the order of the tasks.

    Raises
    ------
    ParameterError
        If joblib does not know the back end.
    """
    check_backend(backend)
    if backend == "ray":
        start_ray(address)
        from ray.util.joblib import register_ray

        register_ray()
    # no more processes than rows, so that few rows on many cores get several cores each
    n_jobs = min(len(tasks), joblib.cpu_count()) if backend == "loky" else -1
    own = backend == "loky"  # processes that are started here
    # before a worker imports anything; those of other back ends do it with their first row
    begin = {"initializer": end_with_parent} if own else {}
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        pool = joblib.Parallel(return_as="generator" if own else "list", **begin)
        with deaf_to_interrupts() if own else nullcontext():
            made = pool(
                joblib.delayed(_fit_and_keep)(task, cache_folder) for task in tasks
            )
        rows: list[Row | None] = list(made)
    return [
        keep_row(cache_folder, task, fit_row(task).row) if row is None else row
        for task, row in zip(tasks, rows, strict=True)
    ]


def _fit_and_keep(task: FitTask, cache_folder: Path) -> Row | None:
    """Fit a row in a worker; None if its features were removed from the cache meanwhile.

    Whoever has sent it still has them in memory maps.
    """
    end_with_parent()
    if task.encoded.train.gone or task.encoded.test.gone:
        return None
    limit_threads()
    return keep_row(cache_folder, task, fit_row(task).row)


def limit_threads() -> None:
    """Keep scikit-learn-intelex to the threads that OMP_NUM_THREADS grants.

    Back ends of joblib share out the cores among their workers by that variable. BLAS,
    OpenMP and torch follow it; the threads of scikit-learn-intelex do not.
    """
    granted = os.environ.get("OMP_NUM_THREADS", "")
    if accelerated() and granted.isdecimal():
        import daal4py

        daal4py.daalinit(int(granted))  # 0 changes nothing
