"""Files of weights: read as tensors alone, and checked against the module."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.errors import DataError, MissingDataError, ParameterError
from featx.own_code import first_line

if TYPE_CHECKING:
    from torch import Tensor, nn

_COUNTERS = "num_batches_tracked"


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
    wrapped = all(key.startswith("module.") for key in state)
    if wrapped and not hasattr(module, "module"):  # as torch trains on several devices
        inner: Any = OrderedDict(
            (key.removeprefix("module."), value) for key, value in state.items()
        )
        inner._metadata = getattr(state, "_metadata", None)
        state = inner
    try:
        found = module.load_state_dict(state, strict=False)
    except Exception as error:  # whatever the module's own code raises
        raise DataError(
            f"Got weights {path}, but expected those of {name}: {_mismatch(error)}."
        ) from error
    # what counts batches is only for training, and older files do not have it
    missing = [key for key in found.missing_keys if not key.endswith(_COUNTERS)]
    parts = [
        f"{what} {_some(keys)}"
        for what, keys in (("without", missing), ("with", found.unexpected_keys))
        if keys
    ]
    if parts:
        raise DataError(
            f"Got weights {path} {', '.join(parts)}, but expected those of {name}."
        )


def _mismatch(error: Exception) -> str:
    """Return the line that names the first tensor of another shape."""
    lines = [line.strip() for line in str(error).splitlines() if "mismatch" in line]
    return lines[0].rstrip(".") if lines else first_line(error)


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
        isinstance(key, str) and isinstance(value, torch.Tensor)
        for key, value in state.items()
    )
    if not tensors or not state:
        raise DataError(
            f"Got weights {path} that hold {type(state).__name__}, but expected tensors by "
            "name. Save module.state_dict()."
        )
    named: dict[str, Tensor] = state
    return named


def _some(keys: Sequence[str]) -> str:
    """Name three at most, and say how many more there are."""
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(keys[:3]) + more
