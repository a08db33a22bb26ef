"""What a measurement was taken on, and what work can be asked to run on."""

from __future__ import annotations

import math
import os
import platform
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from featx.errors import unknown_name

DEVICES = ("auto", "cpu", "cuda", "mps")
MOST_SEED = 2**32 - 1  # that NumPy and scikit-learn take
PRECISIONS = ("auto", "float32", "bfloat16")
_COPIES = 2  # of the features: scaled, and in the work of a classifier


def check_device(device: object) -> None:
    """Raise ParameterError for what no device is called; whether it is there is not asked.

    Examples
    --------
    >>> check_device("cuda:1")
    >>> check_device("disk")
    Traceback (most recent call last):
    featx.errors.ParameterError: Got device 'disk', but expected one of auto, cpu, cuda,
    mps.
    """
    if not re.fullmatch("(auto|cpu|mps)(:0)?|cuda(:[0-9]{1,4})?", str(device)):
        raise unknown_name("device", device, DEVICES)


def describe_machine() -> dict[str, object]:
    """Describe processor, cores, memory and versions as plain data.

    Returns
    -------
    dict
        Ready for JSON; ``"memory_gib"`` in GiB.

    Examples
    --------
    >>> sorted(describe_machine())
    ['cores', 'memory_gib', 'platform', 'processor', 'python', 'versions']
    """
    return {
        "processor": _processor(),
        "cores": _cores(),
        "memory_gib": _memory_gib(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {
            name: _version(name)
            for name in (
                "torch",
                "torchvision",
                "scikit-learn",
                "scikit-learn-intelex",
                "numpy",
            )
        },
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    memory = _physical_memory()
    return None if memory is None else round(memory / 2**30, 1)


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError):
        return None  # a system that does not tell


def rows_in_memory(n_features: int) -> int:
    """Images that a classifier can be fitted on in half of the machine's memory.

    Parameters
    ----------
    n_features : int
        Features of each, float32.

    Returns
    -------
    int
        At least 1,024; the same at every call, whatever else runs, and rounded down in
        steps of 9 %, so that machines of about the same memory agree.

    Examples
    --------
    >>> rows_in_memory(1024) >= 8 * rows_in_memory(16 * 1024)
    True
    """
    limits = [_physical_memory() or 2**33]
    for file in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path("/sys/fs/cgroup", file).read_text()))
        except (OSError, ValueError):
            pass  # no such limit
    rows = min(limits) / 2 / (_COPIES * 4 * n_features)
    return max(1024, int(2 ** (math.floor(8 * math.log2(rows)) / 8)))


def operations_per_second(device: str = "auto") -> float:
    """Floating-point operations a second that an encoder may count on, roughly.

    Parameters
    ----------
    device : str, default="auto"
        A GPU counts where it is named, such as ``"cuda"``.

    Returns
    -------
    float
        The same at every call, whatever else runs.

    Examples
    --------
    >>> operations_per_second("cuda") > operations_per_second("cpu")
    True
    """
    if device.startswith(("cuda", "mps")):
        return 5e12
    flags = _cpu_flags()
    return _cores() * (40e9 if flags & {"avx512_bf16", "amx_bf16"} else 20e9)


@cache
def _cpu_flags() -> frozenset[str]:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                return frozenset(line.partition(":")[2].split())
    except OSError:
        pass  # not Linux
    return frozenset()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
