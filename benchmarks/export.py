"""Exported models against featx: what they say, their sizes and speed.

    python -m benchmarks.export

Every encoder x every classifier, with defaults, on `digits`: how far the probabilities of
the test images differ, whether all names are the same, the size of the file, and the time
for all test images in onnxruntime and in featx, in turn, five times each. featx calculates
in float32 here, as the graph does.
"""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import featx
from benchmarks.pages import with_section
from featx.catalog import CLASSIFIERS, ENCODERS
from featx.experiment import Observer, Protocol
from featx.machine import describe_machine

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "export.json"
PAGE = ROOT / "benchmarks" / "README.md"
TIES = 1e-5  # between the first two probabilities: then either name is right


def fitted_models(folder: str) -> tuple[featx.Dataset, dict[str, featx.Model]]:
    """Fit every pair on `digits`, calibrated."""
    dataset = featx.load_dataset("digits", cache_dir=folder)
    models = {}

    def keep(encoder: Any, row: Any) -> None:
        models[row.row.result.name] = featx.Model.of(
            encoder,
            row.classifier,
            dataset.class_names,
            calibration=row.judged.calibration,
        )

    encoders = featx.make_encoders(
        ENCODERS,
        n_images=len(dataset.train),
        n_pixels=64,
        options={"random_state": 0, "precision": "float32"},
    )
    featx.bench(
        dataset,
        encoders,
        list(CLASSIFIERS),
        protocol=Protocol(n_examples=0, diagnose=False),
        cache=featx.FeatureCache(folder),
        observer=Observer(on_fitted=keep, on_message=print),
    )
    return dataset, models


def seconds(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[float, float]:
    """Time two in turn, five times each after once; the middle times."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(6):
        for call, found in zip((one, other), times, strict=True):
            start = time.perf_counter()
            call()
            if number:
                found.append(time.perf_counter() - start)
    return float(np.median(times[0])), float(np.median(times[1]))


def measure(model: featx.Model, images: Any, path: Path) -> dict[str, Any]:
    """Export a model and run both on the same images."""
    n_bytes = featx.export_onnx(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names, found = session.run(None, {"images": images})
    expected = model.predict_proba(images)
    first_two = np.sort(expected, axis=1)[:, -2:]
    clear = np.ptp(first_two, axis=1) > TIES
    onnx, own = seconds(
        lambda: session.run(None, {"images": images}),
        lambda: model.predict_proba(images),
    )
    return {
        "difference": float(np.abs(found - expected).max()),
        "n_images": len(images),
        "n_ties": int((~clear).sum()),
        "other_names": int((names != model.predict(images))[clear].sum()),
        "megabytes": round(n_bytes / 1e6, 2),
        "onnxruntime_seconds": round(onnx, 4),
        "featx_seconds": round(own, 4),
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Write a line for each encoder: the worst of its classifiers, sizes, speed."""
    lines = [
        "| encoder | probabilities differ by at most | other names | MB | "
        "seconds, onnxruntime / featx |",
        "|---|--:|--:|--:|--:|",
    ]
    for encoder in ENCODERS:
        own = [row for name, row in rows.items() if name.split(" + ")[0] == encoder]
        ratios = [row["onnxruntime_seconds"] / row["featx_seconds"] for row in own]
        sizes = [row["megabytes"] for row in own]
        lines.append(
            f"| {encoder} | {max(row['difference'] for row in own):.0e} "
            f"| {sum(row['other_names'] for row in own)} of "
            f"{sum(row['n_images'] - row['n_ties'] for row in own):,} "
            f"| {min(sizes):.2f} to {max(sizes):.1f} "
            f"| {np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure all pairs and write the table."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        dataset, models = fitted_models(folder)
        rows = {}
        for name, model in models.items():
            rows[name] = measure(model, dataset.test.X, Path(folder) / "m.onnx")
            print(name, rows[name])
    document = {
        "machine": describe_machine() | {"onnxruntime": onnxruntime.__version__},
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    PAGE.write_text(with_section(PAGE.read_text(), "export", table(rows)))
    print(table(rows))


if __name__ == "__main__":
    main()
