"""A network of others through TorchEncoder, against torchvision's extractor in a loop."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet18
from torchvision.models.feature_extraction import create_feature_extractor

from benchmarks import plain_torch, synthetic
from benchmarks.measure import Done, Work
from featx import TorchEncoder

SAYS = "features of a ResNet-18 by TorchEncoder against a torchvision feature loop"
UNIT = "images"
BAR = None
AGREE, RELATIVE = 1e-5, True  # of the mean feature
FULL = {"n_images": 1_024, "side": 64, "batch_size": 128}
QUICK = {"n_images": 32, "side": 32, "batch_size": 16}
LAYERS = ["layer3", "layer4"]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def network() -> nn.Module:
    """Build it with the same weights each time; whose they are changes no speed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module: nn.Module = resnet18(weights=None)
    return module.eval()


def operations(side: int, **size: object) -> float:
    """Count what the network takes for one image."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network()(torch.zeros(2, 3, side, side))
    return counter.get_total_flops() / 2


def ours(n_images: int, side: int, batch_size: int) -> Work:
    """Transform."""
    X = synthetic.images(n_images)
    encoder = TorchEncoder(
        network(),
        layers=LAYERS,
        size=side,
        preprocess="imagenet",
        batch_size=batch_size,
        device=str(plain_torch.best_device()),
    ).fit(X)

    def work() -> Done:
        return Done(n_images, float(encoder.transform(X).mean()))

    work()
    return work


def plain(n_images: int, side: int, batch_size: int) -> Work:
    """Resize, normalize, extract, pool and collect, batch by batch."""
    pictures = plain_torch.Pictures(
        synthetic.images(n_images),
        255 * torch.tensor(MEAN),
        255 * torch.tensor(DEVIATION),
    )
    device = plain_torch.best_device()
    extractor = create_feature_extractor(network(), LAYERS).to(device)

    def work() -> Done:
        found = []
        with torch.no_grad():
            for x in plain_torch.loader(pictures, batch_size, shuffle=False):
                x = F.interpolate(
                    x,
                    (side, side),
                    mode="bilinear",
                    align_corners=False,
                    antialias=True,
                )
                out = extractor(x.to(device))
                pooled = [F.adaptive_avg_pool2d(out[name], 1) for name in LAYERS]
                found.append(torch.cat([p.flatten(1) for p in pooled], 1).cpu())
        return Done(n_images, float(torch.cat(found).numpy().mean()))

    work()
    return work
