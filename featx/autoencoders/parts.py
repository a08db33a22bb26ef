"""The parts of a batch: side by side on the cores of a processor, or in turn on a GPU."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from featx.autoencoders.device import tell_out_of_memory
from featx.autoencoders.processes import LossModule, Processes

Rows = NDArray[np.int64]
Loss = Callable[[nn.Module, Rows, torch.Generator], Tensor]

_LARGE = 5e9  # weights times values of a batch, above which two threads pay


class Parts:
    """Cuts each batch into parts and adds up their gradients.

    On a processor, a batch of a large network is two halves, each on a thread of its
    own. Threads that share one convolution wait for each other by spinning, at every
    layer; beside other work, that made a step 20 times as long. Halves wait once a step,
    asleep, and are a fifth faster even alone. Batch statistics are those of a half. A
    small network is fastest on one thread.

    On a GPU a batch is one part, or several in turn when memory is short.

    Parameters
    ----------
    network : nn.Module
        With a method ``loss(images, generator)``.
    processes : Processes
        Who else trains it.
    seed : int
        Seed of the noise that the loss draws.
    n_values : int
        Values of the images of one batch.

    Examples
    --------
    >>> network = nn.Linear(2, 1)
    >>> Parts(network, Processes(), seed=0, n_values=256).n_side_by_side
    1
    """

    def __init__(
        self, network: nn.Module, processes: Processes, *, seed: int, n_values: int
    ) -> None:
        self.device = next(network.parameters()).device
        self.processes = processes
        self.seed = seed
        self.n_in_turn = 1
        n_weights = sum(weight.numel() for weight in network.parameters())
        large = n_values * n_weights >= _LARGE
        on_cores = self.device.type == "cpu" and processes.n == 1
        self.n_side_by_side = 2 if on_cores and large else 1
        self.threads_each = torch.get_num_threads()
        if on_cores:
            self.threads_each = max(1, self.threads_each // 2) if large else 1
        twins = [_twin(network) for _ in range(self.n_side_by_side - 1)]
        self.networks = [network, *twins]
        self.shared = [processes.wrap(one) for one in self.networks]
        self.evaluated = LossModule(network)
        self.evaluated.training = False  # of the loss, not of the network
        self.generators = [
            torch.Generator(self.device).manual_seed(seed + processes.rank + i)
            for i in range(self.n_side_by_side)
        ]
        self._map: Callable[..., Iterable[Tensor]] = map

    def state_dict(self) -> dict[str, Any]:
        """Noise and number of parts; all processes call it, and get those of all."""
        noise = [generator.get_state().numpy() for generator in self.generators]
        return {"n_in_turn": self.n_in_turn, "noise": self.processes.all_gather(noise)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with what `state_dict` gave."""
        self.n_in_turn = state["n_in_turn"]
        noise = state["noise"][self.processes.rank]
        for generator, kept in zip(self.generators, noise, strict=True):
            generator.set_state(torch.from_numpy(kept))

    @contextmanager
    def threads(self) -> Iterator[None]:
        """Hold the threads that the parts run on."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads_each)
        try:
            with ThreadPoolExecutor(
                self.n_side_by_side, "part", torch.set_num_threads, (self.threads_each,)
            ) as pool:
                if self.n_side_by_side > 1:
                    self._map = pool.map
                yield
        finally:
            self._map = map
            torch.set_num_threads(before)

    def gradients(self, rows: Rows, weight: float, loss_of: Loss) -> Tensor:
        """Set the gradients of the mean loss of a batch; return that loss, a scalar.

        `loss_of` gives the loss of a network for some rows, with a generator of noise;
        loss and gradients are multiplied by `weight`.
        """
        while True:
            try:
                return self._gradients(rows, weight, loss_of)
            except torch.OutOfMemoryError:
                # of several processes, the others would wait for this one for ever
                if self.processes.n > 1 or 2 * self.n_in_turn > len(rows) // 2:
                    raise
            self.n_in_turn *= 2
            tell_out_of_memory(self.device, -(-len(rows) // self.n_in_turn))

    def _gradients(self, rows: Rows, weight: float, loss_of: Loss) -> Tensor:
        for statistics in zip(*map(_statistics, self.networks), strict=True):
            for other in statistics[1:]:
                other.copy_(statistics[0])

        def learn(shared: nn.Module, share: Rows, generator: torch.Generator) -> Tensor:
            shared.zero_grad(set_to_none=True)
            total = torch.zeros((), device=self.device)
            for part in _cut(share, self.n_in_turn):
                share_of_loss = weight * len(part) / len(rows)
                loss = share_of_loss * loss_of(shared, part, generator)
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
            return total

        shares = _cut(rows, self.n_side_by_side)
        losses = list(self._map(learn, self.shared, shares, self.generators))
        self._join(self.networks[: len(shares)])
        return torch.stack(losses).sum()

    def mean_loss(self, rows: Rows, batch_size: int, loss_of: Loss) -> float:
        """Mean loss of at least one image without learning, with the same noise every time.

        Of the network in evaluation mode. Only a part of a batch goes through it at once.
        """
        at_once = -(-batch_size // (self.n_in_turn * self.n_side_by_side))

        def total(part: Rows) -> Tensor:
            noise = torch.Generator(self.device).manual_seed(self.seed)
            with torch.inference_mode():
                return loss_of(self.evaluated, part, noise) * len(part)

        parts = np.split(rows, range(at_once, len(rows), at_once))
        losses = torch.stack(list(self._map(total, parts)))
        return math.fsum(losses.tolist()) / len(rows)  # an Apple GPU has no float64

    @torch.no_grad()
    def _join(self, networks: list[nn.Module]) -> None:
        """Add up the gradients of networks and average their batch statistics."""
        for weight, *others in zip(*(n.parameters() for n in networks), strict=True):
            for other in others:
                if weight.grad is not None:
                    weight.grad += other.grad
        for statistics in zip(*map(_statistics, networks), strict=True):
            if statistics[0].is_floating_point():  # not the count of batches
                statistics[0].copy_(torch.stack(statistics).mean(0))


def _twin(network: nn.Module) -> nn.Module:
    """Copy a network; only gradients and batch statistics are the copy's own."""
    own = {id(value) for value in _statistics(network)}
    shared: dict[int, Tensor] = {
        id(buffer): buffer for buffer in network.buffers() if id(buffer) not in own
    }
    for weight in network.parameters():
        # other gradients, the same memory
        same = nn.Parameter(weight.detach(), requires_grad=weight.requires_grad)
        shared[id(weight)] = same
    return copy.deepcopy(network, shared).train()


def _statistics(network: nn.Module) -> list[Tensor]:
    """Buffers of batch normalization: all that training changes besides the weights."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    norms = [one for one in network.modules() if isinstance(one, kinds)]
    return [buffer for norm in norms for buffer in norm.buffers()]


def _cut(rows: Rows, n: int) -> list[Rows]:
    """Cut the rows of a batch; no part has fewer than two, if there are two.

    >>> [len(part) for part in _cut(np.arange(7), 4)]
    [3, 2, 2]
    """
    return np.array_split(rows, max(1, min(n, len(rows) // 2)))
