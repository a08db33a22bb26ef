"""What a measurement was taken on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


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
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
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
    try:
        return round(
            os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1
        )
    except (AttributeError, ValueError):
        return None  # a system that does not tell


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
