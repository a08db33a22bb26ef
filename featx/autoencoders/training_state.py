"""All that changes while a network is trained: what an interrupted training needs."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from featx.autoencoders.parts import Parts
from featx.autoencoders.tensors import to_arrays, to_tensors


@dataclass
class EarlyStopping:
    """Keeps the weights of the best epoch, and ends a training that stays behind it.

    Parameters
    ----------
    patience : int or None
        Epochs without a lower loss, after which the training ends; None for no stopping.

    Examples
    --------
    >>> network, stopping = nn.Linear(1, 1), EarlyStopping(patience=2)
    >>> for epoch, loss in enumerate([3.0, 1.0, 2.0, 2.0]):
    ...     stopping.update(epoch, loss, network)
    >>> stopping.best_epoch, stopping.is_over(2), stopping.is_over(3)
    (1, False, True)
    """

    patience: int | None
    best_loss: float = math.inf
    best_epoch: int = -1
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def update(self, epoch: int, loss: float, network: nn.Module) -> None:
        """Keep the weights if the loss of this epoch is the lowest."""
        if self.patience is not None and loss < self.best_loss:
            self.best_loss, self.best_epoch = loss, epoch
            self.best_weights = copy.deepcopy(network.state_dict())

    def is_over(self, epoch: int) -> bool:
        """Whether the loss has not improved for long enough."""
        late = self.patience is not None and epoch - self.best_epoch >= self.patience
        return bool(self.best_weights) and late

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers and arrays."""
        return {
            "best_loss": self.best_loss,
            "best_epoch": self.best_epoch,
            "best_weights": to_arrays(self.best_weights),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with what `state_dict` gave."""
        self.best_loss, self.best_epoch = state["best_loss"], state["best_epoch"]
        self.best_weights = to_tensors(state["best_weights"])


@dataclass
class TrainingState:
    """A training as it is between two epochs."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    parts: Parts
    shuffle: np.random.Generator
    stopping: EarlyStopping
    history: dict[str, list[float]]

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history["loss"])

    def state_dict(self, parts: dict[str, Any]) -> dict[str, Any]:
        """Plain numbers, text and arrays; `parts` is the state of `Parts`."""
        return {
            "epoch": self.epoch,
            "network": to_arrays(self.network.state_dict()),
            "optimizer": to_arrays(self.optimizer.state_dict()),
            "schedule": self.schedule.state_dict(),
            "parts": parts,
            "shuffle": self.shuffle.bit_generator.state,
            "stopping": self.stopping.state_dict(),
            "history": self.history,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with what `state_dict` gave."""
        self.network.load_state_dict(to_tensors(state["network"]))
        _load_optimizer(self.optimizer, to_tensors(state["optimizer"]))
        self.schedule.load_state_dict(state["schedule"])
        self.parts.load_state_dict(state["parts"])
        self.shuffle.bit_generator.state = state["shuffle"]
        self.stopping.load_state_dict(state["stopping"])
        self.history = state["history"]


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an optimizer, in memory as its parameters are.

    The fused ones go through parameters and averages side by side as they lie there.
    """
    optimizer.load_state_dict(state)
    for parameter, averages in optimizer.state.items():
        for name, value in averages.items():
            if value.shape == parameter.shape:
                averages[name] = torch.empty_like(parameter).copy_(value)
