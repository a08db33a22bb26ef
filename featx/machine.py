"""The machine: what a measurement was taken on, and what it can be asked to run."""

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
MOST_SEED = 2**32 - 1  # of NumPy and scikit-learn
PRECISIONS = ("auto", "float32", "bfloat16")
_COPIES = 2  # of the features: scaled, and in the classifier
_PACKAGES = ("torch", "torchvision", "scikit-learn", "scikit-learn-intelex", "numpy")


def check_device(device: object) -> None:
    """Raise ParameterError for a name that no device has; a missing device passes.

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
    """Describe processor, cores, memory (GiB) and versions, ready for JSON.

    Examples
    --------
    >>> sorted(describe_machine())
    ['cores', 'memory_gib', 'platform', 'processor', 'python', 'versions']
    """
    memory = _physical_memory()
    return {
        "processor": _cpuinfo("model name")
        or platform.processor()
        or platform.machine(),
        "cores": _cores(),
        "memory_gib": round(memory / 2**30, 1) if memory else None,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


@cache
def _cpuinfo(field: str) -> str:
    """Return what Linux says of the first processor; nothing elsewhere."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(field):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return ""


def _physical_memory() -> int | None:
    try:
        n_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None  # not known on this system, as on Windows
    return n_bytes if n_bytes > 0 else None


def rows_in_memory(n_features: int) -> int:
    """Count the images that a classifier can be fitted on in half of the memory.

    Each has `n_features` in float32. The number is at least 1,024 and the same at every
    call, whatever else runs; it is rounded down in steps of 9 %, so that machines of about
    the same memory agree.

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

    A GPU counts where it is named, such as ``"cuda"``. The number is the same at every
    call, whatever else runs.

    Examples
    --------
    >>> operations_per_second("cuda") > operations_per_second("cpu")
    True
    """
    if device.startswith(("cuda", "mps")):
        return 5e12
    has_bfloat16 = {"avx512_bf16", "amx_bf16"} & set(_cpuinfo("flags").split())
    return _cores() * (64e9 if has_bfloat16 else 20e9)


def fit_operations_per_second() -> float:
    """Floating-point operations a second that a classifier may count on, roughly.

    Classifiers are mostly large matrix products of float32 and float64, on a processor.

    Examples
    --------
    >>> fit_operations_per_second() > 0
    True
    """
    return _cores() * 60e9


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
