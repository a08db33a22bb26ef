"""An untrained ResNet-18 and a kernel SVM on some of the images."""

from __future__ import annotations

import sys
from typing import Any

import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn
from torchvision.models import resnet18

from benchmarks.rivals import read


def main(folder: str, n_images: int) -> float:
    """Return the test accuracy in %."""
    (X, y), (Z, z) = (read(folder, part) for part in ("train", "test"))
    X, y = X[:n_images], y[:n_images]
    torch.manual_seed(0)
    net = resnet18(weights=None)
    net.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)  # as usual for small images
    net.maxpool = nn.Identity()
    net.fc = nn.Identity()
    net.eval()

    @torch.no_grad()
    def encode(images: Any) -> Any:
        parts = torch.from_numpy(images).permute(0, 3, 1, 2).split(200)
        return torch.cat([net(part.float() / 127.5 - 1) for part in parts]).numpy()

    head = make_pipeline(StandardScaler(), SVC(C=10))
    return 100 * float(head.fit(encode(X), y).score(encode(Z), z))


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2])))
