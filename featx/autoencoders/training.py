"""The one training loop that every autoencoder shares."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from featx.autoencoders.base import batches
from featx.autoencoders.checkpoint import current_checkpoint
from featx.autoencoders.device import choose_dtype, tell_out_of_memory
from featx.autoencoders.processes import Processes
from featx.autoencoders.tensors import batch_reader, to_arrays, to_tensors
from featx.errors import TrainingError
from featx.storage import release_pages

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
    train_rows: NDArray[np.int64],
    validation_rows: NDArray[np.int64],
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
    device = next(network.parameters()).device
    dtype = choose_dtype(plan.precision, device)
    processes = Processes()
    generator = torch.Generator(device).manual_seed(plan.seed + processes.rank)
    read = batch_reader(images, device)
    shuffle = np.random.default_rng(plan.seed)
    n_batches = math.ceil(len(train_rows) / plan.batch_size)
    optimizer = torch.optim.AdamW(
        network.parameters(),
        plan.learning_rate,
        weight_decay=plan.weight_decay,
        fused=device.type in ("cpu", "cuda"),  # one pass over the weights
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.max_epochs * n_batches + 1
    )

    shared = processes.wrap(network)
    parts = _Parts(device, alone=processes.n == 1)

    def loss_of(rows: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        batch = read(rows)
        if plan.mirror and network.training:
            half = torch.rand(len(batch), device=device, generator=generator) < 0.5
            batch = torch.where(half[:, None, None, None], batch.flip(2), batch)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            if network.training:
                return shared(batch, generator)
            return network.loss(batch, generator)  # type: ignore[operator]

    def learn_from(rows: NDArray[np.int64], weight: float) -> Tensor:
        """One step of the optimiser; return the loss before it."""

        def gradients() -> Tensor:
            optimizer.zero_grad(set_to_none=True)
            total = torch.zeros((), device=device)
            for part in parts.of(rows):
                loss = weight * len(part) / len(rows) * loss_of(part, generator)
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.detach()
            return total

        loss = parts.fit_into_memory(gradients, len(rows))
        optimizer.step()
        schedule.step()
        return loss

    told_every = math.ceil(n_batches / 50)
    history: dict[str, list[float]] = {"loss": []}
    if len(validation_rows):
        history["validation_loss"] = []
    best_loss, best_epoch = math.inf, -1
    best_state: dict[str, Tensor] = {}
    checkpoint = current_checkpoint() if processes.rank == 0 else None
    keeping = processes.first(checkpoint is not None)
    first_epoch = 0
    if keeping:
        state = None
        if checkpoint:
            training = _fingerprint(
                network, images, train_rows, validation_rows, plan, processes.n
            )
            state = checkpoint.read(training)
        state = processes.first(state)
        if state:
            network.load_state_dict(to_tensors(state["network"]))
            _load_optimizer(optimizer, to_tensors(state["optimizer"]))
            schedule.load_state_dict(state["schedule"])
            generator.set_state(torch.from_numpy(state["generators"][processes.rank]))
            shuffle.bit_generator.state = state["shuffle"]
            history, first_epoch = state["history"], state["epoch"]
            best_loss, best_epoch = state["best_loss"], state["best_epoch"]
            best_state, parts.n = to_tensors(state["best_state"]), state["parts"]
    for epoch in range(first_epoch, plan.max_epochs):
        context = begin_epoch(epoch, n_batches // told_every)
        network.train()
        total = torch.zeros((), device=device)
        order = shuffle.permutation(train_rows)
        for step, rows in enumerate(np.array_split(order, n_batches), start=1):
            mine, weight = processes.share(np.sort(rows))  # sorted: reads forwards
            if len(mine) == 1:  # one image has no batch statistics; two equal ones do
                mine = np.repeat(mine, 2)
            # summed on the device: no waiting
            total += learn_from(mine, weight) * len(rows)
            if step % told_every == 0:
                end_step(context)
        network.eval()
        processes.same_buffers(network)
        history["loss"].append(processes.mean(total.item() / len(train_rows), device))
        if len(validation_rows):
            validation_loss = _validation_loss(
                lambda rows: loss_of(
                    rows, torch.Generator(device).manual_seed(plan.seed)
                ),
                validation_rows,
                -(-plan.batch_size // parts.n),
            )
            history["validation_loss"].append(processes.mean(validation_loss, device))
        current = history.get("validation_loss", history["loss"])[-1]
        if not math.isfinite(history["loss"][-1]) or not math.isfinite(current):
            raise TrainingError(
                f"Got a loss of {current} in epoch {epoch + 1}, but expected a finite "
                f"number. Lower learning_rate={plan.learning_rate:g}, for example to "
                f"{plan.learning_rate / 10:g}, or look for extreme values in the images."
            )
        if plan.early_stopping and len(validation_rows) and current < best_loss:
            best_loss, best_epoch = current, epoch
            best_state = copy.deepcopy(network.state_dict())
        stop = processes.mean(end_epoch(context, history), device) > 0
        if stop or (best_state and epoch - best_epoch >= plan.n_iter_no_change):
            break
        generators = (
            processes.everyone(generator.get_state().numpy()) if keeping else []
        )
        if checkpoint:
            checkpoint.keep(
                training,
                {
                    "network": to_arrays(network.state_dict()),
                    "optimizer": to_arrays(optimizer.state_dict()),
                    "schedule": schedule.state_dict(),
                    "generators": generators,
                    "shuffle": shuffle.bit_generator.state,
                    "history": history,
                    "epoch": epoch + 1,
                    "best_loss": best_loss,
                    "best_epoch": best_epoch,
                    "best_state": to_arrays(best_state),
                    "parts": parts.n,
                },
            )
    if best_state:
        network.load_state_dict(best_state)
    return history


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an optimiser, in memory as its parameters are.

    The fused ones go through parameters and averages side by side as they lie there.
    """
    optimizer.load_state_dict(state)
    for parameter, averages in optimizer.state.items():
        for name, value in averages.items():
            if value.shape == parameter.shape:
                averages[name] = torch.empty_like(parameter).copy_(value)


class _Parts:
    """In how many parts a batch goes through the network, one after another.

    One, as long as the memory of the device is enough. The gradients of the parts add up
    to that of the batch; only batch statistics are then those of a part.
    """

    def __init__(self, device: torch.device, *, alone: bool) -> None:
        self.n = 1
        self.device = device
        self.alone = alone

    def of(self, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Cut the rows of a batch; no part has fewer than two, if there are two."""
        return np.array_split(rows, max(1, min(self.n, len(rows) // 2)))

    def fit_into_memory(self, run: Callable[[], Tensor], n_rows: int) -> Tensor:
        """Run, with twice as many parts whenever the memory is not enough."""
        while True:
            try:
                return run()
            except torch.OutOfMemoryError:
                # of several processes, the others would wait for this one for ever
                if not self.alone or 2 * self.n > n_rows // 2:
                    raise
            self.n *= 2
            tell_out_of_memory(self.device, -(-n_rows // self.n))


def _fingerprint(
    network: nn.Module,
    images: Array,
    train_rows: NDArray[np.int64],
    validation_rows: NDArray[np.int64],
    plan: TrainingPlan,
    n_processes: int,
) -> str:
    """Hash all that the outcome of a training depends on."""
    digest = hashlib.sha256(repr((plan, n_processes)).encode())
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    for rows in (train_rows, validation_rows):
        digest.update(rows.tobytes())
    digest.update(f"{images.dtype} {images.shape}".encode())
    for part in batches(len(images), 4096):
        digest.update(np.ascontiguousarray(images[part]).data)
        release_pages(images)
    return digest.hexdigest()


def _validation_loss(
    loss_of: Callable[[NDArray[np.int64]], Tensor],
    rows: NDArray[np.int64],
    batch_size: int,
) -> float:
    """Mean loss over `rows`, without gradients."""
    with torch.inference_mode():
        parts = [
            (loss_of(part), len(part))
            for part in np.split(rows, range(batch_size, len(rows), batch_size))
        ]
    return sum(loss.item() * n for loss, n in parts) / len(rows)
