"""Displays draw what they are given, as scikit-learn's do."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.svm import LinearSVC

import featx.reports
from featx import ConvAutoencoder, RawPixels
from featx.errors import DataError, ParameterError
from featx.evaluation import reliability, risk_coverage
from featx.reports import (
    ClassAccuracyDisplay,
    ClassCountsDisplay,
    ClassificationReportDisplay,
    ComparisonDisplay,
    ConfusionDisplay,
    LearningCurveDisplay,
    LossDisplay,
    ReliabilityDisplay,
    RiskCoverageDisplay,
)
from featx.reports.canvas import GRAY, render
from featx.reports.examples import example_curve, example_results

DISPLAYS = [
    getattr(featx.reports, name)
    for name in featx.reports.__all__
    if name.endswith("Display")
]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def said(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


@pytest.fixture(scope="module")
def calibrated(results):
    """The rows say probabilities, which are about right."""
    rng = np.random.default_rng(0)
    n = len(results.y_true)
    sure = {row.name: rng.uniform(0.5, 1, n).astype("f4") for row in results.rows}
    rows = [replace(row, calibrated=True) for row in results.rows]
    return replace(results, rows=rows, confidences=sure)


def build(kind, calibrated):
    """Draw a display of any kind, on a new figure."""
    if kind is LearningCurveDisplay:
        return kind.from_results(example_curve())
    if kind is LossDisplay:
        return kind.from_results(calibrated, "conv")
    return kind.from_results(calibrated)


@pytest.mark.parametrize("kind", DISPLAYS)
def test_a_display_follows_scikit_learn(kind, calibrated):
    display = build(kind, calibrated)
    assert display.figure_ is display.ax_.figure
    names = [name for name in inspect.signature(kind).parameters]
    assert {*names} <= {*vars(display)}  # data is kept as it was given
    drawn = [name for name in vars(display) if name not in names]
    assert len(drawn) > 2 and all(name.endswith("_") for name in drawn)
    plot = inspect.signature(kind.plot).parameters
    assert list(plot)[:2] == ["self", "ax"] and plot["ax"].default is None
    makers = [name for name in dir(kind) if name.startswith("from_")]
    for maker in makers:
        given = inspect.signature(getattr(kind, maker)).parameters["ax"]
        assert given.default is None and given.kind is given.KEYWORD_ONLY
    again = display.plot(Figure().add_subplot())
    assert again is display and render(display.ax_, dpi=40)


@pytest.mark.parametrize("kind", DISPLAYS)
def test_a_display_draws_nothing_before_plot(kind):
    assert not hasattr(kind(*[[]] * _n_required(kind)), "ax_")


def _n_required(kind):
    given = inspect.signature(kind).parameters.values()
    return sum(one.default is one.empty for one in given)


@pytest.mark.parametrize(
    "kind",
    [
        ClassAccuracyDisplay,
        ClassificationReportDisplay,
        ConfusionDisplay,
        ReliabilityDisplay,
        RiskCoverageDisplay,
    ],
)
def test_the_row_is_the_one_to_use_or_that_of_a_name(kind, calibrated):
    default, named = (kind.from_results(calibrated, row) for row in (None, "raw + svm"))
    title = "title" if hasattr(default, "title") else "name"
    assert getattr(default, title) == calibrated.chosen.name == "conv + svm"
    assert getattr(named, title) == "raw + svm"
    with pytest.raises(ParameterError, match=r"row 'raw'.*expected one of raw \+ svm"):
        kind.from_results(calibrated, "raw")


def test_comparison_puts_the_highest_on_top(results):
    display = ComparisonDisplay.from_results(results)
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert names == ["conv + svm", "pca + svm", "raw + svm"]
    values = [f"{100 * r.scores.accuracy:.1f}" for r in reversed(results.rows)]
    assert [text.get_text() for text in display.text_] == values
    x = display.points_.get_offsets()[:, 0]
    accuracies = [100 * row.scores.accuracy for row in results.ranked]
    np.testing.assert_allclose(x, accuracies)
    assert said(display) == ["learned encoder", "control"]


def test_comparison_of_anything():
    ends = np.array([[0.6, 0.4, 0.5], [0.8, 0.6, 0.7]])
    display = ComparisonDisplay(["a", "b", "c"], [0.7, 0.5, 0.6], ends).plot(
        point_kw={"s": 9}, errorbar_kw={"ecolor": "red"}
    )
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert names == ["a", "c", "b"] and said(display) == ["learned encoder"]
    assert display.points_.get_sizes()[0] == 9
    (whiskers,) = display.errorbar_[2]
    lines = np.array(whiskers.get_segments())[:, :, 0]
    np.testing.assert_allclose(lines, 100 * ends.T[[0, 2, 1]])


def test_class_counts_draws_both_parts():
    display = ClassCountsDisplay([40, 20], [10, 5], ["cat", "dog"]).plot()
    widths = [[bar.get_width() for bar in bars] for bars in display.bars_]
    assert widths == [[40, 20], [10, 5]]
    assert said(display) == ["training, 60 images", "test, 15 images"]


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        (([3.0, 2.0, 1.0], [3.0, 2.0, 2.5]), (2, 2.0)),
        (([3.0, 2.0, 1.0],), (3, 1.0)),
        (([0.5],), (1, 0.5)),
        (([2.0, float("nan")], []), (1, 2.0)),
        (([float("nan")],), None),
        (([],), None),
    ],
)
def test_loss_marks_the_best_epoch(losses, best):
    display = LossDisplay(*losses).plot()
    assert (display.best_ is None) == (best is None)
    if best:
        assert (display.best_.get_xdata()[0], display.best_.get_ydata()[0]) == best
        loss = np.array(losses[0])
        drawn = display.lines_[0].get_ydata()
        np.testing.assert_array_equal(drawn, loss[loss == loss])
    assert len(display.lines_) == sum(bool(np.isfinite(one).any()) for one in losses)
    assert render(display.ax_, dpi=40)


def test_loss_of_an_encoder():
    X = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
    encoder = ConvAutoencoder(
        n_components=4, hidden_channels=(4,), max_epochs=2, random_state=0
    ).fit(X)
    display = LossDisplay.from_estimator(encoder)
    assert display.loss == encoder.history_["loss"] and len(display.loss) == 2
    assert display.title == "ConvAutoencoder"
    with pytest.raises(ParameterError, match="RawPixels without history_"):
        LossDisplay.from_estimator(RawPixels())


def test_loss_of_an_encoder_without_training(results):
    with pytest.raises(ParameterError, match=r"trained encoder 'raw'.*one of conv"):
        LossDisplay.from_results(results, "raw")


def test_confusion_colors_shares_and_writes_counts():
    counts = np.array([[3, 1, 0], [0, 1200, 400], [0, 0, 0]])
    display = ConfusionDisplay(counts, ["a", "b", "empty"]).plot()
    shares = [[0.75, 0.25, 0], [0, 0.75, 0.25], [0, 0, 0]]
    np.testing.assert_allclose(display.im_.get_array(), shares)
    assert texts(display.ax_) == [f"{count:,}" for count in counts.ravel()]
    inks = {text.get_text(): text.get_color() for text in display.ax_.texts}
    assert (inks["3"], inks["1"], inks["0"]) == ("white", ".15", GRAY)
    names = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert names == ["a", "b", "empty"]


def test_confusion_is_that_of_scikit_learn(results):
    ours = ConfusionDisplay.from_results(results)
    row = results.chosen.name
    theirs = ConfusionMatrixDisplay.from_predictions(
        results.y_true, results.predictions[row]
    )
    np.testing.assert_array_equal(ours.confusion_matrix, theirs.confusion_matrix)


def test_confusion_of_many_classes_has_no_numbers():
    names = [str(i) for i in range(31)]
    display = ConfusionDisplay(np.eye(31, dtype=int), names).plot()
    assert display.text_ is None and not display.ax_.texts


def test_own_style_of_a_confusion():
    display = ConfusionDisplay([[3, 1], [0, 4]], ["a", "b"]).plot(
        cmap="Greens", colorbar=False, text_kw={"color": "red"}
    )
    assert display.im_.get_cmap().name == "Greens"
    assert display.figure_.axes == [display.ax_]
    assert {text.get_color() for text in display.text_.ravel()} == {"red"}


def test_class_accuracy_bars_are_recalls(results):
    display = ClassAccuracyDisplay.from_results(results)
    scores = results.best.scores
    recalls = [100 * one.recall for one in scores.per_class.values()]
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], recalls)
    assert texts(display.ax_) == [f"{recall:.1f}" for recall in recalls]
    assert f"all classes: {100 * scores.accuracy:.1f} %" in said(display)
    names = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert names == list(scores.per_class)


def test_predictions_and_results_give_the_same_figures(results):
    row, names = results.chosen.name, results.data["class_names"]
    arrays = results.y_true, results.predictions[row]
    for kind in (ClassAccuracyDisplay, ClassificationReportDisplay):
        of_results = kind.from_results(results)
        of_arrays = kind.from_predictions(*arrays, display_labels=names)
        assert texts(of_results.ax_) == texts(of_arrays.ax_)
        with pytest.raises(ParameterError, match="2 display_labels for 3 classes"):
            kind.from_predictions(*arrays, display_labels=["a", "b"])


def test_a_class_without_test_images_has_no_interval():
    display = ClassAccuracyDisplay.from_predictions(["a", "a"], ["a", "b"])
    assert texts(display.ax_) == ["50.0", "no test images"]
    assert np.isnan(display.interval[:, 1]).all()


def test_classification_report_shows_every_score(results):
    display = ClassificationReportDisplay.from_results(results)
    one = results.best.scores.per_class["plane"]
    np.testing.assert_allclose(
        display.im_.get_array()[0, :3], [one.precision, one.recall, one.f1]
    )
    written = [text.get_text() for text in display.text_]
    assert written[1:4] == [f"{100 * one.recall:.1f}", f"{100 * one.f1:.1f}", "100"]


def test_learning_curve_draws_the_best_row_of_each_encoder():
    curve = example_curve()
    display = LearningCurveDisplay.from_results(curve)
    assert said(display) == ["raw + svm", "conv + svm"]
    raw, conv = display.lines_
    np.testing.assert_array_equal(conv.get_xdata(), curve.rows[1].n_labels)
    np.testing.assert_allclose(conv.get_ydata(), 100 * curve.rows[1].means)
    assert raw.get_color() == GRAY and raw.get_linestyle() == "--"
    assert conv.get_linestyle() == "-"
    top = display.fill_between_[1].get_paths()[0].vertices[:, 1].max()
    row = curve.rows[1]
    assert top == pytest.approx(100 * (row.means + row.spreads).max())


def test_a_single_draw_has_no_band():
    display = LearningCurveDisplay([10, 50], [[0.5, 0.75]], [[0.1, np.nan]], ["a"])
    band = display.plot().fill_between_[0].get_paths()[0].vertices
    assert set(band[band[:, 0] == 50, 1]) == {75.0}


def test_reliability_draws_bins_with_images(calibrated):
    display = ReliabilityDisplay.from_results(calibrated)
    found = calibrated.reliability_of("conv + svm")
    filled = found.n_images > 0
    points = np.stack([found.said[filled], found.right[filled]], axis=1)
    np.testing.assert_allclose(display.points_.get_offsets(), points)
    (whiskers,) = display.errorbar_[2]
    ends = np.array(whiskers.get_segments())[:, :, 1].T
    np.testing.assert_allclose(ends, found.right_ci95[:, filled])
    shares = [bar.get_height() for bar in display.bars_]
    assert sum(shares) == pytest.approx(1)
    assert any(f"error {found.error:.3f}" in text for text in said(display))


def test_two_reliabilities_on_one_figure(calibrated):
    first = ReliabilityDisplay.from_results(calibrated, "raw + svm")
    second = ReliabilityDisplay.from_results(
        calibrated, ax=first.ax_, ref_line=False, shares=False
    )
    assert second.ax_ is first.ax_ and second.line_ is second.bars_ is None
    colors = {tuple(one.points_.get_facecolor()[0]) for one in (first, second)}
    assert len(colors) == 2 and len(said(second)) == 4


def test_reliability_needs_probabilities(results):
    with pytest.raises(DataError, match="conv \\+ svm, which has no probabilities"):
        ReliabilityDisplay.from_results(results)
    with pytest.raises(DataError, match=r"from -1 to 0\.5, but expected probabilities"):
        ReliabilityDisplay.from_predictions([0, 1], [0, 1], [-1, 0.5])
    with pytest.raises(DataError, match="shapes \\(2,\\), \\(2,\\) and \\(3,\\)"):
        ReliabilityDisplay.from_predictions([0, 1], [0, 1], [0.5] * 3)


def test_risk_is_the_share_of_wrong_names_among_the_surest():
    right = np.array([True, True, False, True, False])
    display = RiskCoverageDisplay.from_predictions(
        np.ones(5), right, [0.9, 0.8, 0.8, 0.6, 0.5], name="trees"
    )
    np.testing.assert_allclose(display.line_.get_xdata(), [0, 20, 60, 80, 100])
    np.testing.assert_allclose(display.line_.get_ydata(), [0, 0, 100 / 3, 25, 40])
    area = (0 + 2 / 3 + 0.25 + 0.4) / 5  # two are equally sure
    assert display.curve.aurc == pytest.approx(area)
    assert said(display) == [f"trees (AURC = {area:.4f})"]
    low, high = display.curve.risk_ci95
    assert (low <= display.curve.risk).all() and (display.curve.risk <= high).all()


def test_risk_of_many_images_has_a_hundred_points_and_ends_with_all():
    rng = np.random.default_rng(0)
    sure, right = rng.random(5000), rng.random(5000) < 0.9
    found = risk_coverage(sure, right)
    assert len(found.coverage) == 100 and found.coverage[-1] == 1
    assert found.risk[-1] == pytest.approx((~right).mean())


def test_groups_make_the_intervals_of_risks_wider():
    rng = np.random.default_rng(0)
    groups = np.arange(400) // 20
    right = (rng.random(20) < 0.8)[groups]
    sure = rng.random(400)
    alone, grouped = (risk_coverage(sure, right, g) for g in (None, groups))
    assert np.ptp(grouped.risk_ci95[:, -1]) > 2 * np.ptp(alone.risk_ci95[:, -1])


def test_risk_needs_confidences(results):
    with pytest.raises(DataError, match="raw \\+ svm without confidences"):
        RiskCoverageDisplay.from_results(replace(results, confidences={}), "raw + svm")


def test_displays_take_any_classifier():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = LogisticRegression(max_iter=500).fit(X[::2], names[::2])
    X, names = X[1::2], names[1::2]
    sure = model.predict_proba(X).max(axis=1)
    right = model.predict(X) == names
    found = ReliabilityDisplay.from_estimator(model, X, names)
    assert found.name == "LogisticRegression"
    assert found.reliability.error == reliability(sure, right).error
    surest = RiskCoverageDisplay.from_estimator(model, X, names)
    assert surest.curve.aurc == risk_coverage(sure, right).aurc
    classes = ClassAccuracyDisplay.from_estimator(model, X, names)
    assert classes.accuracy == right.mean()
    assert list(classes.display_labels) == ["setosa", "versicolor", "virginica"]
    with pytest.raises(ParameterError, match="LinearSVC without predict_proba"):
        ReliabilityDisplay.from_estimator(LinearSVC().fit(X, names), X, names)


def test_rows_are_found_by_name():
    results = example_results()
    assert results.row() is results.chosen
    assert results.row("raw + svm").encoder == "raw"
    with pytest.raises(ParameterError, match="Did you mean 'raw \\+ svm'"):
        results.row("raw + smv")
