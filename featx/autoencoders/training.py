"""The one training loop that every autoencoder shares."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from featx.autoencoders.base import Array, batches
from featx.autoencoders.callbacks import FitCallbacks
from featx.autoencoders.checkpoint import current_checkpoint
from featx.autoencoders.device import choose_dtype
from featx.autoencoders.parts import Parts, Rows
from featx.autoencoders.processes import Processes
from featx.autoencoders.tensors import batch_reader
from featx.autoencoders.training_state import EarlyStopping, TrainingState
from featx.errors import TrainingError
from featx.memory_maps import release_pages


@dataclass(frozen=True)
class TrainingPlan:
    """How to train; the estimators' parameters, resolved for the data at hand.

    `mirror` mirrors half of the images of every step from left to right; `seed` is that of
    the order of the images and of whatever noise the loss draws.
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
    callbacks: FitCallbacks,
    targets: Array | None = None,
) -> dict[str, list[float]]:
    """Train a network in place and leave it in evaluation mode.

    Parameters
    ----------
    network : nn.Module
        With a method ``loss(images, generator)``, on the device where it is to train;
        ``loss(images, generator, targets)`` where there are targets.
    images : ndarray or memmap, shape (n, h, w, c)
        Images in their own range and dtype; only the rows of a batch are ever copied.
    train_rows, validation_rows : ndarray of int64
        Rows of `images`; `validation_rows` may be empty.
    plan : TrainingPlan
        How to train.
    callbacks : FitCallbacks
        Told of each epoch, and of at most 50 steps in it, after evenly many batches.
    targets : ndarray of float32, shape (n, d), optional
        What to predict of each image.

    Returns
    -------
    dict of str to list of float
        ``"loss"`` and, with validation rows, ``"validation_loss"``, one per epoch.

    Raises
    ------
    TrainingError
        If the loss is no longer finite.
    """
    training = _Training(network, images, train_rows, validation_rows, plan, targets)
    state = training.state
    with training.parts.threads():
        for epoch in range(training.resume(), plan.max_epochs):
            callbacks.begin_epoch(epoch, training.n_batches // training.report_every)
            training.run_epoch(callbacks.end_step)
            stop = training.mean(callbacks.end_epoch(state.history)) > 0
            if stop or state.stopping.is_over(epoch):
                break
            training.keep()
    if state.stopping.best_weights:
        network.load_state_dict(state.stopping.best_weights)
    return state.history


@dataclass
class _Training:
    """A training under way: its data, its steps and its state."""

    network: nn.Module
    images: Array
    train_rows: Rows
    validation_rows: Rows
    plan: TrainingPlan
    targets: Array | None = None

    def __post_init__(self) -> None:
        network, images, plan = self.network, self.images, self.plan
        self.device = next(network.parameters()).device
        self.dtype = choose_dtype(plan.precision, self.device)
        self.processes = Processes()
        self.parts = Parts(
            network,
            self.processes,
            seed=plan.seed,
            n_values=min(plan.batch_size, len(self.train_rows)) * images[0].size,
        )
        self.read = batch_reader(images, self.device)
        self.n_batches = math.ceil(len(self.train_rows) / plan.batch_size)
        self.report_every = math.ceil(self.n_batches / 50)
        optimizer = torch.optim.AdamW(
            network.parameters(),
            plan.learning_rate,
            weight_decay=plan.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),  # one pass over the weights
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            plan.learning_rate,
            total_steps=plan.max_epochs * self.n_batches + 1,
        )
        losses = ("loss", "validation_loss") if len(self.validation_rows) else ("loss",)
        stopping = plan.early_stopping and len(self.validation_rows) > 0
        self.state = TrainingState(
            network,
            optimizer,
            schedule,
            self.parts,
            np.random.default_rng(plan.seed),
            EarlyStopping(plan.n_iter_no_change if stopping else None),
            {name: [] for name in losses},
        )
        self.checkpoint = current_checkpoint() if self.processes.rank == 0 else None
        self.keeping = self.processes.broadcast(self.checkpoint is not None)
        self.fingerprint = self._fingerprint() if self.checkpoint else ""

    def loss_of(self, module: nn.Module, rows: Rows, noise: torch.Generator) -> Tensor:
        """Mean loss of images, a scalar."""
        batch = self.read(rows)
        if self.plan.mirror and module.training:
            half = torch.rand(len(batch), device=self.device, generator=noise) < 0.5
            batch = torch.where(half[:, None, None, None], batch.flip(2), batch)
        reduced = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype, enabled=reduced):
            loss: Tensor = module(batch, noise, *self._targets_of(rows))
            return loss

    def _targets_of(self, rows: Rows) -> list[Tensor]:
        if self.targets is None:
            return []
        return [torch.from_numpy(self.targets[rows]).to(self.device)]

    def run_epoch(self, end_step: Callable[[], None]) -> None:
        """Pass over the training images once, then measure the validation loss."""
        state = self.state
        self.network.train()
        total = torch.zeros((), device=self.device)
        order = state.shuffle.permutation(self.train_rows)
        for step, rows in enumerate(np.array_split(order, self.n_batches), start=1):
            # sorted: reads forwards
            mine, weight = self.processes.share(np.sort(rows))
            if len(mine) == 1:  # one image has no batch statistics; two equal ones do
                mine = np.repeat(mine, 2)
            loss = self.parts.gradients(mine, weight, self.loss_of)
            state.optimizer.step()
            state.schedule.step()
            total += loss * len(rows)  # on the device: no waiting
            if step % self.report_every == 0:
                end_step()
        self.network.eval()
        self.processes.sync_buffers(self.network)
        state.history["loss"].append(self.mean(total.item() / len(self.train_rows)))
        if len(self.validation_rows):
            loss_now = self.parts.mean_loss(
                self.validation_rows, self.plan.batch_size, self.loss_of
            )
            state.history["validation_loss"].append(self.mean(loss_now))
        self._judge()

    def mean(self, value: float) -> float:
        """Average a number over the processes."""
        return self.processes.mean(value, self.device)

    def _judge(self) -> None:
        """Refuse a loss that is no number; remember the best epoch."""
        history, epoch = self.state.history, self.state.epoch
        current = history.get("validation_loss", history["loss"])[-1]
        if not math.isfinite(history["loss"][-1]) or not math.isfinite(current):
            rate = self.plan.learning_rate
            raise TrainingError(
                f"Got a loss of {current} in epoch {epoch}, but expected a finite "
                f"number. Lower learning_rate={rate:g}, for example to "
                f"{rate / 10:g}, or look for extreme values in the images."
            )
        self.state.stopping.update(epoch - 1, current, self.network)

    def resume(self) -> int:
        """Take up an interrupted training; return the number of its next epoch."""
        if self.keeping:
            kept = self.checkpoint.read(self.fingerprint) if self.checkpoint else None
            kept = self.processes.broadcast(kept)
            if kept:
                self.state.load_state_dict(kept)
        return self.state.epoch

    def keep(self) -> None:
        """Write down all that a later process needs to continue."""
        if not self.keeping:
            return
        parts = self.parts.state_dict()  # of all processes, which gather it together
        if self.checkpoint:
            self.checkpoint.keep(self.fingerprint, self.state.state_dict(parts))

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
        if self.targets is not None:
            digest.update(np.ascontiguousarray(self.targets).data)
        return digest.hexdigest()
