"""The one training loop that every autoencoder shares."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from featx.autoencoders.base import batches
from featx.autoencoders.checkpoint import current_checkpoint
from featx.autoencoders.device import choose_dtype
from featx.autoencoders.parts import Parts, Rows
from featx.autoencoders.processes import Processes
from featx.autoencoders.tensors import batch_reader, to_arrays, to_tensors
from featx.errors import TrainingError
from featx.memory_maps import release_pages

Array = NDArray[Any]


@dataclass(frozen=True)
class TrainingPlan:
    """How to train; the estimators' parameters, resolved for the data at hand.

    Parameters
    ----------
    max_epochs, batch_size : int
        Passes over the training images; images per step.
    learning_rate : float
        Peak of the one-cycle schedule.
    weight_decay : float
        Decoupled weight decay of AdamW.
    early_stopping : bool
        Stop when the validation loss has not improved for `n_iter_no_change` epochs,
        and keep the weights of the best epoch.
    n_iter_no_change : int
        See `early_stopping`.
    precision : str
        Number format of the matrix products, see `device`.
    mirror : bool
        Mirror half of the images of every step from left to right.
    seed : int
        Seed of the order of the images and of whatever noise the loss draws.
    """

    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    early_stopping: bool
    n_iter_no_change: int
    precision: str
    mirror: bool
    seed: int


def train(
    network: nn.Module,
    images: Array,
    train_rows: Rows,
    validation_rows: Rows,
    plan: TrainingPlan,
    *,
    begin_epoch: Callable[[int, int], Any],
    end_step: Callable[[Any], None],
    end_epoch: Callable[[Any, dict[str, list[float]]], bool],
) -> dict[str, list[float]]:
    """Train a network in place and leave it in evaluation mode.

    Parameters
    ----------
    network : nn.Module
        With a method ``loss(images, generator)``, on the device where it is to train.
    images : ndarray or memmap, shape (n, h, w, c)
        Images in their own range and dtype; only the rows of a batch are ever copied.
    train_rows, validation_rows : ndarray of int64
        Rows of `images`; `validation_rows` may be empty.
    plan : TrainingPlan
        How to train.
    begin_epoch : callable
        Called before each epoch with its number, from 0 or wherever an interrupted
        training continues, and the number of its steps that will be told; what it returns
        goes to `end_step` and `end_epoch`.
    end_step : callable
        Called at most 50 times in an epoch, after evenly many batches.
    end_epoch : callable
        Called with that and the history so far; returns True to stop.

    Returns
    -------
    dict of str to list of float
        ``"loss"`` and, with validation rows, ``"validation_loss"``, one per epoch.

    Raises
    ------
    TrainingError
        If the loss is no longer finite.
    """
    training = _Training(network, images, train_rows, validation_rows, plan)
    with training.parts.threads():
        for epoch in range(training.resume(), plan.max_epochs):
            context = begin_epoch(epoch, training.n_batches // training.told_every)
            training.run_epoch(partial(end_step, context))
            stop = training.mean(end_epoch(context, training.history)) > 0
            if stop or training.is_over():
                break
            training.keep(epoch)
    if training.best_state:
        network.load_state_dict(training.best_state)
    return training.history


class _Training:
    """A training under way: what changes from step to step, and what was best.

    Parameters
    ----------
    network, images, train_rows, validation_rows, plan
        As for `train`.
    """

    def __init__(
        self,
        network: nn.Module,
        images: Array,
        train_rows: Rows,
        validation_rows: Rows,
        plan: TrainingPlan,
    ) -> None:
        self.network = network
        self.images = images
        self.train_rows = train_rows
        self.validation_rows = validation_rows
        self.plan = plan
        self.device = next(network.parameters()).device
        self.dtype = choose_dtype(plan.precision, self.device)
        self.processes = Processes()
        self.parts = Parts(
            network,
            self.processes,
            seed=plan.seed,
            n_values=min(plan.batch_size, len(train_rows)) * images[0].size,
        )
        self.read = batch_reader(images, self.device)
        self.shuffle = np.random.default_rng(plan.seed)
        self.n_batches = math.ceil(len(train_rows) / plan.batch_size)
        self.told_every = math.ceil(self.n_batches / 50)
        self.optimizer = torch.optim.AdamW(
            network.parameters(),
            plan.learning_rate,
            weight_decay=plan.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),  # one pass over the weights
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            plan.learning_rate,
            total_steps=plan.max_epochs * self.n_batches + 1,
        )
        self.history: dict[str, list[float]] = {"loss": []}
        if len(validation_rows):
            self.history["validation_loss"] = []
        self.best_loss, self.best_epoch = math.inf, -1
        self.best_state: dict[str, Tensor] = {}
        self.checkpoint = current_checkpoint() if self.processes.rank == 0 else None
        self.keeping = self.processes.first(self.checkpoint is not None)
        self.fingerprint = self._fingerprint() if self.checkpoint else ""

    def loss_of(self, module: nn.Module, rows: Rows, noise: torch.Generator) -> Tensor:
        """Mean loss of images, a scalar."""
        batch = self.read(rows)
        if self.plan.mirror and module.training:
            half = torch.rand(len(batch), device=self.device, generator=noise) < 0.5
            batch = torch.where(half[:, None, None, None], batch.flip(2), batch)
        reduced = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype, enabled=reduced):
            loss: Tensor = module(batch, noise)
            return loss

    def run_epoch(self, end_step: Callable[[], None]) -> None:
        """Pass over the training images once, then measure the validation loss."""
        self.network.train()
        total = torch.zeros((), device=self.device)
        order = self.shuffle.permutation(self.train_rows)
        for step, rows in enumerate(np.array_split(order, self.n_batches), start=1):
            # sorted: reads forwards
            mine, weight = self.processes.share(np.sort(rows))
            if len(mine) == 1:  # one image has no batch statistics; two equal ones do
                mine = np.repeat(mine, 2)
            loss = self.parts.gradients(mine, weight, self.loss_of)
            self.optimizer.step()
            self.schedule.step()
            total += loss * len(rows)  # on the device: no waiting
            if step % self.told_every == 0:
                end_step()
        self.network.eval()
        self.processes.same_buffers(self.network)
        self.history["loss"].append(self.mean(total.item() / len(self.train_rows)))
        if len(self.validation_rows):
            loss_now = self.parts.mean_loss(
                self.validation_rows, self.plan.batch_size, self.loss_of
            )
            self.history["validation_loss"].append(self.mean(loss_now))
        self._judge()

    def mean(self, value: float) -> float:
        """Average a number over the processes."""
        return self.processes.mean(value, self.device)

    def _judge(self) -> None:
        """Refuse a loss that is no number; remember the best epoch."""
        epoch = len(self.history["loss"]) - 1
        current = self.history.get("validation_loss", self.history["loss"])[-1]
        if not math.isfinite(self.history["loss"][-1]) or not math.isfinite(current):
            rate = self.plan.learning_rate
            raise TrainingError(
                f"Got a loss of {current} in epoch {epoch + 1}, but expected a finite "
                f"number. Lower learning_rate={rate:g}, for example to "
                f"{rate / 10:g}, or look for extreme values in the images."
            )
        stopping = self.plan.early_stopping and len(self.validation_rows) > 0
        if stopping and current < self.best_loss:
            self.best_loss, self.best_epoch = current, epoch
            self.best_state = copy.deepcopy(self.network.state_dict())

    def is_over(self) -> bool:
        """Whether the validation loss has not improved for long enough."""
        epoch = len(self.history["loss"]) - 1
        late = epoch - self.best_epoch >= self.plan.n_iter_no_change
        return bool(self.best_state) and late

    def resume(self) -> int:
        """Take up an interrupted training; return the number of its next epoch."""
        if not self.keeping:
            return 0
        state = self.checkpoint.read(self.fingerprint) if self.checkpoint else None
        state = self.processes.first(state)
        if not state:
            return 0
        self.network.load_state_dict(to_tensors(state["network"]))
        _load_optimizer(self.optimizer, to_tensors(state["optimizer"]))
        self.schedule.load_state_dict(state["schedule"])
        self.parts.n_in_turn = state["parts"]
        noise = state["noise"][self.processes.rank]
        for generator, kept in zip(self.parts.generators, noise, strict=True):
            generator.set_state(torch.from_numpy(kept))
        self.shuffle.bit_generator.state = state["shuffle"]
        self.history = state["history"]
        self.best_loss, self.best_epoch = state["best_loss"], state["best_epoch"]
        self.best_state = to_tensors(state["best_state"])
        return int(state["epoch"])

    def keep(self, epoch: int) -> None:
        """Write down all that a later process needs to continue."""
        if not self.keeping:
            return
        noise = self.processes.everyone(
            [generator.get_state().numpy() for generator in self.parts.generators]
        )
        if self.checkpoint:
            state = {
                "network": to_arrays(self.network.state_dict()),
                "optimizer": to_arrays(self.optimizer.state_dict()),
                "schedule": self.schedule.state_dict(),
                "noise": noise,
                "shuffle": self.shuffle.bit_generator.state,
                "history": self.history,
                "epoch": epoch + 1,
                "best_loss": self.best_loss,
                "best_epoch": self.best_epoch,
                "best_state": to_arrays(self.best_state),
                "parts": self.parts.n_in_turn,
            }
            self.checkpoint.keep(self.fingerprint, state)

    def _fingerprint(self) -> str:
        """Hash all that the outcome of a training depends on, before it begins."""
        split = (self.plan, self.processes.n, self.parts.n_side_by_side)
        digest = hashlib.sha256(repr(split).encode())
        for name, tensor in self.network.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        for rows in (self.train_rows, self.validation_rows):
            digest.update(rows.tobytes())
        digest.update(f"{self.images.dtype} {self.images.shape}".encode())
        for part in batches(len(self.images), 4096):
            digest.update(np.ascontiguousarray(self.images[part]).data)
            release_pages(self.images)
        return digest.hexdigest()


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an optimiser, in memory as its parameters are.

    The fused ones go through parameters and averages side by side as they lie there.
    """
    optimizer.load_state_dict(state)
    for parameter, averages in optimizer.state.items():
        for name, value in averages.items():
            if value.shape == parameter.shape:
                averages[name] = torch.empty_like(parameter).copy_(value)
