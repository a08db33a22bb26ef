"""Image arrays to tensors, and the statistics of their channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from featx.autoencoders.base import batches

Array = NDArray[Any]


def to_tensor(images: Array) -> torch.Tensor:
    """Copy a batch to a tensor: uint8 stays uint8, everything else becomes float32."""
    dtype = np.uint8 if images.dtype == np.uint8 else np.float32
    return torch.from_numpy(np.array(images, dtype))


def channel_statistics(images: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation per channel, shape (c,); constant channels get 1."""
    count, total, squares = 0, np.zeros(images.shape[3]), np.zeros(images.shape[3])
    shift = images[0].mean(axis=(0, 1), dtype=np.float64)  # against cancellation
    for rows in batches(len(images), max(1, 2**22 // images[0].size)):
        part = images[rows].astype(np.float64) - shift
        count += part.size // part.shape[3]
        total += part.sum(axis=(0, 1, 2))
        squares += (part**2).sum(axis=(0, 1, 2))
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    std[std < 1e-6 * np.maximum(1.0, np.abs(mean + shift))] = 1.0
    to_float = torch.float32
    return torch.tensor(mean + shift, dtype=to_float), torch.tensor(std, dtype=to_float)
