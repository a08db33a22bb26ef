"""What scikit-learn's callbacks are told of a training."""

from __future__ import annotations

from typing import Any


class FitCallbacks:
    """Tells the callbacks of an autoencoder how far its fit has come.

    Parameters
    ----------
    autoencoder : Autoencoder
        What is fitted; its `history_` and `n_iter_` are kept up to date.
    X, y : object
        As `fit` got them.
    max_epochs : int
        Epochs at most.
    """

    def __init__(self, autoencoder: Any, X: object, y: object, max_epochs: int) -> None:
        self.autoencoder = autoencoder
        self.arguments = {"estimator": autoencoder, "X": X, "y": y}
        self.max_epochs = max_epochs
        self.fit = autoencoder._init_callback_context(max_subtasks=max_epochs)
        self.fit.call_on_fit_task_begin(**self.arguments)

    def begin_epoch(self, number: int, n_steps: int) -> None:
        """Begin the epoch of this number, from 0, of which `n_steps` will be told."""
        for _ in range(number - self.autoencoder.n_iter_):  # before an interruption
            self.fit.subcontext(task_name="epoch")
        epoch = self.fit.subcontext(task_name="epoch", max_subtasks=n_steps)
        self.epoch = epoch.call_on_fit_task_begin(**self.arguments)

    def end_step(self) -> None:
        """Tell that some batches are done."""
        step = self.epoch.subcontext(task_name="batches")
        step.call_on_fit_task_begin(estimator=self.autoencoder)
        step.call_on_fit_task_end(estimator=self.autoencoder)

    def end_epoch(self, history: dict[str, list[float]]) -> bool:
        """Tell the losses so far; return whether a callback wants to stop."""
        autoencoder = self.autoencoder
        autoencoder.history_, autoencoder.n_iter_ = history, len(history["loss"])
        if autoencoder.verbose:
            losses = ", ".join(f"{k} {v[-1]:.4f}" for k, v in history.items())
            number = f"{autoencoder.n_iter_}/{self.max_epochs}"
            print(f"epoch {number}: {losses}")  # noqa: T201  # verbose
        fitted = {"reconstruction_attributes": lambda: {"module_": autoencoder.module_}}
        return bool(self.epoch.call_on_fit_task_end(**self.arguments, **fitted))

    def end(self) -> None:
        """End the fit."""
        self.fit.call_on_fit_task_end(**self.arguments)
