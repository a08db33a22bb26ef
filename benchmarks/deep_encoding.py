"""Encoding with a deep encoder, against torchvision's feature extractor in a loop."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.feature_extraction import create_feature_extractor

from benchmarks import plain_torch, synthetic
from benchmarks.measure import Done, Work
from featx import UntrainedAutoencoder

SAYS = "encoding with a 64-128-256 encoder against a torchvision feature loop"
UNIT = "images"
BAR = 10.0
AGREE, RELATIVE = 1e-3, True  # of the mean feature
FULL = {"n_images": 10_240, "channels": (64, 128, 256), "batch_size": 128}
QUICK = {"n_images": 64, "channels": (4, 8), "batch_size": 32}


def encoder(channels: tuple[int, ...], batch_size: int) -> UntrainedAutoencoder:
    """Build the encoder; whether it is trained makes no difference to its speed."""
    return UntrainedAutoencoder(
        n_components=channels[-1],
        hidden_channels=channels[:-1],
        augment=None,
        batch_size=batch_size,
        random_state=0,
    )


def operations(channels: tuple[int, ...], **size: object) -> float:
    """Count what the convolutions of one image take."""
    X = synthetic.images(4)
    network = encoder(channels, 4).set_params(device="cpu").fit(X).module_
    x = network.normalization(torch.from_numpy(X))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.encoder(x)
    return counter.get_total_flops() / len(X)


def ours(n_images: int, channels: tuple[int, ...], batch_size: int) -> Work:
    """Transform."""
    X = synthetic.images(n_images)
    fitted = encoder(channels, batch_size).fit(X)
    fitted.transform(X[: 4 * batch_size])

    def work() -> Done:
        return Done(n_images, float(fitted.transform(X).mean()))

    return work


def plain(n_images: int, channels: tuple[int, ...], batch_size: int) -> Work:
    """Extract, pool and collect the outputs of the stages, batch by batch."""
    X = synthetic.images(n_images)
    device = plain_torch.best_device()
    network = encoder(channels, batch_size).fit(X).module_.cpu()
    network = plain_torch.with_plain_layers(network)
    scale, grid = network.normalization, network.grid
    stages = [str(i) for i in reversed(range(len(channels)))]
    pictures = plain_torch.Pictures(X, scale.mean, scale.std)
    layers = nn.Sequential(*(nn.Sequential(*stage) for stage in network.encoder))
    extractor = create_feature_extractor(layers.eval(), stages)
    extractor.to(device).eval()

    def work() -> Done:
        found = []
        with torch.no_grad():
            for x in plain_torch.loader(pictures, batch_size, shuffle=False):
                out = extractor(x.to(device))
                pooled = [F.adaptive_avg_pool2d(out[s], grid) for s in stages]
                found.append(torch.cat([p.flatten(1) for p in pooled], 1).cpu())
        return Done(n_images, float(torch.cat(found).numpy().mean()))

    work()
    return work
