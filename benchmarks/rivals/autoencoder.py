"""A convolutional autoencoder trained with skorch, and logistic regression on its code."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor
from torch import Tensor, nn

from benchmarks.rivals import read


class Net(nn.Module):
    """Three halving convolutions and back."""

    def __init__(self) -> None:
        super().__init__()

        def down(i: int, o: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(i, o, 3, 2, 1), nn.BatchNorm2d(o), nn.ReLU())

        def up(i: int, o: int) -> nn.Sequential:
            return nn.Sequential(
                nn.ConvTranspose2d(i, o, 4, 2, 1), nn.BatchNorm2d(o), nn.ReLU()
            )

        self.encoder = nn.Sequential(down(3, 32), down(32, 64), down(64, 128))
        last = nn.ConvTranspose2d(32, 3, 4, 2, 1)
        self.decoder = nn.Sequential(up(128, 64), up(64, 32), last)

    def forward(self, X: Tensor) -> Tensor:
        """(B, 3, h, w) -> the same."""
        drawn: Tensor = self.decoder(self.encoder(X))
        return drawn


def main(folder: str, epochs: int) -> float:
    """Return the test accuracy in %."""
    (X, y), (Z, z) = (read(folder, part) for part in ("train", "test"))
    torch.manual_seed(0)
    X, Z = (
        np.ascontiguousarray(a.transpose(0, 3, 1, 2)).astype(np.float32) / 127.5 - 1
        for a in (X, Z)
    )
    net = NeuralNetRegressor(
        Net,
        criterion=nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=epochs,
        batch_size=128,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
    ).fit(X, X)
    encoder = net.module_.encoder.eval()

    @torch.no_grad()
    def encode(images: Any) -> Any:
        parts = torch.from_numpy(images).split(500)
        return torch.cat([encoder(part).flatten(1) for part in parts]).numpy()

    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    return 100 * float(head.fit(encode(X), y).score(encode(Z), z))


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))
