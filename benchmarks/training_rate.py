"""Training a mid-sized autoencoder, against the machine's rate of matrix products.

The ratio is the part of that rate which training reaches, counted in the operations of
the convolutions alone, forwards and backwards.
"""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import matrix_rate, plain_torch, synthetic
from benchmarks.measure import Done, Work
from featx import ConvAutoencoder

SAYS = "training a 64-128-256 autoencoder, as a part of the machine's matrix rate"
UNIT = "10^9 operations"
BAR = 0.5
FULL = {"n_images": 16_384, "channels": (64, 128, 256), "batch_size": 256, "side": 2048}
QUICK = {"n_images": 128, "channels": (4, 8), "batch_size": 64, "side": 64}


def encoder(channels: tuple[int, ...], batch_size: int) -> ConvAutoencoder:
    """Build the autoencoder, trained for one epoch."""
    return ConvAutoencoder(
        n_components=channels[-1],
        hidden_channels=channels[:-1],
        noise=0,
        mask_fraction=0,
        augment=None,
        max_epochs=1,
        batch_size=batch_size,
        early_stopping=False,
        random_state=0,
    )


def operations_per_image(channels: tuple[int, ...]) -> float:
    """Count what the convolutions of one image take, forwards and backwards."""
    X = synthetic.images(4)
    fitted = encoder(channels, 4).set_params(device="cpu").fit(X)
    network = plain_torch.with_plain_layers(fitted.module_).train()
    x = network.normalization(torch.from_numpy(X))
    with FlopCounterMode(display=False) as counter:
        network.decoder(network.encoder(x)).sum().backward()
    return counter.get_total_flops() / len(X)


def ours(n_images: int, channels: tuple[int, ...], batch_size: int, side: int) -> Work:
    """Fit the estimator for one epoch."""
    X = synthetic.images(n_images)
    operations = operations_per_image(channels) * n_images
    encoder(channels, batch_size).fit(X[: 2 * batch_size])

    def work() -> Done:
        encoder(channels, batch_size).fit(X)
        return Done(operations / 1e9)

    return work


def plain(n_images: int, channels: tuple[int, ...], batch_size: int, side: int) -> Work:
    """Multiply matrices, as many operations."""
    return matrix_rate.products(operations_per_image(channels) * n_images, side)
