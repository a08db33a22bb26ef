"""What the tutorials of torch and torchvision show: data sets, loaders and loops."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Pictures(Dataset[Tensor]):
    """Images in memory, as torchvision's own data sets hold and give them.

    Parameters
    ----------
    X : ndarray of uint8, shape (n, h, w, 3)
        Images.
    mean, std : Tensor, shape (3,)
        Of the channels, in [0, 255].
    """

    def __init__(self, X: NDArray[np.uint8], mean: Tensor, std: Tensor) -> None:
        self.X = X
        self.transform = transforms.Compose(
            [
                transforms.ToTensor(),
                transforms.Normalize((mean / 255).tolist(), (std / 255).tolist()),
            ]
        )

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, i: int) -> Tensor:
        picture: Tensor = self.transform(Image.fromarray(self.X[i]))
        return picture


def loader(pictures: Pictures, batch_size: int, *, shuffle: bool) -> DataLoader[Tensor]:
    """Load with two processes, as the tutorials do."""
    return DataLoader(pictures, batch_size, shuffle=shuffle, num_workers=2)


def best_device() -> torch.device:
    """Choose the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def with_plain_layers(network: nn.Module) -> nn.Module:
    """Copy a network, with torch's own layers where featx has faster ones."""
    network = copy.deepcopy(network)
    for module in network.modules():
        for name, layer in module.named_children():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                kind = nn.Conv2d if isinstance(layer, nn.Conv2d) else nn.ConvTranspose2d
                own = kind(
                    layer.in_channels,
                    layer.out_channels,
                    layer.kernel_size,
                    layer.stride,
                    layer.padding,
                    bias=layer.bias is not None,
                )
                own.load_state_dict(layer.state_dict())
                setattr(module, name, own)
    return network.to(memory_format=torch.contiguous_format)


@torch.no_grad()
def whitened(x: Tensor, kernel: Tensor) -> Tensor:
    """Whiten (B, c, h, w) locally, as the formula reads."""
    height, width = kernel.shape[2:]
    edges = (width // 2, width // 2, height // 2, height // 2)
    white = F.conv2d(F.pad(x, edges, mode="replicate"), kernel)
    power = white.square().mean(1, keepdim=True)
    for window, edge in ((1, 9), (0, 4)), ((9, 1), (4, 0)):
        power = F.avg_pool2d(power, window, 1, edge, count_include_pad=False)
    return white * (power + 0.05).rsqrt()


def train(
    network: nn.Module,
    batches: DataLoader[Tensor],
    *,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
) -> float:
    """Train and return the mean loss of the last epoch."""
    device = best_device()
    network.to(device).train()
    optimizer = torch.optim.AdamW(
        network.parameters(), learning_rate, weight_decay=weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=epochs * len(batches) + 1
    )
    for _ in range(epochs):
        running = 0.0
        for batch in batches:
            x = batch.to(device)
            optimizer.zero_grad()
            target = torch.cat([x, whitened(x, network.whitening.kernel)], dim=1)
            loss = F.mse_loss(network.decoder(network.encoder(x)), target)
            loss.backward()
            optimizer.step()
            schedule.step()
            running += loss.item()
    return running / len(batches)
