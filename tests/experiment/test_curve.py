"""Accuracy against the number of labels."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from blocks import make_images
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from featx import FeatureCache, Observer, RawPixels, learning_curve
from featx.catalog import DEFAULT_ENCODERS
from featx.errors import DataError, MissingDataError, ParameterError
from featx.evaluation import CONTROLS
from featx.evaluation.learning_curve import (
    CurveRow,
    LearningCurve,
    compare_by_labels,
)
from featx.experiment import curve as curve_module
from featx.experiment.curve import draw_labels
from featx.experiment.plan import Plan
from featx.images import Dataset
from featx.reports import load_curve, save_curve, save_page
from featx.reports.examples import example_curve, example_results
from featx.reports.html.curve import curve_view


@pytest.fixture
def dataset():
    train, test = make_images(300), make_images(60, seed=1)
    rng = np.random.default_rng(0)  # harder: noise as bright as the blocks
    train, test = (
        replace(
            one, X=(one.X // 2 + rng.integers(0, 128, one.X.shape)).astype(np.uint8)
        )
        for one in (train, test)
    )
    return Dataset("blocks", train, test, np.arange(300) >= 270)


def pca():
    return make_pipeline(RawPixels(), PCA(5, random_state=0))


def measure(dataset, cache, **how):
    how = {"labels": [2, 5, 20], "draws": 4} | how
    return learning_curve(
        dataset, {"raw": RawPixels(), "five": pca()}, ["ridge"], cache=cache, **how
    )


def test_more_labels_are_better(dataset, cache):
    curve = measure(dataset, cache)
    assert curve.labels == [2, 5, 20, 0]
    for row in curve.rows:
        assert row.n_labels.tolist() == [6, 15, 60, 300]
        assert [len(one) for one in row.accuracies] == [4, 4, 4, 1]
        assert row.means[0] < row.means[2] + 0.05 and row.means[3] > 0.6
    raw, five = curve.rows
    for point, (test,) in enumerate(curve.comparisons):
        assert test.other == "raw + ridge"
        more = 60 * (five.accuracies[point].sum() - raw.accuracies[point].sum())
        assert test.only_row - test.only_other == round(more)


def test_draws_are_nested_and_those_of_all_rows():
    y = np.repeat(np.arange(3), [40, 10, 3])
    few, more = (list(draw_labels(y, n, 3, seed=0)) for n in (5, 20))
    for small, large in zip(few, more, strict=True):
        assert set(small) <= set(large)
        assert np.bincount(y[small]).tolist() == [5, 5, 3]
        assert np.bincount(y[large]).tolist() == [20, 10, 3]
    assert not np.array_equal(few[0], few[1])
    (everything,) = draw_labels(y, 0, 1, seed=0)
    assert len(everything) == 53


def test_only_drawn_labels_are_read(dataset, cache, tmp_path, monkeypatch):
    """Labels that are never drawn may be anything."""
    drawn = list(draw_labels(dataset.train.y, 5, 2, seed=0))

    def the_same(y, n, draws, seed):
        return iter(drawn if n else [np.arange(len(y))])

    monkeypatch.setattr(curve_module, "draw_labels", the_same)
    first = measure(dataset, cache, labels=[5], draws=2)
    y = (dataset.train.y + 1) % 3
    known = np.unique(np.concatenate(drawn))
    y[known] = dataset.train.y[known]
    changed = replace(dataset, train=replace(dataset.train, y=y))
    second = measure(changed, FeatureCache(tmp_path / "other"), labels=[5], draws=2)
    for before, after in zip(first.rows, second.rows, strict=True):
        assert np.array_equal(before.accuracies[0], after.accuracies[0])
        assert after.accuracies[1] < before.accuracies[1]


def test_with_labels_of_chance_it_stays_at_chance(dataset, cache):
    rng = np.random.default_rng(0)
    train, test = (
        replace(one, y=rng.integers(0, 3, len(one)))
        for one in (dataset.train, dataset.test)
    )
    curve = measure(replace(dataset, train=train, test=test), cache)
    for row in curve.rows:
        assert np.abs(row.means - 1 / 3).max() < 0.2


def test_interrupted_it_goes_on(dataset, cache):
    whole = measure(dataset, cache)
    for entry in cache.store.entries():
        cache.store.remove(entry.key)

    def stop(what, done, total):
        if what.startswith("ridge on five, 5"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(dataset, cache, observer=Observer(on_progress=stop))
    assert sum(entry.kind == "rows" for entry in cache.store.entries()) == 5
    again = measure(dataset, cache)
    for before, after in zip(whole.rows, again.rows, strict=True):
        assert np.array_equal(before.means, after.means)
    assert whole.comparisons == again.comparisons


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"draws": 1}, "draws=1"),
        ({"labels": []}, "labels="),
        ({"labels": [0]}, "labels="),
    ],
)
def test_refused(dataset, cache, how, words):
    with pytest.raises(ParameterError, match=words):
        measure(dataset, cache, **how)


def row_of(chance, n_labels, draws=10, n_test=2000, seed=0):
    rng = np.random.default_rng(seed)
    right = [rng.random((draws, n_test)) < p for p in chance]
    accuracies = [one.mean(axis=1) for one in right]
    return CurveRow("raw", "svm", np.asarray(n_labels), accuracies)


def test_a_forecast_is_what_a_power_law_gives():
    n = np.array([20, 50, 100, 250, 500, 1000])
    found = row_of(0.9 - 2 * n**-0.5, n).forecast()
    gain = 100 * 2 * (1000**-0.5 - 1100**-0.5)
    assert found.low < gain < found.high
    assert found.high - found.low < 1
    assert found.gained > found.gain > 0


def test_no_forecast_of_few_points_or_of_noise():
    n = np.array([20, 50, 100, 250])
    assert row_of(0.9 - 2 * n**-0.5, n).forecast() is None
    n = np.array([4, 8, 12, 16, 20])
    noisy = row_of(np.array([0.3, 0.9, 0.2, 0.8, 0.4]), n, draws=2, n_test=5)
    assert noisy.forecast(1000) is None or noisy.forecast(1000).high < 5


def test_groups_are_the_units_of_the_tests():
    rng, groups = np.random.default_rng(0), np.arange(200) // 20
    rows = [CurveRow(name, "svm", np.array([9]), [rng.random(2)]) for name in "ab"]
    right = [rng.integers(0, 6, (1, 200)) for _ in rows]
    right[0][:, groups < 3] = 10
    (alone,), (together,) = (
        compare_by_labels(rows, right, ("a",), units)[0] for units in (None, groups)
    )
    assert alone.only_row == together.only_row and alone.verdict == "worse"
    assert alone.p_value < 1e-4 < together.p_value


def test_read_back_it_is_the_same():
    curve = example_curve()
    again = LearningCurve.from_dict(json.loads(json.dumps(curve.to_dict())))
    assert again.to_dict() == curve.to_dict()
    assert again.controls == curve.controls and again.comparisons == curve.comparisons


def test_the_page_of_a_comparison_gets_a_section(tmp_path):
    example_results().save(tmp_path, command="featx bench pets")
    before = (tmp_path / "report.html").read_text()
    save_curve(example_curve(), tmp_path)
    assert (tmp_path / "report.html").read_text() == before
    page = save_page(tmp_path, curve=tmp_path).read_text()
    assert 'href="#curve"' in page and "How many labels?" in page
    assert page.count("<polyline") - before.count("<polyline") == 2
    others = example_curve()
    save_curve(
        replace(others, data=others.data | {"class_names": ["a", "b"]}), tmp_path
    )
    with pytest.raises(ParameterError, match="curves of the same data"):
        save_page(tmp_path, curve=tmp_path)
    with pytest.raises(MissingDataError, match=r"featx curve DATA"):
        save_page(tmp_path, curve=tmp_path / "nothing")


def test_a_curve_alone_has_a_page(tmp_path):
    save_curve(replace(example_curve(), command="featx curve <pets>"), tmp_path)
    page = (tmp_path / "curve.html").read_text()
    assert "How many labels?" in page and "featx curve &lt;pets&gt;" in page
    assert page.count("<polyline") == 2 and "the highest of 2" in page
    assert "Images per class" in page


def drawn(*rows, controls=()):
    """View curves of (encoder, accuracies of two draws by point)."""
    n = np.array([10, 11, 100, 5000])
    rows = [
        CurveRow(name, "svm", n[: len(of)], [np.array(one) for one in of])
        for name, of in rows
    ]
    labels = [1] * (len(rows[0].accuracies) - 1) + [0]
    curve = replace(
        example_curve(), rows=rows, labels=labels, controls=controls, comparisons=[]
    )
    return curve_view(curve)


def test_nothing_leaves_the_drawing():
    perfect = drawn(("raw", [[1, 1]]))
    assert [tick for _, tick in perfect["up"]] == [99, 100]
    wide = drawn(("raw", [[0, 0.9], [0, 1], [1, 1], [0.4, 1]]))
    assert [text for _, text in wide["across"]] == ["5,000", "100", "11"]
    for x, *ys in wide["lines"][0]["bars"]:
        assert 48 <= float(x) <= 625
        assert all(15 <= float(y) <= 255 for y in ys)


def test_lines_can_be_told_apart():
    names = [*DEFAULT_ENCODERS, *(f"own{i}" for i in range(9))]
    view = drawn(*((name, [[0.5, 0.6]]) for name in names), controls=CONTROLS)
    styles = [(line["kind"], line["dashes"]) for line in view["lines"]]
    assert len({*styles}) == len(names)
    for line in view["lines"]:
        assert (line["kind"] == "plain") == (line["name"].split(" ")[0] in CONTROLS)
    assert [row["mark"] for row in view["rows"]].count("control") == len(CONTROLS)


def test_names_cannot_break_the_page(tmp_path):
    curve = example_curve()
    rows = [replace(row, encoder=f"<b>{row.encoder}&") for row in curve.rows]
    save_curve(replace(curve, rows=rows, controls=(), comparisons=[[]] * 6), tmp_path)
    page = (tmp_path / "curve.html").read_text()
    assert "&lt;b&gt;conv&amp; + svm" in page and "<b>conv" not in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": [], "rows": []}, "some of both"),
        ({"rows": []}, "some of both"),
        ({"labels": [5, 0]}, "points"),
        ({"controls": "raw"}, "expected a list"),
        ({"protocol": {}}, "draws"),
        ({"rows": [example_curve().rows[0].to_dict()]}, "expected rows of the table"),
        ({"rows": [example_curve().rows[0].to_dict()] * 2}, "no two rows alike"),
        ({"data": {"name": "pets"}}, "class_names"),
    ],
)
def test_a_damaged_curve_is_told(tmp_path, change, words):
    save_curve(example_curve(), tmp_path)
    assert load_curve(tmp_path).to_dict() == example_curve().to_dict()
    document = example_curve().to_dict() | change
    (tmp_path / "curve.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=words):
        load_curve(tmp_path)
    (tmp_path / "curve.json").write_text("no JSON")
    with pytest.raises(DataError, match="Run featx curve again"):
        load_curve(tmp_path)


def test_the_command(run):
    words = ["digits", "--limit", "200", "--encoders", "raw,pca", "--clf", "knn"]
    code, out, err = run(
        "curve", *words, "--labels", "2,5,10", "--draws", "3", "--out", "curve"
    )
    assert code == 0 and "by labels of each class" in out
    assert "raw + knn: " in err and "is the highest of 2" in out
    document = json.loads(Path("curve/curve.json").read_text())
    assert document["labels"] == [2, 5, 10, 0]
    with Path("curve/curve.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2 * (3 * 3 + 1)
    assert Path("curve/curve.png").stat().st_size > 5000
    assert "How many labels?" in Path("curve/curve.html").read_text()
    assert document["command"].startswith("featx curve digits")
    words_of_bench = [*words, "--out", "run"]
    assert run("bench", *words_of_bench)[0] == 0
    assert run("report", "run", "--curve", "curve")[0] == 0
    assert "How many labels?" in Path("run/report.html").read_text()
    code, out, _ = run("curve", *words, "--labels", "2", "--draws", "2", "--json")
    assert code == 0 and json.loads(out)["labels"] == [2, 0]
    code, _, err = run("curve", *words, "--labels", "few")
    assert code == 1 and "whole numbers" in err


def test_the_draws_of_labels_count_in_the_time(dataset, cache, monkeypatch):
    seen = []
    check = Plan.check

    def checked(*args, **named):
        seen.append(named["budget"])
        return check(*args, **named)

    monkeypatch.setattr("featx.experiment.curve.Plan.check", checked)
    measure(dataset, cache, labels=[2, 5], draws=3, budget=60)
    assert seen[0].further_fits == (6, 15) * 3
