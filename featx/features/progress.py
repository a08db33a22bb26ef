"""The progress of a training, from scikit-learn's callbacks to a plain function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.base import BaseEstimator

Progress = Callable[[str, int, int], None]  # description, done, in all (0: unknown)


class EpochProgress:
    """A scikit-learn callback that tells every step of a training.

    Parameters
    ----------
    name : str
        What is being trained.
    progress : callable
        Called with a description, the steps done and the steps in all.
    """

    def __init__(self, name: str, progress: Progress) -> None:
        self.name = name
        self.progress = progress
        self.loss = ""

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """End."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing happens before a task."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Tell how far the training is."""
        if context.task_name == "epoch":
            last = {k: v[-1] for k, v in estimator.history_.items()}
            self.loss = ", " + ", ".join(
                f"{k.replace('_', ' ')} {v:.4f}" for k, v in last.items()
            )
        elif context.task_name == "batches":
            epoch = context.parent
            epochs, steps = epoch.parent.max_subtasks, epoch.max_subtasks
            self.progress(
                f"train {self.name}, epoch {epoch.task_id + 1} of {epochs}{self.loss}",
                epoch.task_id * steps + context.task_id + 1,
                epochs * steps,
            )


@contextmanager
def training_progress(
    encoder: BaseEstimator, name: str, progress: Progress | None
) -> Iterator[None]:
    """Tell the progress of whatever is fitted inside.

    Callbacks of its own hear the training too. Afterwards it has none: they are no part of
    what is kept.
    """
    if progress is not None:
        progress(f"train {name}", 0, 0)
    if not (hasattr(encoder, "max_epochs") and hasattr(encoder, "set_callbacks")):
        yield
        return
    if progress is not None:
        own = getattr(encoder, "_skl_callbacks", ())
        encoder.set_callbacks(*own, EpochProgress(name, progress))
    try:
        yield
    finally:
        encoder.set_callbacks()
