"""The figures of a run, drawn from what its folder holds; importing this is slow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes

from featx.evaluation.results import BenchResults
from featx.names import file_name
from featx.reports import pictures
from featx.reports.canvas import axes_of_file, render
from featx.reports.displays.class_accuracy import ClassAccuracyDisplay
from featx.reports.displays.class_counts import ClassCountsDisplay
from featx.reports.displays.classification_report import ClassificationReportDisplay
from featx.reports.displays.comparison import ComparisonDisplay
from featx.reports.displays.confusion import ConfusionDisplay
from featx.reports.displays.loss import LossDisplay
from featx.reports.displays.reliability import ReliabilityDisplay
from featx.reports.displays.risk_coverage import RiskCoverageDisplay


def figures_of(results: BenchResults) -> Iterator[tuple[str, bytes]]:
    """Draw the figures of a run: yield name and content of each file, PNG and SVG."""
    often = Counter[str]()
    for name, ax in _figures(results):
        safe = file_name(name)
        often[safe.casefold()] += 1  # most folders on Windows and macOS take A for a
        if (number := often[safe.casefold()]) > 1:
            safe = f"{safe}-{number}"
        yield from ((f"{safe}.{kind}", render(ax, kind)) for kind in ("png", "svg"))


def _figures(results: BenchResults) -> Iterator[tuple[str, Axes]]:
    """Yield name and axes of each figure."""
    yield from _pictures(results)
    counts = ClassCountsDisplay.from_results(results, ax=axes_of_file())
    yield "class_counts", counts.ax_
    for encoder in results.histories:
        loss = LossDisplay.from_results(results, encoder, ax=axes_of_file())
        yield f"loss_{encoder}", loss.ax_
    yield "comparison", ComparisonDisplay.from_results(results, ax=axes_of_file()).ax_
    for row in results.rows:
        for kind, display in _of_row(results, row.name).items():
            drawn = display.from_results(results, row.name, ax=axes_of_file())
            yield f"{kind}_{row.encoder}_{row.classifier}", drawn.ax_


def _of_row(results: BenchResults, name: str) -> dict[str, Any]:
    """List the displays of a row; some need probabilities or scores."""
    displays: dict[str, Any] = {
        "confusion": ConfusionDisplay,
        "class_accuracy": ClassAccuracyDisplay,
        "classification_report": ClassificationReportDisplay,
    }
    if results.reliability_of(name) is not None:
        displays["reliability"] = ReliabilityDisplay
    if name in results.confidences:
        displays["risk_coverage"] = RiskCoverageDisplay
    return displays


def _pictures(results: BenchResults) -> Iterator[tuple[str, Axes]]:
    """Yield name and axes of each figure that is made of images."""
    names, examples = results.data["class_names"], results.examples
    rows, best = results.example_rows, results.chosen
    y_true, y_pred = results.y_true[rows], results.predictions[best.name][rows]
    for encoder, outputs in results.reconstructions.items():
        shown, title = outputs[:20], f"{encoder}: reconstructions"
        ax = pictures.plot_reconstructions(
            examples[: len(shown)], shown, title=title, ax=axes_of_file()
        )
        yield f"reconstructions_{encoder}", ax
    if len(examples):
        per_class = 8 if len(names) <= 20 else 4
        ax = axes_of_file()
        yield (
            "samples",
            pictures.plot_samples(examples, y_true, names, per_class, ax=ax),
        )
        ax = pictures.plot_predictions(
            examples[:24], y_true[:24], y_pred[:24], names, ax=axes_of_file()
        )
        yield f"predictions_{best.encoder}_{best.classifier}", ax
