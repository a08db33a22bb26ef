"""What a model knows of its training images, as named arrays and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.classifiers import RiskCoverage
from featx.known_images import KnownImages
from featx.model import Model

_Fields = dict[str, tuple[str, tuple[str, ...]]]  # kind and sides of each array

_RISK: _Fields = {"confidence": ("f", ("n",)), "right": ("b", ("n",))}
_KNOWN: _Fields = {
    "mean": ("f", ("d",)),
    "scale": ("f", ("d",)),
    "components": ("f", ("d", "k")),
    "spread": ("f", ("k",)),
    "points": ("f", ("m", "k")),
    "residuals": ("f", ("m",)),
    "labels": ("i", ("m",)),
    "ids": ("U", ("m",)),
    "middle": ("f", ("respects",)),
    "width": ("f", ("respects",)),
    "usual": ("f", ("u",)),
}


def evidence_of(model: Model) -> dict[str, NDArray[Any]]:
    """Collect what a model knows of training images, as arrays."""
    arrays: dict[str, NDArray[Any]] = {}
    for part, fields in ((model.risk, _RISK), (model.known, _KNOWN)):
        if part is not None:
            arrays |= {name: getattr(part, name) for name in fields}
    return arrays


def with_evidence(model: Model, arrays: Any) -> Model:
    """Give a model what it knows of training images; ValueError if that cannot be."""
    if not isinstance(arrays, dict):
        raise TypeError("no arrays by name")
    parts: dict[str, Any] = {}
    for kind, name, fields in (
        (RiskCoverage, "risk", _RISK),
        (KnownImages, "known", _KNOWN),
    ):
        if arrays.keys() & fields:
            found = {key: arrays.pop(key) for key in fields}
            _check_sizes(found, fields)
            parts[name] = kind(**found)
    if arrays:
        raise ValueError(f"arrays named {sorted(map(str, arrays))}")
    risk, known = parts.get("risk"), parts.get("known")
    if risk is not None:
        if model.calibration is None:
            raise ValueError("errors by probability without a calibration")
        if (np.diff(risk.confidence) > 0).any() or not _are_shares(risk.confidence):
            raise ValueError("confidences that are no probabilities in order")
    if known is not None:
        labels = known.labels
        if not ((labels >= 0) & (labels < len(model.class_names))).all():
            raise ValueError("images of classes that are not there")
        if (np.diff(known.usual) < 0).any():
            raise ValueError("usual distances that are not in order")
        scales = [*known.scale, *known.spread, *known.width]
        if len(known.width) != 2 or not min(scales) > 0:
            raise ValueError("features or distances that do not vary")
    return replace(model, **parts)


def _are_shares(values: NDArray[np.floating]) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


def _check_sizes(arrays: dict[str, Any], fields: _Fields) -> None:
    """Raise ValueError unless arrays are of their kinds, and as long as each other."""
    sizes: dict[str, int] = {}
    for name, (kind, sides) in fields.items():
        array = arrays[name]
        if type(array) is not np.ndarray or array.dtype.kind != kind:
            raise ValueError(f"a strange {name}")
        if array.ndim != len(sides) or not array.size:
            raise ValueError(f"a {name} of shape {array.shape}")
        for side, length in zip(sides, array.shape, strict=True):
            if sizes.setdefault(side, length) != length:
                raise ValueError(f"a {name} of shape {array.shape}")
