"""Files of weights: read as tensors alone, and checked against the module."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.encoders.named import first_line
from featx.errors import DataError, MissingDataError, ParameterError

if TYPE_CHECKING:
    from torch import Tensor, nn


def load_weights(module: nn.Module, weights: str | os.PathLike[str], name: str) -> None:
    """Load a `state_dict` into a module, without running what is in the file.

    Raises
    ------
    MissingDataError
        If there is no such file.
    DataError
        If it holds no weights, or those of another architecture.
    """
    path = Path(os.path.expanduser(weights))
    if not path.is_file():
        raise MissingDataError(
            f"Got weights {str(weights)!r}, but there is no such file."
        )
    state = read_weights(path)
    wanted = module.state_dict()
    missing = sorted(wanted.keys() - state.keys())
    strange = sorted(state.keys() - wanted.keys())
    other = sorted(
        key
        for key in wanted.keys() & state.keys()
        if wanted[key].shape != state[key].shape
    )
    if missing or strange or other:
        parts = [
            f"{what} {', '.join(keys[:3])}"
            + (f" and {len(keys) - 3} more" * (len(keys) > 3))
            for what, keys in (
                ("without", missing),
                ("with", strange),
                ("with another shape of", other),
            )
            if keys
        ]
        raise DataError(
            f"Got weights {path} {', '.join(parts)}, but expected those of {name}."
        )
    module.load_state_dict(state)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a file of safetensors, or of torch without pickled code."""
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError as error:
        raise ParameterError(
            f"Got weights {path}, but the package safetensors is not installed. Install "
            "it, or give a file that torch.save wrote."
        ) from error
    except Exception as error:  # whatever torch raises for a file that it does not take
        raise DataError(
            f"Got weights {path}, which cannot be read as tensors alone "
            f"({type(error).__name__}: {first_line(error)}). Save module.state_dict() "
            "with torch.save, or with safetensors."
        ) from error
    for key in ("state_dict", "model"):  # as trainers wrap them
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    tensors = isinstance(state, dict) and all(
        isinstance(value, torch.Tensor) for value in state.values()
    )
    if not tensors or not state:
        raise DataError(
            f"Got weights {path} that hold {type(state).__name__}, but expected tensors by "
            "name. Save module.state_dict()."
        )
    return {str(key).removeprefix("module."): value for key, value in state.items()}


def _some(keys: Sequence[str]) -> str:
    """Name three at most, and say how many more there are."""
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(keys[:3]) + more
