"""The machine's own limit: bare matrix products, in the faster of two formats."""

from __future__ import annotations

import time

import torch

from benchmarks.measure import Done, Work
from benchmarks.plain_torch import best_device


def products(operations: float, side: int) -> Work:
    """Prepare as many products of square matrices as amount to so many operations.

    Parameters
    ----------
    operations : float
        Multiplications and additions, each counted.
    side : int
        Rows and columns of the matrices.

    Returns
    -------
    callable
        Its units are 10^9 operations.
    """
    device = best_device()
    formats = []
    for dtype in (torch.float32, torch.bfloat16):
        a, b, out = (
            torch.ones(side, side, dtype=dtype, device=device) for _ in range(3)
        )
        formats.append((_seconds(a, b, out), (a, b, out)))
    _, (a, b, out) = min(formats, key=lambda one: one[0])
    times = max(1, round(operations / (2 * side**3)))

    def work() -> Done:
        for _ in range(times):
            torch.mm(a, b, out=out)
        _wait(device)
        return Done(times * 2 * side**3 / 1e9)

    return work


def _seconds(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> float:
    """Time of the fastest of three products, after one to warm up."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        _wait(a.device)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
