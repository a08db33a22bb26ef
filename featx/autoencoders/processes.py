"""The processes that train one network together, where torchrun started several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


class Processes:
    """Who shares a training: this process and others like it, or this one alone.

    Several there are where the program was started by ``torchrun`` and has called
    ``torch.distributed.init_process_group``. Each then sees its share of every batch, and
    the gradients are averaged; all have the same weights and losses after each epoch.
    """

    def __init__(self) -> None:
        several = dist.is_available() and dist.is_initialized()
        self.n = dist.get_world_size() if several else 1
        self.rank = dist.get_rank() if several else 0

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return a module whose call gives the loss and shares its gradients."""
        loss = LossModule(network)
        return loss if self.n == 1 else DistributedDataParallel(loss)

    def share(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
        """Rows of a batch that are for this process, and what its loss weighs.

        Examples
        --------
        >>> rows, weight = Processes().share(np.arange(3))
        >>> rows.tolist(), weight
        ([0, 1, 2], 1.0)
        """
        mine = rows[self.rank :: self.n]
        weight = self.n * len(mine) / len(rows)
        return (mine, weight) if len(mine) else (rows[:1], 0.0)

    def mean(self, value: float, device: torch.device) -> float:
        """Average a number over the processes."""
        if self.n == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(total)
        return total.item() / self.n

    def broadcast(self, value: Any = None) -> Any:
        """Give all processes a value of the first one.

        Examples
        --------
        >>> Processes().broadcast("here")
        'here'
        """
        if self.n == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, 0)
        return box[0]

    def all_gather(self, value: Any) -> list[Any]:
        """Collect a value of each process, in all of them.

        Examples
        --------
        >>> Processes().all_gather("here")
        ['here']
        """
        if self.n == 1:
            return [value]
        values: list[Any] = [None] * self.n
        dist.all_gather_object(values, value)
        return values

    def sync_buffers(self, network: nn.Module) -> None:
        """Give all processes the batch statistics of the first one."""
        if self.n > 1:
            for buffer in network.buffers():
                dist.broadcast(buffer, 0)


@contextmanager
def init_distributed() -> Iterator[bool]:
    """Join the processes that ``torchrun`` started, if it did.

    Yields
    ------
    bool
        Whether this process is the first one, or the only one.

    Examples
    --------
    >>> with init_distributed() as first:
    ...     first
    True
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield True
        return
    on_gpus = torch.cuda.is_available()
    if on_gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if on_gpus else "gloo")
    try:
        yield dist.get_rank() == 0
    finally:
        dist.destroy_process_group()


class LossModule(nn.Module):
    """A network's ``loss(images, generator, *targets)`` as what the module computes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, images: Tensor, generator: torch.Generator, *targets: Tensor
    ) -> Tensor:
        """Images (B, h, w, c) and what to predict of them -> the loss, a scalar."""
        loss: Tensor = self.network.loss(images, generator, *targets)  # type: ignore[operator]
        return loss
