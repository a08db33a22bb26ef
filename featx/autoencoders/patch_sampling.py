"""Patches to learn from, and the filters that learning begins with."""

from __future__ import annotations

import numpy as np
import torch

from featx.autoencoders.base import Array, batches
from featx.autoencoders.patch_network import PatchNetwork
from featx.autoencoders.tensors import to_tensor
from featx.memory_maps import release_pages

_N_WHITENING = 100_000  # patches from which whitening is learned


def cut_patches(network: PatchNetwork, images: Array, n: int, seed: int) -> Array:
    """Patches of the coarsest resolution from anywhere in reduced images.

    Shape (n, height, width, c).
    """
    rng = np.random.default_rng(seed)
    sides = [
        min(patch * 2 ** (len(network.scales) - 1), side)
        for patch, side in zip(
            network.patch_shape, network.readout.reduced_shape, strict=False
        )
    ]
    shape = [
        min(size * network.readout.downsample, side)
        for size, side in zip(sides, images.shape[1:3], strict=True)
    ]
    image = np.sort(rng.integers(len(images), size=n))  # reads a file forwards
    top, left = (
        rng.integers(side - size + 1, size=n)
        for side, size in zip(images.shape[1:3], shape, strict=True)
    )
    cuts = np.empty((n, *sides, images.shape[3]), np.float32)
    for part in batches(n, max(1, 2**22 // (shape[0] * shape[1]))):
        cut = images[
            image[part, None, None],
            top[part, None, None] + np.arange(shape[0])[:, None],
            left[part, None, None] + np.arange(shape[1]),
        ]
        release_pages(images)
        cuts[part] = network.readout.reduce(to_tensor(cut)).numpy()
    return cuts


def start_filters(
    network: PatchNetwork, cuts: Array, whitening_eps: float, seed: int
) -> None:
    """Learn whitening from patches, and let filters begin as some of them."""
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed + 1)
    some = rng.choice(len(cuts), min(len(cuts), _N_WHITENING), replace=False)
    for scale, patches in network.patches(to_tensor(cuts[some]).to(device)):
        scale.learn_whitening(patches, whitening_eps)
    most = max(len(filters) for filters in network.parameters())
    first = rng.choice(len(cuts), most, len(cuts) < most)
    for scale, patches in network.patches(to_tensor(cuts[first]).to(device)):
        noise = torch.randn(scale.filters.shape, generator=generator).to(device)
        scale.start_from(patches[: len(noise)], noise)
