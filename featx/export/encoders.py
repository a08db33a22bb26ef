"""Fitted encoders -> torch modules that can stand in a graph."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.pipeline import FeatureUnion, Pipeline
from torch import Tensor, nn
from torch.nn import functional as F

from featx.autoencoders.compact import CompactAutoencoder
from featx.autoencoders.conv import ConvAutoencoder
from featx.autoencoders.network_transformer import NetworkTransformer
from featx.autoencoders.patch import PatchAutoencoder
from featx.autoencoders.patch_filters import PatchFilters
from featx.autoencoders.patch_network import PatchNetwork
from featx.autoencoders.predictive import PredictiveAutoencoder
from featx.autoencoders.raw import RawPixels
from featx.autoencoders.readout import averaged
from featx.autoencoders.untrained import UntrainedAutoencoder
from featx.encoders.torch_encoder import TorchEncoder
from featx.errors import ParameterError
from featx.export.arrays import Affine, constant
from featx.export.networks import TorchFeatures


def encoder_module(encoder: BaseEstimator) -> nn.Module:
    """Build what says the same of images (n, h, w, c), float32, as a fitted encoder.

    Raises
    ------
    ParameterError
        If it is none that can be built.
    """
    if isinstance(encoder, Pipeline):
        return nn.Sequential(*(_step(step) for _, step in encoder.steps))
    if isinstance(encoder, FeatureUnion):
        weights = encoder.transformer_weights or {}
        return _SideBySide(
            [encoder_module(one) for _, one in encoder.transformer_list],
            [weights.get(name, 1.0) for name, _ in encoder.transformer_list],
        )
    return _step(encoder)


def _step(step: Any) -> nn.Module:
    build = _KINDS.get(type(step))  # another class may encode otherwise
    if build is None:
        raise ParameterError(
            f"Got {type(step).__name__} in an encoder, but expected encoders of featx "
            "itself, torch modules, or PCA: no other is exported. Fit a model with one of "
            "them."
        )
    return build(step)


def _compact(encoder: CompactAutoencoder) -> nn.Module:
    weights = encoder.components_ / encoder.scale_[:, None]
    return nn.Sequential(
        encoder_module(encoder.encoder_), Affine(weights, encoder.mean_), _SameLength()
    )


def _network(encoder: Any) -> nn.Module:
    return _Mirrored(_Encode(_plain(encoder)), encoder.augment_)


def pca_module(pca: PCA) -> nn.Module:
    """Project on components, as a fitted PCA does."""
    components = pca.components_
    if pca.whiten:
        spread = np.sqrt(pca.explained_variance_)
        least = np.finfo(spread.dtype).eps  # as scikit-learn has it
        components = components / np.maximum(spread, least)[:, None]
    return Affine(components.T, pca.mean_)


def _plain(encoder: NetworkTransformer) -> nn.Module:
    """Copy the network of an encoder to where graphs are made."""
    module = copy.deepcopy(encoder.module_).cpu().float().eval()
    plain: nn.Module = module.to(memory_format=torch.contiguous_format)
    return plain.requires_grad_(False)


class _Flat(nn.Module):
    """Pixels, scaled."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = float(np.float32(scale))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) * self.scale


class _Encode(nn.Module):
    """What a network says in `encode`, as its forward pass."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.network.encode(images)
        return features


class _Mirrored(nn.Module):
    """Features of an image, or the mean of those of it and of its mirror image."""

    def __init__(self, module: nn.Module, augment: str | None) -> None:
        super().__init__()
        self.module, self.mirrors = module, augment == "flip"

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.module(images)
        if not self.mirrors:
            return features
        return (features + self.module(images.flip(2))) / 2


class _Patches(nn.Module):
    """`PatchNetwork.encode` without what only makes it fast."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        assert isinstance(network, PatchNetwork)
        self.downsample = network.readout.downsample
        self.scales = nn.ModuleList(_Filters(scale) for scale in network.scales)

    def forward(self, images: Tensor) -> Tensor:
        images = averaged(images, self.downsample)
        codes = []
        for scale in self.scales:
            codes.append(scale(images))
            images = averaged(images, 2)
        return torch.cat(codes, dim=1)


class _Filters(nn.Module):
    """`PatchFilters.encode`: a convolution, corrected for the contrast of each patch."""

    kernel: Tensor
    sums: Tensor
    offset: Tensor
    floor: Tensor
    averages: Tensor

    def __init__(self, filters: Any) -> None:
        super().__init__()
        assert isinstance(filters, PatchFilters)
        self.patch_shape, self.threshold = filters.patch_shape, filters.threshold
        rows = F.normalize(filters.filters, dim=1) @ filters.whitening
        height, width = filters.patch_shape
        kernel = rows.reshape(len(rows), height, width, -1).permute(0, 3, 1, 2)
        self.register_buffer("kernel", kernel.contiguous())
        self.register_buffer("sums", rows.sum(dim=1)[:, None, None])
        self.register_buffer("offset", (rows @ filters.center)[:, None, None])
        self.register_buffer("floor", filters.contrast_floor.clone())
        self.register_buffer("averages", filters.averages.clone())

    def forward(self, images: Tensor) -> Tensor:
        """(B, h, w, c) -> features (B, cells * 2 * n_components)."""
        x = images - images.mean((1, 2, 3), keepdim=True)
        x = x.permute(0, 3, 1, 2)
        mean = self._mean(x)
        variance = (self._mean(x.square()) - mean.square()).clamp(min=0)
        scale = (variance + self.floor).rsqrt()
        responses = (F.conv2d(x, self.kernel) - mean * self.sums) * scale - self.offset
        flat = responses.flatten(2)  # (B, n_components, positions)
        both = [(sign * flat - self.threshold).relu() for sign in (1, -1)]
        pooled = [one @ self.averages.T for one in both]  # (B, n_components, cells)
        return torch.stack(pooled, dim=1).permute(0, 3, 1, 2).flatten(1)

    def _mean(self, x: Tensor) -> Tensor:
        """Mean over each patch, (B, 1, rows, columns)."""
        return F.avg_pool2d(x.mean(dim=1, keepdim=True), self.patch_shape, 1)


class _SameLength(nn.Module):
    """Rows scaled to mean square one, see `featx.autoencoders.stable.same_length`."""

    def forward(self, features: Tensor) -> Tensor:
        power = features.square().mean(dim=1, keepdim=True)
        return features / power.clamp(min=1e-12).sqrt()


class _Predictive(nn.Module):
    """The network's features and those of its teacher, each of the same length."""

    def __init__(self, encoder: PredictiveAutoencoder) -> None:
        super().__init__()
        self.network = _Mirrored(_Encode(_plain(encoder)), encoder.augment_)
        self.n_taught = encoder._widths[1]
        self.teacher = encoder_module(encoder.teacher_)
        self.same_length = _SameLength()

    def forward(self, images: Tensor) -> Tensor:
        learned: Tensor = self.same_length(self.network(images))
        if not self.n_taught:
            return learned
        taught = self.same_length(self.teacher(images)[:, : self.n_taught])
        return torch.cat([learned, taught], dim=1)


class _SideBySide(nn.Module):
    """Features of several encoders, each times a number."""

    def __init__(self, parts: list[nn.Module], weights: list[float]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.weights = [constant(weight, torch.float32) for weight in weights]

    def forward(self, images: Tensor) -> Tensor:
        pairs = zip(self.parts, self.weights, strict=True)
        return torch.cat([part(images) * weight for part, weight in pairs], dim=1)


_KINDS: dict[type, Callable[[Any], nn.Module]] = {
    RawPixels: lambda raw: _Flat(raw.scale_),
    PCA: pca_module,
    PatchAutoencoder: lambda patch: _Mirrored(_Patches(_plain(patch)), patch.augment_),
    CompactAutoencoder: _compact,
    PredictiveAutoencoder: _Predictive,
    ConvAutoencoder: _network,
    UntrainedAutoencoder: _network,
    TorchEncoder: TorchFeatures,
}
