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
    plot_class_accuracy,
    plot_class_distribution,
    plot_classification_report,
    plot_comparison,
    plot_confusion,
    plot_loss,
    plot_predictions,
    plot_reconstructions,
    plot_samples,
)
from featx.reports.canvas import GRAY, label, labels, render
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
    best, train = results.best, dataset.train
    y_pred = results.predictions[best.name][results.example_rows]
    y_true = results.y_true[results.example_rows]
    for ax in (
        plot_samples(train.X, train.y, names, per_class=2),
        plot_class_distribution(train.class_counts, train.class_counts, names),
        plot_predictions(results.examples, y_true, y_pred, names),
        plot_confusion(best.scores.confusion, names, title=names[0]),
        plot_class_accuracy(best, names),
        plot_classification_report(best),
        plot_loss({"loss": [1.0]}, names[0]),
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


def test_class_distribution_draws_both_counts():
    ax = plot_class_distribution([40, 20], [10, 5], ["cat", "dog"])
    widths = [[bar.get_width() for bar in bars] for bars in ax.containers]
    assert widths == [[40, 20], [10, 5]]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["training, 60 images", "test, 15 images"]


@pytest.mark.parametrize(
    ("history", "best"),
    [
        ({"loss": [3.0, 2.0, 1.0], "validation_loss": [3.0, 2.0, 2.5]}, (2, 2.0)),
        ({"loss": [3.0, 2.0, 1.0]}, (3, 1.0)),
        ({"loss": [0.5]}, (1, 0.5)),
        ({"loss": [2.0, float("nan")], "validation_loss": []}, (1, 2.0)),
        ({"loss": [float("nan")]}, None),
        ({}, None),
    ],
)
def test_loss_marks_the_best_epoch(history, best):
    ax = plot_loss(history, "conv")
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    assert len(stars) == (best is not None)
    if best:
        assert (stars[0].get_xdata()[0], stars[0].get_ydata()[0]) == best
        drawn = np.array(history["loss"])
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), drawn[drawn == drawn])
    assert render(ax, dpi=40)


def test_predictions_tell_right_from_wrong_by_sign_and_frame():
    X = np.zeros((3, 8, 8, 1), np.uint8)
    ax = plot_predictions(X, [0, 1, 1], [0, 0, 1], ["cat", "dog"])
    assert ax.get_title("left") == "Predictions: 2 right (✓), 1 wrong (✗)"
    assert texts(ax) == ["✓ cat", "✗ cat\ntrue: dog", "✓ dog"]
    right, wrong, _ = ax.patches
    assert wrong.get_linewidth() > right.get_linewidth()
    assert wrong.get_edgecolor() != right.get_edgecolor()


def test_confusion_colors_shares_and_writes_counts():
    counts = np.array([[3, 1, 0], [0, 1200, 400], [0, 0, 0]])
    ax = plot_confusion(counts, ["a", "b", "empty"])
    shares = [[0.75, 0.25, 0], [0, 0.75, 0.25], [0, 0, 0]]
    np.testing.assert_allclose(ax.collections[0].get_array(), shares)
    assert texts(ax) == [f"{count:,}" for count in counts.ravel()]
    inks = {text.get_text(): text.get_color() for text in ax.texts}
    assert (inks["3"], inks["1"], inks["0"]) == ("w", ".15", GRAY)


def test_confusion_of_many_classes_has_no_numbers():
    assert not plot_confusion(np.eye(31, dtype=int), [str(i) for i in range(31)]).texts


def test_class_accuracy_bars_are_recalls(results):
    ax = plot_class_accuracy(results.best)
    scores = results.best.scores
    recalls = [100 * one.recall for one in scores.per_class.values()]
    bars = [patch.get_width() for patch in ax.patches]
    np.testing.assert_allclose(bars, recalls)
    assert texts(ax) == [f"{recall:.1f}" for recall in recalls]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"all classes: {100 * scores.accuracy:.1f} %" in legend


def test_classification_report_shows_every_score(results):
    ax = plot_classification_report(results.best)
    one = results.best.scores.per_class["plane"]
    np.testing.assert_allclose(
        ax.collections[0].get_array()[0, :3], [one.precision, one.recall, one.f1]
    )
    assert texts(ax)[1:4] == [f"{100 * one.recall:.1f}", f"{100 * one.f1:.1f}", "100"]


def test_comparison_puts_the_highest_on_top(results):
    ax = plot_comparison(results)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["conv + svm", "pca + svm", "raw + svm"]
    values = [f"{100 * r.scores.accuracy:.1f}" for r in reversed(results.rows)]
    assert texts(ax) == values


def every_figure(results, X, names, axes=lambda: None):
    """Draw each figure, where given on axes that the caller makes."""
    best, y = results.best, np.arange(len(X)) % len(names)
    yield results.plot(ax=axes())
    yield plot_class_distribution(
        np.arange(len(names)), np.ones(len(names)), names, ax=axes()
    )
    yield plot_class_accuracy(best, names, ax=axes())
    yield plot_confusion(best.scores.confusion, names, ax=axes())
    yield plot_classification_report(best, ax=axes())
    yield plot_loss({"loss": [1.0]}, "conv", ax=axes())
    yield plot_samples(X, y, names, ax=axes())
    yield plot_predictions(X[:24], y[:24], y[:24], names, ax=axes())
    yield plot_reconstructions(X[:12], X[:12], ax=axes())


def test_axes_of_the_caller_are_used(results):
    X, mine = np.zeros((3, 8, 8, 1), np.uint8), []
    names = list(results.best.scores.per_class)

    def axes():
        mine.append(Figure().add_subplot())
        return mine[-1]

    drawn = list(every_figure(results, X, names, axes))
    assert all(ax is own for ax, own in zip(drawn, mine, strict=True))


def test_settings_and_figures_of_pyplot_are_left_alone(results):
    before = dict(matplotlib.rcParams)
    X = np.zeros((3, 8, 8, 1), np.uint8)
    for ax in every_figure(results, X, list(results.best.scores.per_class)):
        render(ax, dpi=40)
    assert dict(matplotlib.rcParams) == before
    assert not plt.get_fignums()


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_figure_is_the_same_file(results, kind):
    X = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)
    names = list(results.best.scores.per_class)
    first, second = (
        [render(ax, kind, dpi=40) for ax in every_figure(results, X, names)]
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("n", [250, pytest.param(1000, marks=pytest.mark.slow)])
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
    for ax in every_figure(replace(example, rows=[row]), X, names):
        assert len(ax.texts) <= n
        assert len(render(ax, "svg")) < 5_000_000
    assert time.process_time() - start < 0.06 * n


def test_labels_stay_apart_and_safe():
    assert labels(NAMES["long"], 20) == ["of the co… (0)", "of the co… (1)"]
    assert label("a\nb") == "a b"
    assert labels(["\U00013080", "\udcff"]) == ["class 0", "class 1"]
