"""Fitted arrays as constants of torch modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def constant(values: Any, dtype: torch.dtype) -> Tensor:
    """Copy numbers to a tensor."""
    return torch.from_numpy(np.array(values)).to(dtype)


class Affine(nn.Module):
    """Rows x -> (x - mean) @ weights + offset.

    Parameters
    ----------
    weights : ndarray, shape (n_features, n_columns)
        As they are in NumPy.
    mean : ndarray, shape (n_features,), or float
        Subtracted first.
    offset : ndarray, shape (n_columns,), or float
        Added at last.
    dtype : torch.dtype
        That of the product.
    """

    weights: Tensor
    mean: Tensor
    offset: Tensor

    def __init__(
        self,
        weights: Any,
        mean: Any = 0.0,
        offset: Any = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        named = (("weights", weights), ("mean", mean), ("offset", offset))
        for name, values in named:
            self.register_buffer(name, constant(values, dtype))

    def forward(self, x: Tensor) -> Tensor:
        """(n, n_features) -> (n, n_columns)."""
        return (x.to(self.weights.dtype) - self.mean) @ self.weights + self.offset
