"""The figures of a run, drawn from what its folder holds; importing this is slow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from matplotlib.axes import Axes

from featx.evaluation.results import BenchResults
from featx.names import file_name
from featx.reports import charts, heatmaps, pictures
from featx.reports.canvas import render


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
    data = results.data
    names, examples, rows = data["class_names"], results.examples, results.example_rows
    y_true = results.y_true[rows]
    if len(examples):
        per_class = 8 if len(names) <= 20 else 4
        yield "samples", pictures.plot_samples(examples, y_true, names, per_class)
    counts = data["train_per_class"], data["test_per_class"]
    yield "class_distribution", charts.plot_class_distribution(*counts, names)
    for encoder, history in results.histories.items():
        yield f"loss_{encoder}", charts.plot_loss(history, f"{encoder}: training")
    for encoder, outputs in results.reconstructions.items():
        shown, title = outputs[:20], f"{encoder}: reconstructions"
        ax = pictures.plot_reconstructions(examples[: len(shown)], shown, title=title)
        yield f"reconstructions_{encoder}", ax
    yield "comparison", charts.plot_comparison(results)
    for row in results.rows:
        tail = f"{row.encoder}_{row.classifier}"
        confusion = heatmaps.plot_confusion(row.scores.confusion, names, title=row.name)
        yield f"confusion_{tail}", confusion
        yield f"class_accuracy_{tail}", charts.plot_class_accuracy(row, names)
        yield f"classification_report_{tail}", heatmaps.plot_classification_report(row)
    if len(examples):
        best = results.chosen
        said = results.predictions[best.name][rows[:24]]
        ax = pictures.plot_predictions(examples[:24], y_true[:24], said, names)
        yield f"predictions_{best.encoder}_{best.classifier}", ax
