"""Who does many tasks: processes of this machine, or the workers of a Ray cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing import resource_tracker
from typing import Any

import joblib
from joblib.externals.loky.backend import resource_tracker as loky_resource_tracker

from featx import system
from featx.errors import FeatxError, missing_library, unknown_name

ENGINES = ("local", "ray")
_WAITING = 4  # tasks handed out ahead, for each worker of a cluster
_WATCH_SECONDS = 1.0  # between checks that the parent process lives
_RETRIES = 10  # of a task whose worker died; one that kills every worker must end
# work, arguments of each task -> (number of the task, result), in any order
Executor = Callable[
    [Callable[..., Any], Sequence[tuple[Any, ...]]], Iterator[tuple[int, Any]]
]


def make_executor(engine: str, address: str | None = None) -> Executor:
    """Choose who does many tasks: processes of this machine, or a Ray cluster.

    Without an `address`, Ray is started on this machine. Raises ParameterError for an
    unknown engine and DependencyError if Ray is needed but not installed.

    Examples
    --------
    >>> sorted(make_executor("local")(pow, [(2, 3), (3, 2)]))
    [(0, 8), (1, 9)]
    """
    if engine == "local":
        return map_local
    if engine == "ray":
        import_ray()
        return partial(_map_on_ray, address)
    raise unknown_name("engine", engine, ENGINES)


def map_serial(
    work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, Any]]:
    """Do one task after another in this process."""
    for number, task in enumerate(tasks):
        yield number, work(*task)


def map_local(
    work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, Any]]:
    """Do tasks in processes of this machine, one per core.

    There are no more processes than tasks, so that few tasks get several cores each.
    """
    pool = joblib.Parallel(
        backend="loky",
        n_jobs=max(1, min(len(tasks), joblib.cpu_count())),
        return_as="generator_unordered",
        initializer=end_with_parent,
    )
    with interrupts_blocked():  # processes start here and are waited for below
        results = pool(
            joblib.delayed(_numbered)(number, work, task)
            for number, task in enumerate(tasks)
        )
    try:
        for result in results:  # noqa: UP028 (a generator inside would be closed first)
            yield result
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib's, of tasks that nobody waits for
            results.close()


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Delay Ctrl-C here while processes start, and block it in them for good.

    Processes inherit the signal mask. A terminal sends Ctrl-C to all of them, and each
    would print a traceback; only this process should receive it, and end the others.
    """
    if system.WINDOWS:
        yield  # there are no masks
        return
    for tracker in (resource_tracker, loky_resource_tracker):
        tracker.ensure_running()  # started below, it would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _numbered(
    number: int, work: Callable[..., Any], task: tuple[Any, ...]
) -> tuple[int, Any]:
    return number, work(*task)


def end_with_parent() -> None:
    """Make a worker of a pool end when the process that started it has ended, even killed.

    Otherwise it would wait at its queue for minutes. Does nothing in other processes, nor
    on Windows, where a process cannot see who started it.
    """
    parent = multiprocessing.parent_process()
    watched = any(thread.name == _WATCH for thread in threading.enumerate())
    if parent is not None and not system.WINDOWS and not watched:
        watch = (parent.pid,)
        threading.Thread(target=_watch, args=watch, name=_WATCH, daemon=True).start()


_WATCH = "featx-parent"  # name of the thread


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def _map_on_ray(
    address: str | None, work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[int, Any]]:
    """Do tasks in the workers of a cluster; another worker repeats a task that is lost."""
    ray = start_ray(address)
    ahead = _WAITING * int(ray.cluster_resources().get("CPU", 1))
    do = ray.remote(_numbered).options(max_retries=_RETRIES)
    function = ray.put(work)
    waiting: list[Any] = []
    try:
        for number, task in enumerate(tasks):
            waiting.append(do.remote(number, function, task))
            if len(waiting) == ahead:
                (done,), waiting = ray.wait(waiting)
                yield ray.get(done)
        while waiting:
            (done,), waiting = ray.wait(waiting)
            yield ray.get(done)
    except ray.exceptions.RayError as error:
        raise as_featx_error(error) from error


def as_featx_error(error: BaseException) -> FeatxError:
    """Find the error of featx that a worker raised, or build one that says Ray failed."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, FeatxError):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return FeatxError(f"The Ray cluster failed: {error}")


def start_ray(address: str | None) -> Any:
    """Connect to a Ray cluster, or start Ray on this machine; return the module ``ray``.

    Raises DependencyError if Ray is not installed, FeatxError if no cluster answers.
    """
    ray = import_ray()
    if not ray.is_initialized():
        try:
            _check_reachable(address)  # Ray itself would try for minutes
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                **({} if address else {"include_dashboard": False}),
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise FeatxError(
                f"Found no Ray cluster at {address!r} ({error}). Start one with 'ray start "
                "--head', or leave --address out to use this machine alone."
            ) from error
    return ray


def _check_reachable(address: str | None) -> None:
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def import_ray() -> Any:
    """Import Ray; raise DependencyError if it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise missing_library("Engine 'ray' needs Ray", error, "featx[ray]") from error
    return ray
