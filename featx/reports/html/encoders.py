"""What the page shows of the encoders: losses, reconstructions and filters."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featx.evaluation.results import BenchResults
from featx.reports.album import is_png


def encoders(results: BenchResults) -> list[dict[str, Any]]:
    """Collect what there is to see of each encoder."""
    shown = []
    for name in dict.fromkeys(row.encoder for row in results.rows):
        pairs = results.reconstructions.get(name)
        filters = results.filters.get(name)
        view = {
            "name": name,
            "loss": _loss(results.histories.get(name, {})),
            "pairs": _pairs(results.examples[: len(pairs)], pairs)
            if pairs is not None and len(pairs)
            else None,
            "filters": _picture(list(filters), 16) if filters is not None else None,
            "n_filters": 0 if filters is None else len(filters),
        }
        if view["loss"] or view["pairs"] or view["filters"]:
            shown.append(view)
    return shown


def _loss(history: Mapping[str, Sequence[float]]) -> dict[str, Any] | None:
    """Return loss curves as points of a drawing 600 wide and 220 high."""
    curves = {
        key: np.array([np.nan if v is None else v for v in values], float)
        for key, values in history.items()
        if key in ("loss", "validation_loss") and len(values)
    }
    losses = np.concatenate([*curves.values(), np.empty(0)])
    losses = losses[np.isfinite(losses)]
    if not losses.size:
        return None
    low, high = float(losses.min()), float(losses.max())
    span = (high - low) or 1.0
    n = max(len(values) for values in curves.values())

    def points(values: NDArray[np.float64]) -> str:
        return " ".join(
            f"{60 + 520 * i / max(n - 1, 1):.1f},{190 - 170 * (v - low) / span:.1f}"
            for i, v in enumerate(values)
            if np.isfinite(v)
        )

    curves = {key: curve for key, curve in curves.items() if np.isfinite(curve).any()}
    judged = curves.get("validation_loss", next(iter(curves.values())))
    best = int(np.nanargmin(judged))
    return {
        "curves": {key: points(values) for key, values in curves.items()},
        "low": f"{low:.3g}",
        "high": f"{high:.3g}",
        "epochs": n,
        "best": best + 1,
        "best_at": f"{60 + 520 * best / max(n - 1, 1):.1f}",
        "best_loss": f"{judged[best]:.3g}",
        "of": "validation" if "validation_loss" in curves else "training",
    }


def _pairs(inputs: NDArray[np.uint8], outputs: NDArray[np.uint8]) -> dict[str, Any]:
    """Draw images above their reconstructions, as one picture."""
    n = min(16, len(inputs))
    small = [_small(image) for images in (inputs, outputs) for image in images[:n]]
    return _picture(small, n)


def _small(image: NDArray[np.uint8], side: int = 96) -> NDArray[np.uint8]:
    if max(image.shape[:2]) <= side:
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((side, side))
    return np.asarray(picture).reshape(picture.height, picture.width, image.shape[-1])


def _picture(images: list[NDArray[np.uint8]], columns: int) -> dict[str, Any]:
    """Draw images of one size in rows, at least a pixel apart, as a data URI."""
    height, width, depth = images[0].shape
    gap = max(1, width // 12)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    alpha = 2 if depth == 1 else 4
    sheet = np.zeros(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, alpha), np.uint8
    )
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        place = sheet[top : top + height, left : left + width]
        place[..., :depth], place[..., depth:] = image, 255
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "PNG")
    return {
        "uri": uri(buffer.getvalue()),
        "width": sheet.shape[1],
        "height": sheet.shape[0],
        "tile": width,
        "columns": columns,
    }


def uri(picture: bytes) -> str:
    """Write a PNG or JPEG file as a data URI."""
    kind = "png" if is_png(picture) else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
