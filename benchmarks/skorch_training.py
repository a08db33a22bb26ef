"""Training the same autoencoder with skorch, which is in the extra `peers`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import plain_torch, synthetic, training
from benchmarks.measure import Done, Work

SAYS = "training a 32-64-128 convolutional autoencoder against skorch"
UNIT = "images"
BAR = None  # how far ahead of a peer is measured, not promised
NEEDS = "skorch"
FULL, QUICK = training.FULL, training.QUICK
ours = training.ours


class Reconstruction(nn.Module):
    """The network as skorch wants it: standardised images in, squared errors out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, X: Tensor) -> Tensor:
        """(B, 3, h, w) -> squared errors of pixels and of whitened pixels."""
        errors: Tensor = self.network.errors(self.network.code(X), X)
        return errors


def plain(n_images: int, epochs: int, batch_size: int) -> Work:
    """Fit skorch's regressor to standardised images in memory."""
    from skorch import NeuralNetRegressor

    X = synthetic.images(n_images)
    start = training.encoder(1, batch_size).fit(X[: 2 * batch_size])
    scale = start.module_.cpu().normalization
    with torch.no_grad():
        x = np.ascontiguousarray(scale(torch.from_numpy(X)).numpy())

    def fit(x: np.ndarray[Any, Any], max_epochs: int) -> None:
        net = NeuralNetRegressor(
            Reconstruction(start.module_),
            criterion=nn.MSELoss,
            optimizer=torch.optim.AdamW,
            lr=2e-3,
            max_epochs=max_epochs,
            batch_size=batch_size,
            train_split=None,
            iterator_train__shuffle=True,
            device=plain_torch.best_device().type,
            verbose=0,
        )
        n_values = start.module_.decoder.stages[-1][0].out_channels
        net.fit(x, np.zeros((len(x), n_values, *x.shape[2:]), np.float32))

    fit(x[: 2 * batch_size], 1)

    def work() -> Done:
        fit(x, epochs)
        return Done(epochs * n_images)

    return work
