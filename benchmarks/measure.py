"""Two ways to do the same work, run in turn: how many times faster one is.

Each way lives in a process of its own, so that its peak memory is its own; both are
prepared and warmed up first, and then take turns, so that whatever else the machine does
falls on both.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib import import_module
from multiprocessing import get_context, set_start_method
from pathlib import Path
from types import ModuleType
from typing import Any

from joblib.externals.loky import get_reusable_executor

from featx.machine import describe_machine

Size = Mapping[str, Any]
Work = Callable[[], "Done"]
PAIRS = 5
REST = 0.3  # seconds after which threads of the other process no longer spin


@dataclass(frozen=True)
class Done:
    """What one turn got done.

    Parameters
    ----------
    units : float
        How much: images, rows, or billions of operations.
    value : float, default=None
        A loss or an accuracy, to be compared with the other way's.
    """

    units: float
    value: float | None = None


@dataclass(frozen=True)
class Turns:
    """All turns of one way.

    Parameters
    ----------
    seconds, units : list of float
        Time and work of each turn.
    values : list of float
        What `Done.value` was, where there was one.
    peak_mib : float
        Most memory that its process, or the largest of its children, has held.
    """

    seconds: list[float] = field(default_factory=list)
    units: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    peak_mib: float = 0.0

    @property
    def paces(self) -> list[float]:
        """Seconds per unit of each turn."""
        return [s / n for s, n in zip(self.seconds, self.units, strict=True)]

    def summary(self) -> dict[str, Any]:
        """Return plain data, with the median of the units per second."""
        return asdict(self) | {"per_second": 1 / statistics.median(self.paces)}


class Worker:
    """A process that prepares one way of a claim and then does its turns.

    Its temporary files go into a folder that is removed with it.

    Parameters
    ----------
    claim : str
        Name of the module.
    side : {"ours", "plain"}
        Name of the function in it that prepares the work.
    size : mapping
        Its arguments.
    """

    def __init__(self, claim: str, side: str, size: Size) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        self._folder = tempfile.TemporaryDirectory(prefix=f"featx-{side}-")
        self._turns = Turns()
        try:
            self._pool.submit(
                _prepare, claim, side, dict(size), self._folder.name
            ).result()
        except BaseException:
            self._close()
            raise

    def turn(self) -> None:
        """Do the work once."""
        seconds, done = self._pool.submit(_turn).result()
        self._turns.seconds.append(seconds)
        self._turns.units.append(done.units)
        if done.value is not None:
            self._turns.values.append(done.value)
        time.sleep(REST)

    def end(self) -> Turns:
        """End the process and return its turns."""
        peak = self._pool.submit(_end).result()
        self._close()
        return Turns(self._turns.seconds, self._turns.units, self._turns.values, peak)

    def _close(self) -> None:
        self._pool.shutdown()
        self._folder.cleanup()


def compare(module: ModuleType, *, quick: bool, pairs: int = PAIRS) -> dict[str, Any]:
    """Measure one claim.

    Parameters
    ----------
    module : module
        With ``SAYS``, ``UNIT``, ``BAR`` (the ratio promised, or None), sizes ``FULL`` and
        ``QUICK``, and the functions ``ours`` and ``plain``, which take a size, prepare
        and warm up, and return the work of one turn. It may have ``AGREE`` (largest
        difference of the values), ``RELATIVE`` (of them, or absolute), ``LIMITS`` (of
        ours: ``seconds``, ``peak_mib``), ``GROWTH`` (other sizes that ours is run with
        once) and ``operations`` (which takes a size and counts those of one unit, for
        the part of the machine's matrix rate that is reached).
    quick : bool
        Use the tiny size, with which a ratio means nothing.
    pairs : int
        Turns of each.

    Returns
    -------
    dict
        Ready for JSON.
    """
    size: dict[str, Any] = module.QUICK if quick else module.FULL
    load = os.getloadavg()[0]
    workers: list[Worker] = []
    try:
        for side in ("plain", "ours"):
            workers.append(Worker(module.__name__, side, size))
        for _ in range(pairs):
            for worker in workers:
                worker.turn()
    finally:
        turns = [worker.end() for worker in workers]
    plain, ours = turns
    ratios = [a / b for a, b in zip(plain.paces, ours.paces, strict=True)]
    outcome = {
        "claim": name_of(module),
        "says": module.SAYS,
        "unit": module.UNIT,
        "ratio": statistics.median(ratios),
        "spread": [min(ratios), max(ratios)],
        "bar": module.BAR,
        "pairs": pairs,
        "ours": ours.summary(),
        "plain": plain.summary(),
        "agreement": _agreement(module, ours.values, plain.values),
        "limits": getattr(module, "LIMITS", {}),
        "growth": [] if quick else _growth(module),
        "matrix": _matrix(module, size, ours, plain, quick=quick),
        "size": size,
        "quick": quick,
        "load_average": load,
        "machine": describe_machine(),
    }
    return outcome | {"holds": None if quick else holds(outcome)}


def holds(outcome: Mapping[str, Any]) -> bool:
    """Whether a measurement reaches its bar, its limits and its agreement."""
    ours, limits = outcome["ours"], outcome["limits"]
    agreement = outcome["agreement"]
    return (
        (outcome["bar"] is None or outcome["ratio"] >= outcome["bar"])
        and statistics.median(ours["seconds"]) <= limits.get("seconds", float("inf"))
        and ours["peak_mib"] <= limits.get("peak_mib", float("inf"))
        and (agreement is None or agreement["difference"] <= agreement["allowed"])
    )


def name_of(module: ModuleType) -> str:
    """Name of a claim, which is that of its module."""
    return module.__name__.rpartition(".")[2]


def peak_mib() -> float:
    """Most memory this process, or the largest of its children, has held, in MiB."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status = Path("/proc/self/status")
    if status.exists():  # the number above counts what was held before a fork, too
        line = next(line for line in status.read_text().splitlines() if "VmHWM" in line)
        own = int(line.split()[1])
    return max(own, children) / (1024 if sys.platform != "darwin" else 2**20)


def _agreement(
    module: ModuleType, ours: list[float], plain: list[float]
) -> dict[str, Any] | None:
    if not hasattr(module, "AGREE"):
        return None
    difference = statistics.median(ours) - statistics.median(plain)
    if module.RELATIVE:
        difference /= statistics.median(plain)
    return {
        "difference": abs(difference),
        "allowed": module.AGREE,
        "relative": module.RELATIVE,
    }


def _matrix(
    module: ModuleType, size: Size, ours: Turns, plain: Turns, *, quick: bool
) -> dict[str, float] | None:
    """Compare both with bare matrix products, in useful operations per second.

    ``"most"`` is the ratio there would be if ours were as fast as those.
    """
    if not hasattr(module, "operations"):
        return None
    bare = {"operations": 1e8 if quick else 1e12, "side": 64 if quick else 2048}
    worker = Worker("benchmarks.matrix_rate", "products", bare)
    try:
        for _ in range(3 if quick else 5):
            worker.turn()
    finally:
        products = worker.end()
    rate = products.summary()["per_second"]  # 10^9 operations
    each = module.operations(**size) / 1e9
    reached = {
        name: each * turns.summary()["per_second"] / rate
        for name, turns in (("ours", ours), ("plain", plain))
    }
    return {"rate": rate, **reached, "most": 1 / reached["plain"]}


def _growth(module: ModuleType) -> list[dict[str, Any]]:
    """Run ours once with each of the other sizes, each in a fresh process."""
    rows = []
    for size in getattr(module, "GROWTH", []):
        worker = Worker(module.__name__, "ours", size)
        try:
            worker.turn()
        finally:
            turns = worker.end()
        rows.append({"size": size} | turns.summary())
    return rows


_work: list[Work] = []  # of this process, if it is a worker


def _prepare(claim: str, side: str, size: dict[str, Any], folder: str) -> None:
    tempfile.tempdir = folder
    # processes that the work starts begin as they do in a program of its own: this one
    # was spawned, and would spawn its own, which takes seconds each
    set_start_method(None, force=True)
    _work.append(getattr(import_module(claim), side)(**size))


def _end() -> float:
    """Return the peak memory, idle workers of joblib included.

    They would keep this process for minutes otherwise.
    """
    get_reusable_executor().shutdown()
    return peak_mib()


def _turn() -> tuple[float, Done]:
    start = time.perf_counter()
    done = _work[0]()
    return time.perf_counter() - start, done
