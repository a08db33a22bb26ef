import subprocess
import sys
import time
from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import featx.reports
from featx.evaluation.scores import score
from featx.reports import (
    ClassAccuracyDisplay,
    ClassCountsDisplay,
    ClassificationReportDisplay,
    ComparisonDisplay,
    ConfusionDisplay,
    LossDisplay,
    RiskCoverageDisplay,
    plot_predictions,
    plot_reconstructions,
    plot_samples,
)
from featx.reports.canvas import axes_of_file, label, labels, render
from featx.reports.examples import example_results

NAMES = {
    "two": ["a", "b"],
    "many": [f"class {i}" for i in range(41)],
    "long": [f"{'of the colon ' * 9}{end}{' in situ' * 9}" for end in "ab"],
    "dollars": ["$x$", "$\\frac{", "50$"],
    "no glyphs": ["日本語", "κύκνος", "\U00013080", "line\nbreak", "\udcff"],
}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_public_names_are_sorted_and_exist():
    names = featx.reports.__all__
    assert names == sorted(names)
    assert all(callable(getattr(featx.reports, name)) for name in names)
    with pytest.raises(AttributeError, match="no attribute 'plot_nothing'"):
        _ = featx.reports.plot_nothing


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import featx", "pandas"),
        ("import featx.reports", "matplotlib"),
        ("from featx.evaluation import BenchResults", "seaborn"),
    ],
)
def test_imports_stay_light(code, absent):
    check = f"import sys; {code}; sys.exit({absent!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_every_figure_renders_awkward_names(build, names):
    dataset, results = build(names, per_class=2)
    train = dataset.train
    y_pred = results.predictions[results.best.name][results.example_rows]
    y_true = results.y_true[results.example_rows]
    for ax in (
        plot_samples(train.X, train.y, names, per_class=2),
        plot_predictions(results.examples, y_true, y_pred, names),
        ClassCountsDisplay.from_dataset(dataset).ax_,
        ConfusionDisplay.from_results(results).ax_,
        ClassAccuracyDisplay.from_results(results).ax_,
        ClassificationReportDisplay.from_results(results).ax_,
        LossDisplay([1.0], title=names[0]).plot().ax_,
        RiskCoverageDisplay.from_results(results).ax_,
    ):
        assert isinstance(ax, Axes)
        assert render(ax, dpi=40).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "shape", [(8, 8, 1), (8, 8, 3), (512, 512, 3), (300, 300, 1), (8, 90, 3)]
)
def test_pictures_take_every_shape(shape):
    X = np.random.default_rng(0).integers(0, 256, (6, *shape), np.uint8)
    y = np.array([0, 0, 0, 0, 1, 1])
    for ax, count in (
        (plot_samples(X, y, ["a", "b"], per_class=3), 5),
        (plot_predictions(X, y, 1 - y, ["a", "b"]), 6),
        (plot_reconstructions(X, X), 12),
    ):
        assert len(ax.images) == count
        assert render(ax, dpi=40)


def test_samples_show_images_of_their_class():
    X = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((4, 4, 3), np.uint8)
    ax = plot_samples(X, [0, 1, 0, 1, 0, 1], ["even", "odd"], per_class=3)
    assert [int(image.get_array().max()) for image in ax.images] == [0, 2, 4, 1, 3, 5]
    assert texts(ax) == ["even", "odd"]


def test_predictions_tell_right_from_wrong_by_sign_and_frame():
    X = np.zeros((3, 8, 8, 1), np.uint8)
    ax = plot_predictions(X, [0, 1, 1], [0, 0, 1], ["cat", "dog"])
    assert ax.get_title("left") == "Predictions: 2 right (✓), 1 wrong (✗)"
    assert texts(ax) == ["✓ cat", "✗ cat\ntrue: dog", "✓ dog"]
    right, wrong, _ = ax.patches
    assert wrong.get_linewidth() > right.get_linewidth()
    assert wrong.get_edgecolor() != right.get_edgecolor()


def every_figure(results, X, names, axes=lambda: None):
    """Draw each figure, where given on axes that the caller makes."""
    y = np.arange(len(X)) % len(names)
    yield ComparisonDisplay.from_results(results, ax=axes()).ax_
    counts = np.arange(len(names)), np.ones(len(names))
    yield ClassCountsDisplay(*counts, names).plot(axes()).ax_
    yield ClassAccuracyDisplay.from_results(results, ax=axes()).ax_
    yield ConfusionDisplay.from_results(results, ax=axes()).ax_
    yield ClassificationReportDisplay.from_results(results, ax=axes()).ax_
    yield LossDisplay([1.0], title="conv").plot(axes()).ax_
    yield plot_samples(X, y, names, ax=axes())
    yield plot_predictions(X[:24], y[:24], y[:24], names, ax=axes())
    yield plot_reconstructions(X[:12], X[:12], ax=axes())


def test_axes_of_the_caller_are_used(results):
    X, mine = np.zeros((3, 8, 8, 1), np.uint8), []
    names = list(results.best.scores.per_class)

    def axes():
        mine.append(Figure(figsize=(3, 2)).add_subplot())
        return mine[-1]

    drawn = list(every_figure(results, X, names, axes))
    assert all(ax is own for ax, own in zip(drawn, mine, strict=True))
    assert all(tuple(ax.figure.get_size_inches()) == (3, 2) for ax in mine)
    assert not plt.get_fignums()


def test_new_figures_are_those_of_pyplot_in_the_caller_s_settings(results):
    before = dict(matplotlib.rcParams)
    X = np.zeros((3, 8, 8, 1), np.uint8)
    names = list(results.best.scores.per_class)
    drawn = list(every_figure(results, X, names))
    assert [plt.figure(n) for n in plt.get_fignums()] == [ax.figure for ax in drawn]
    assert dict(matplotlib.rcParams) == before


def test_figures_of_files_leave_pyplot_alone_and_have_their_own_size(results):
    X, names = np.zeros((3, 8, 8, 1), np.uint8), list(results.best.scores.per_class)
    of_files = list(every_figure(results, X, names, axes_of_file))
    assert not plt.get_fignums()
    for ax, other in zip(of_files, every_figure(results, X, names), strict=True):
        assert (ax.figure.get_size_inches() == other.figure.get_size_inches()).all()


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_figure_is_the_same_file(results, kind):
    X = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
    names = list(results.best.scores.per_class)
    first, second = (
        [
            render(ax, kind, dpi=40)
            for ax in every_figure(results, X, names, axes_of_file)
        ]
        for _ in range(2)
    )
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("n", [250, 1000])
def test_many_classes_take_seconds(n):
    """Of a processor, and no file grows with the cells of a confusion matrix."""
    rng = np.random.default_rng(0)
    names = [f"class {i}" for i in range(n)]
    y_true = np.arange(5 * n) % n
    y_pred = np.where(rng.random(5 * n) < 0.3, rng.integers(0, n, 5 * n), y_true)
    example = example_results()
    row = replace(example.best, scores=score(y_true, y_pred, names))
    X = rng.integers(0, 256, (n, 8, 8, 3), np.uint8)
    start = time.process_time()
    for ax in every_figure(replace(example, rows=[row]), X, names, axes_of_file):
        assert len(ax.texts) <= n
        assert len(render(ax, "svg")) < 5_000_000
    assert time.process_time() - start < 0.06 * n


def test_labels_stay_apart_and_safe():
    assert labels(NAMES["long"], 20) == ["of the co… (0)", "of the co… (1)"]
    assert label("a\nb") == "a b"
    assert labels(["\U00013080", "\udcff"]) == ["class 0", "class 1"]
