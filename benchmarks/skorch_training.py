"""Training the same autoencoder with skorch, which is in the extra `peers`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks import plain_torch, synthetic, training
from benchmarks.measure import Done, Work

SAYS = "training a 32-64-128 convolutional autoencoder against skorch"
UNIT = "images"
BAR = None  # how far ahead of a peer is measured, not promised
NEEDS = "skorch"
FULL, QUICK = training.FULL, training.QUICK
ours, operations = training.ours, training.operations


class Reconstruction(nn.Module):
    """The network as skorch wants it: standardized images in, drawn ones out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, X: Tensor) -> Tensor:
        """(B, 3, h, w) -> pixels and whitened pixels (B, 6, h, w)."""
        drawn: Tensor = self.network.decoder(self.network.encoder(X))
        return drawn


def plain(n_images: int, epochs: int, batch_size: int) -> Work:
    """Fit skorch's regressor to images standardized and whitened beforehand."""
    from skorch import NeuralNetRegressor

    X = synthetic.images(n_images)
    start = training.encoder(1, batch_size).fit(X[: 2 * batch_size])
    network = plain_torch.with_plain_layers(start.module_.cpu())
    with torch.no_grad():
        standard = network.normalization(torch.from_numpy(X)).contiguous()
        white = plain_torch.whitened(standard, network.whitening.kernel)
    x = standard.numpy()
    target = torch.cat([standard, white], dim=1).numpy()

    def fit(n: int, max_epochs: int) -> None:
        net = NeuralNetRegressor(
            Reconstruction(network),
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
        net.fit(x[:n], target[:n])

    fit(2 * batch_size, 1)

    def work() -> Done:
        fit(n_images, epochs)
        return Done(epochs * n_images)

    return work
