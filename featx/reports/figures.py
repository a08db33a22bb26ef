"""The figures of a run, drawn anew only where what they show has changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx._version import __version__
from featx.evaluation.results import BenchResults, Result
from featx.features.digest import digest_array, digest_json
from featx.images.imageset import Dataset
from featx.storage import FORMAT, cache_errors, keep, read_manifest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWING = ("canvas", "charts", "figures", "heatmaps", "pictures")  # modules


def figures_of(
    results: BenchResults, dataset: Dataset, cache_dir: Path | None = None
) -> Iterator[tuple[str, bytes]]:
    """Draw the figures of a run, or recall them as they were drawn before.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.
    dataset : Dataset
        The images it was made on; the figures show some of them.
    cache_dir : Path, optional
        Where figures are kept, below ``figures/``; by default they are not.

    Yields
    ------
    (str, bytes)
        Name and content of each file.

    Raises
    ------
    CacheError
        If what was kept is damaged.
    """
    shown = _shown(results, dataset)
    # What else names are made of is drawn with the fonts that are installed today.
    if cache_dir is None or not json.dumps(shown, ensure_ascii=False).isascii():
        yield from _draw(results, dataset)
        return
    folder = cache_dir / "figures" / digest_json(shown)
    if read_manifest(folder) is None:
        drawn = dict(_draw(results, dataset))

        def write(work: Path) -> None:
            for name, content in drawn.items():
                (work / name).write_bytes(content)

        keep(folder, f"{len(drawn)} files on {dataset.name}", write)
        yield from drawn.items()
        return
    for file in sorted(folder.glob("*.png")) + sorted(folder.glob("*.svg")):
        with cache_errors(folder):
            content = file.read_bytes()
        yield file.name, content


def _shown(results: BenchResults, dataset: Dataset) -> dict[str, Any]:
    """All that the figures depend on, as plain data."""
    here = files("featx.reports")
    return {
        "format": FORMAT,
        "featx": __version__,
        "matplotlib": version("matplotlib"),
        # whoever works on a figure wants to see it anew
        "drawing": [
            sha256(here.joinpath(f"{module}.py").read_bytes()).hexdigest()
            for module in _DRAWING
        ],
        "data": str(results.data.get("name", "")),
        "class_names": list(dataset.class_names),
        "images": dataset.train.digest,
        "labels": digest_array(dataset.train.y),
        "test_labels": digest_array(dataset.test.y),
        "histories": results.histories,
        "rows": [_of_row(row) for row in results.results],
        "examples": [list(results.examples.shape), digest_array(results.examples)],
        "example_rows": results.example_rows.tolist(),
        "y_true": digest_array(results.y_true),
        "predictions": [
            digest_array(results.predictions[row.name]) for row in results.results
        ],
        "reconstructions": [
            [name, list(images.shape), digest_array(images)]
            for name, images in results.reconstructions.items()
        ],
    }


def _of_row(row: Result) -> list[Any]:
    scores = row.scores
    return [
        *(row.encoder, row.classifier, scores.accuracy, scores.accuracy_ci95),
        [[name, *vars(one).values()] for name, one in scores.per_class.items()],
        digest_array(scores.confusion),
    ]


def _draw(results: BenchResults, dataset: Dataset) -> Iterator[tuple[str, bytes]]:
    """Yield each figure in both of its forms."""
    from featx.reports.canvas import png, svg

    for name, axes in _figures(results, dataset):
        safe = re.sub(r"[^\w.-]+", "-", name)
        yield f"{safe}.png", png(axes)
        figure = axes.get_figure(root=True)
        assert figure is not None
        figure.set_layout_engine("none")  # everything has its place by now
        yield f"{safe}.svg", svg(axes)


def _figures(results: BenchResults, dataset: Dataset) -> Iterator[tuple[str, Axes]]:
    """Yield name and axes of each figure."""
    # Here, not on top: matplotlib is slow to import, and kept figures need none of it.
    from featx.reports import charts, heatmaps, pictures

    train, test, names = dataset.train, dataset.test, dataset.class_names
    per_class = 8 if len(names) <= 20 else 4
    yield "samples", pictures.plot_samples(train.X, train.y, names, per_class)
    counts = charts.plot_class_distribution(
        train.class_counts, test.class_counts, names
    )
    yield "class_distribution", counts
    for encoder, history in results.histories.items():
        yield f"loss_{encoder}", charts.plot_loss(history, f"{encoder}: training")
    for encoder, outputs in results.reconstructions.items():
        shown = outputs[:20]
        pairs = pictures.plot_reconstructions(
            results.examples[: len(shown)], shown, title=f"{encoder}: reconstructions"
        )
        yield f"reconstructions_{encoder}", pairs
    yield "comparison", charts.plot_comparison(results)
    for row in results.results:
        tail = f"{row.encoder}_{row.classifier}"
        confusion = heatmaps.plot_confusion(row.scores.confusion, names, title=row.name)
        yield f"confusion_{tail}", confusion
        yield f"class_accuracy_{tail}", charts.plot_class_accuracy(row, names)
        report = heatmaps.plot_classification_report(row)
        yield f"classification_report_{tail}", report
    if len(results.examples):
        best = results.best.name
        rows = results.example_rows[:24]
        pairs = pictures.plot_predictions(
            results.examples[:24],
            results.y_true[rows],
            results.predictions[best][rows],
            names,
        )
        tail = f"{results.best.encoder}_{results.best.classifier}"
        yield f"predictions_{tail}", pairs
