"""Image arrays to tensors, and the statistics of their channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from featx.autoencoders.base import Array, batches
from featx.memory_maps import release_pages, take_rows


def to_tensor(images: Array) -> torch.Tensor:
    """Copy a batch to a tensor: uint8 stays uint8, everything else becomes float32."""
    dtype = np.uint8 if images.dtype == np.uint8 else np.float32
    return torch.from_numpy(np.array(images, dtype))


def to_arrays(state: Any) -> Any:
    """Turn every tensor of a nested state into an array."""
    return _converted(state, torch.Tensor, lambda tensor: tensor.cpu().numpy())


def to_tensors(state: Any) -> Any:
    """Turn every array of a nested state into a tensor.

    Examples
    --------
    >>> to_tensors({"a": [np.zeros(1), 2]})
    {'a': [tensor([0.], dtype=torch.float64), 2]}
    """
    return _converted(state, np.ndarray, torch.from_numpy)


def _converted(state: Any, kind: type, convert: Callable[[Any], Any]) -> Any:
    if isinstance(state, dict):
        return {key: _converted(value, kind, convert) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_converted(value, kind, convert) for value in state)
    return convert(state) if isinstance(state, kind) else state


def batch_reader(
    images: Array, device: torch.device
) -> Callable[[NDArray[np.int64]], torch.Tensor]:
    """Prepare to bring rows of images (n, h, w, c) to a device.

    A CUDA device gets all images at once, where they take at most a quarter of its free
    memory; else each batch comes through page-locked memory. Neither makes the program wait
    for the device.
    """
    if device.type != "cuda":
        return lambda rows: to_tensor(take_rows(images, rows)).to(device)

    def copied(batch: torch.Tensor) -> torch.Tensor:
        return batch.pin_memory().to(device, non_blocking=True)

    free, _ = torch.cuda.mem_get_info(device)
    if images.size * (1 if images.dtype == np.uint8 else 4) > free / 4:
        return lambda rows: copied(to_tensor(take_rows(images, rows)))
    resident = to_tensor(images).to(device)
    return lambda rows: resident[copied(torch.from_numpy(rows))]


def channel_statistics(images: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation per channel, shape (c,); constant channels get 1."""
    size = max(1, 2**22 // images[0].size)
    if images.dtype == np.uint8:
        mean, std = _of_bytes(images, size)
    else:
        mean, std = _of_numbers(images, size)
    std[std < 1e-6 * np.maximum(1.0, np.abs(mean))] = 1.0
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(
        std, dtype=torch.float32
    )


def _of_bytes(
    images: Array, size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact, from how often each value occurs."""
    counts = np.zeros((images.shape[3], 256))
    for rows in batches(len(images), size):
        for channel, count in enumerate(counts):
            count += np.bincount(images[rows][..., channel].ravel(), minlength=256)
        release_pages(images)
    share = counts / counts.sum(axis=1, keepdims=True)
    mean = share @ np.arange(256)
    distance = np.arange(256) - mean[:, None]
    return mean, np.sqrt((share * distance**2).sum(axis=1))


def _of_numbers(
    images: Array, size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    count, total, squares = 0, np.zeros(images.shape[3]), np.zeros(images.shape[3])
    shift = images[0].mean(axis=(0, 1), dtype=np.float64)  # against cancellation
    for rows in batches(len(images), size):
        part = images[rows].astype(np.float64) - shift
        count += part.size // part.shape[3]
        total += part.sum(axis=(0, 1, 2))
        squares += (part**2).sum(axis=(0, 1, 2))
        release_pages(images)
    mean = total / count
    return mean + shift, np.sqrt(np.maximum(squares / count - mean**2, 0.0))
