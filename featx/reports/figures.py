"""The figures of a run, drawn from what its folder holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from featx.evaluation.results import BenchResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def figures_of(results: BenchResults) -> Iterator[tuple[str, bytes]]:
    """Draw the figures of a run, each as PNG and as SVG.

    Parameters
    ----------
    results : BenchResults
        A whole comparison, fresh or read back from its folder.

    Yields
    ------
    (str, bytes)
        Name and content of each file.
    """
    from featx.reports.canvas import png, svg

    for name, axes in _figures(results):
        safe = re.sub(r"[^\w.-]+", "-", name)
        yield f"{safe}.png", png(axes)
        figure = axes.get_figure(root=True)
        assert figure is not None
        figure.set_layout_engine("none")  # everything has its place by now
        yield f"{safe}.svg", svg(axes)


def _figures(results: BenchResults) -> Iterator[tuple[str, Axes]]:
    """Yield name and axes of each figure."""
    # Here, not on top: matplotlib is slow to import.
    from featx.reports import charts, heatmaps, pictures

    data = results.data
    names, examples, rows = data["class_names"], results.examples, results.example_rows
    y_true = results.y_true[rows]
    if len(examples):
        per_class = 8 if len(names) <= 20 else 4
        yield "samples", pictures.plot_samples(examples, y_true, names, per_class)
    counts = charts.plot_class_distribution(
        data["train_per_class"], data["test_per_class"], names
    )
    yield "class_distribution", counts
    for encoder, history in results.histories.items():
        yield f"loss_{encoder}", charts.plot_loss(history, f"{encoder}: training")
    for encoder, outputs in results.reconstructions.items():
        shown = outputs[:20]
        pairs = pictures.plot_reconstructions(
            examples[: len(shown)], shown, title=f"{encoder}: reconstructions"
        )
        yield f"reconstructions_{encoder}", pairs
    yield "comparison", charts.plot_comparison(results)
    for row in results.rows:
        tail = f"{row.encoder}_{row.classifier}"
        confusion = heatmaps.plot_confusion(row.scores.confusion, names, title=row.name)
        yield f"confusion_{tail}", confusion
        yield f"class_accuracy_{tail}", charts.plot_class_accuracy(row, names)
        report = heatmaps.plot_classification_report(row)
        yield f"classification_report_{tail}", report
    if len(examples):
        best = results.best
        pairs = pictures.plot_predictions(
            examples[:24], y_true[:24], results.predictions[best.name][rows[:24]], names
        )
        yield f"predictions_{best.encoder}_{best.classifier}", pairs
