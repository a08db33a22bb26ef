"""The one place that knows devices and precision."""

from __future__ import annotations

import warnings

import torch

from featx.errors import FeatxWarning, ParameterError, unknown_name
from featx.machine import PRECISIONS, check_device


def choose_device(device: str) -> torch.device:
    """Turn the `device` parameter into a device that is there.

    ``"auto"`` is a GPU when there is one.

    Raises
    ------
    ParameterError
        If the name is not known or the device is not there.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    check_device(device)
    kind, _, index = str(device).partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise ParameterError(
            f"Got device={device!r}, but expected one of the "
            f"{torch.cuda.device_count()} CUDA devices of this machine. Use "
            "device='auto' or device='cpu'."
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ParameterError(
            "Got device='mps', but this machine has no Apple GPU. Use device='auto'."
        )
    if kind == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    return torch.device(device)


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Choose the number format of the matrix products: float32 or bfloat16.

    ``"auto"`` means bfloat16 on a device that has instructions for it and float32
    elsewhere: without them, bfloat16 convolutions are many times slower than float32
    ones, not faster.

    Raises
    ------
    ParameterError
        If the name is not known.

    Examples
    --------
    >>> choose_dtype("float32", torch.device("cpu"))
    torch.float32
    """
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    if precision == "auto":
        return torch.bfloat16 if _has_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(False)
    if device.type != "cpu":
        return False
    # older releases of torch do not tell what a processor can
    can: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(can.get(name) for name in ("avx512_bf16", "amx_bf16"))


def tell_out_of_memory(device: torch.device, n_images: int) -> None:
    """Warn that fewer images go through the network at once, after a lack of memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    warnings.warn(
        f"Got too little memory on {describe_device(device)}; {n_images} "
        "images at once are tried. A smaller batch size avoids this.",
        FeatxWarning,
        stacklevel=2,
    )


def describe_device(device: torch.device) -> str:
    """Name a device for people, for example ``"cuda (NVIDIA H200)"``."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return device.type
