"""Autoencoder: what all encoders that are trained share."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.callback import CallbackSupportMixin, with_callbacks

from featx.autoencoders.base import Array, check_number, check_switch
from featx.autoencoders.callbacks import FitCallbacks
from featx.autoencoders.network_transformer import NetworkTransformer
from featx.memory_maps import take_rows

N_DRAWN_FROM = 2048  # images from which a `Readout` learns to draw


class Autoencoder(CallbackSupportMixin, NetworkTransformer):  # type: ignore[misc]
    """A transformer whose network is trained to reconstruct images."""

    max_epochs: int | str
    learning_rate: float
    weight_decay: float
    validation_fraction: float
    early_stopping: bool
    n_iter_no_change: int
    verbose: int
    history_: dict[str, list[float]]
    _fewest = 1  # epochs

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Train the autoencoder on images; labels are ignored.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            At least two images, uint8 or float, in any range.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        self : Autoencoder
            Fitted.

        Raises
        ------
        ValueError
            If X or a parameter cannot be used.
        TrainingError
            If the loss is no longer finite.
        """
        from featx.autoencoders.training import TrainingPlan, train

        images = self._check_images(X, reset=True, minimum=2)
        seed = self._initialize(images)
        max_epochs = self._resolve_epochs(len(images))
        self.history_, self.n_iter_ = {}, 0
        samples = self._samples(images, seed)
        targets = self._targets(images, seed)
        callbacks = FitCallbacks(self, X, y, max_epochs)
        if max_epochs:
            plan = TrainingPlan(
                max_epochs=max_epochs,
                batch_size=self.batch_size,
                learning_rate=float(self.learning_rate),
                weight_decay=float(self.weight_decay),
                early_stopping=self.early_stopping,
                n_iter_no_change=self.n_iter_no_change,
                precision=self.precision,
                mirror=self.augment_ == "flip",
                seed=seed,
            )
            rows = self._split(len(samples), seed)
            self.history_ = train(
                self.module_, samples, *rows, plan, callbacks, targets
            )
            self.n_iter_ = len(self.history_["loss"])
        self._finish(images, seed)
        callbacks.end()
        return self

    def _split(self, n: int, seed: int) -> tuple[Array, Array]:
        """Rows to train on and rows for early stopping."""
        order = np.random.default_rng(seed).permutation(n)
        n_validation = int(self.validation_fraction * n) if self.early_stopping else 0
        return np.sort(order[n_validation:]), np.sort(order[:n_validation])

    def _samples(self, images: Array, seed: int) -> Array:
        """Return what an epoch passes over: the images."""
        return images

    def _targets(self, images: Array, seed: int) -> Array | None:
        """Return what is to be predicted of each sample; None: the sample itself."""
        return None

    def _finish(self, images: Array, seed: int) -> None:
        """Learn what only a trained network can."""

    def _learn_readout(self, images: Array, seed: int) -> None:
        """Let the network's `Readout` learn to draw, from some of the images."""
        import torch

        from featx.autoencoders.tensors import to_tensor

        rng = np.random.default_rng(seed)
        n = min(len(images), N_DRAWN_FROM)
        some = np.sort(rng.choice(len(images), n, replace=False))
        readout: Any = self.module_.readout
        pixels, features = [], []
        for part in self._batches(n):
            batch = take_rows(images, some[part])
            features.append(self._drawn_from(batch))
            pixels.append(readout.reduce(to_tensor(batch)))
        device = next(self.module_.parameters()).device
        readout.learn(torch.cat(pixels).to(device), torch.cat(features).to(device))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.max_epochs != "auto":
            check_number("max_epochs", self.max_epochs, self._fewest, integer=True)
        check_number("learning_rate", self.learning_rate, 1e-12)
        check_number("weight_decay", self.weight_decay, 0)
        check_number("validation_fraction", self.validation_fraction, 0, 0.9)
        check_number("n_iter_no_change", self.n_iter_no_change, 1, integer=True)
        check_switch("early_stopping", self.early_stopping)
        if not isinstance(self.verbose, bool):
            check_number("verbose", self.verbose, 0, integer=True)

    def _resolve_epochs(self, n_images: int) -> int:
        """About 400,000 image views: many epochs for few images."""
        if self.max_epochs != "auto":
            return int(self.max_epochs)
        return int(np.clip(400_000 / n_images, 5, 50))
