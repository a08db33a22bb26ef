"""What the page says of a run, as plain data for its template."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from PIL import Image

from featx.evaluation.learning_curve import LearningCurve
from featx.evaluation.result import Result
from featx.evaluation.results import BenchResults
from featx.reports.album import COLUMNS, PER_CELL, PER_SHEET, Album, cells
from featx.reports.documents import dumps
from featx.reports.html.curve import curve_view
from featx.reports.html.encoders import encoders, uri
from featx.reports.html.findings import (
    copies,
    feature_map,
    label_issues,
    neighbors,
    tile_by_test_row,
)
from featx.reports.html.rows import answer, compared, row_view
from featx.reports.runs import Run
from featx.reports.sentences import OUTSIDE, remarks, shown_protocol
from featx.system import for_shell

_SHOWN_ELSEWHERE = (
    "class_names",
    "train_per_class",
    "test_per_class",
    "skipped",
    "notes",
)


def page_view(
    run: Run, other: Run | None = None, *, map_method: str = "pca"
) -> dict[str, Any]:
    """Collect what the page shows, by the names that its template uses.

    ``"document"`` is what the script of the page reads.
    """
    results = run.results
    names = list(results.data["class_names"])
    chosen = results.chosen
    ordered = [chosen, *(row for row in results.ranked if row is not chosen)]
    ends = [end for row in ordered for end in row.scores.accuracy_ci95]
    low, high = 100 * min(ends), 100 * max(ends)
    margin = max(0.5, 0.04 * (high - low))
    axis = (max(0.0, low - margin), min(100.0, high + margin))
    return {
        "title": _title(results.data),
        "version": results.version,
        "answer": answer(results, run.command),
        "uneven": results.uneven,
        "outside": f"O{OUTSIDE[1:]}" if results.outside_data else "",
        "n_seeds": results.n_seeds,
        "n_folds": results.n_folds,
        "unit": results.unit,
        "test_name": results.test_name,
        "axis": axis,
        "rows": [row_view(row, results, names, axis) for row in ordered],
        "remarks": remarks(results),
        "classes": names,
        "counts": _counts(results.data, names),
        "encoders": encoders(results),
        "map": feature_map(run, names, map_method),
        "neighbors": neighbors(run, names),
        "label_issues": label_issues(run, names),
        "copies": copies(run, names),
        "facts": _facts(results)
        | {"command": for_shell(run.command), "encoders": _parameters(results)},
        "compared": compared(results, other.results) if other else None,
        "other_title": _title(other.results.data) if other else "",
        "sheets": [uri(sheet) for sheet in run.album.sheets],
        "sizes": _tile_sizes(run.album),
        "per_cell": PER_CELL,
        "document": _document(run, ordered, names),
    }


def curve_page_view(curve: LearningCurve) -> dict[str, Any]:
    """Collect what the page of learning curves alone shows."""
    names = list(curve.data["class_names"])
    return {
        "title": _title(curve.data),
        "version": curve.version,
        "curve": curve_view(curve),
        "counts": _counts(curve.data, names),
        "facts": _facts(curve),
    }


def _title(data: Mapping[str, Any]) -> str:
    """Name the data set; of a path, its last part."""
    name = str(data.get("name", "Data"))
    return name.rstrip("/").rpartition("/")[2] or name


def _counts(data: Mapping[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    train, test = data["train_per_class"], data["test_per_class"]
    most = max(*train, *test, 1)
    return [
        {
            "name": n,
            "train": a,
            "test": b,
            "train_at": 100 * a / most,
            "at": 100 * b / most,
        }
        for n, a, b in zip(names, train, test, strict=True)
    ]


def _tile_sizes(album: Album) -> dict[str, Any]:
    """Sizes of tiles and sheets in pixels, and how large a tile is shown."""
    zoom = max(1.0, 56 / max(album.height, album.width))
    sizes = []
    for sheet in album.sheets:
        with Image.open(io.BytesIO(sheet)) as picture:
            sizes.append(picture.size)
    return {
        "height": album.height,
        "width": album.width,
        "zoom": round(zoom, 4),
        "sheets": sizes,
    }


def _facts(measured: BenchResults | LearningCurve) -> dict[str, Any]:
    """Collect what was run, on what, and where."""
    data = measured.data
    skipped = data.get("skipped", ())
    shown = {key: value for key, value in data.items() if key not in _SHOWN_ELSEWHERE}
    return {
        "data": _readable(shown | {"skipped images": len(skipped)}),
        "notes": list(data.get("notes", ())),
        "skipped": [f"{image['id']}: {image['reason']}" for image in skipped],
        "protocol": _readable(shown_protocol(measured)),
        "time": measured.protocol.get("time", ()),
        "machine": _readable({"featx": measured.version, **measured.machine}),
    }


def _parameters(results: BenchResults) -> dict[str, str]:
    params: dict[str, Any] = {row.encoder: row.encoder_params for row in results.rows}
    return {name: dumps(values, indent=1) for name, values in params.items()}


def _readable(facts: Mapping[str, Any]) -> dict[str, str]:
    """Write values as text for people."""

    def text(value: Any) -> str:
        if value is None or isinstance(value, bool):
            return {None: "none", True: "yes", False: "no"}[value]
        if isinstance(value, int):
            return f"{value:,}"
        if isinstance(value, Mapping):
            return ", ".join(f"{key} {text(item)}" for key, item in value.items())
        if isinstance(value, list | tuple):
            return ", ".join(map(text, value))
        return str(value)

    return {key: text(value) for key, value in facts.items()}


def _document(
    run: Run, ordered: Sequence[Result], names: Sequence[str]
) -> dict[str, Any]:
    """Collect what the script reads: matrices, and the images behind each cell."""
    results = run.results
    tile = tile_by_test_row(run.album)
    rows = []
    for row in ordered:
        predicted, n_seeds = results.predictions_of(row.name), results.n_seeds
        confidence = results.confidences.get(row.name)
        listed = []
        for (t, p), behind in cells(results, row.name).items():
            first = behind[:PER_CELL].tolist()
            shown = list(takewhile(tile.__contains__, first))
            if n_seeds > 1:
                certainty = (predicted[:, shown] == p).sum(axis=0).tolist()
            elif confidence is not None:
                certainty = [float(f"{confidence[i]:.3g}") for i in shown]
            else:
                certainty = []
            count = int(row.scores.confusion[t, p])
            listed.append([t, p, count, shown, certainty, len(behind)])
        kind = "probability" if row.calibrated else "score"
        rows.append({"name": row.name, "kind": kind, "cells": listed})
    return {
        "classes": list(names),
        "rows": rows,
        "n_seeds": results.n_seeds,
        "per_sheet": PER_SHEET,
        "columns": COLUMNS,
        "tiles": run.album.test_rows.tolist(),
        "ids": [str(results.ids[i]) for i in run.album.test_rows],
        "y": [int(results.y_true[i]) for i in run.album.test_rows],
    }
