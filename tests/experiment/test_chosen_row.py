"""The row that is named: chosen without the test part."""

from dataclasses import replace

import numpy as np
import pytest
from blocks import make_images
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from featx import Protocol, RawPixels, bench
from featx.classifiers import class_scores
from featx.evaluation import HeldOut, choose_row
from featx.experiment import Observer, fitting, held_out
from featx.experiment.held_out import held_out_rows, judge_held_out
from featx.experiment.tasks import FitTask
from featx.features import encode
from featx.images import Dataset
from featx.reports import advice, load_run, markdown_table


def pca(n):
    return make_pipeline(RawPixels(), PCA(n, random_state=0))


def test_every_row_is_judged_on_training_images(dataset, cache):
    results = bench(dataset, {"raw": RawPixels()}, ["knn", "ridge"], cache=cache)
    for row in results.rows:
        assert row.held_out.n_images == 60  # few: all of them, in folds
        assert row.held_out.accuracy > 0.9
    again = bench(dataset, {"raw": RawPixels()}, ["knn", "ridge"], cache=cache)
    assert [row.held_out for row in again.rows] == [r.held_out for r in results.rows]


def test_the_test_part_has_no_say(dataset, cache):
    """With other test labels, the same row is chosen."""
    encoders = {f"pca{n}": pca(n) for n in (1, 2, 5)}
    first = bench(dataset, encoders, ["knn", "ridge"], cache=cache)
    rng = np.random.default_rng(0)
    for _ in range(3):
        test = replace(dataset.test, y=rng.permutation(dataset.test.y))
        other = bench(replace(dataset, test=test), encoders, ["knn", "ridge"])
        assert other.chosen.name == first.chosen.name
        assert other.answer.row.name == first.chosen.name


def test_what_judges_was_not_fitted_on(dataset, cache):
    """With labels of chance, one neighbor knows what it was fitted on, and no more."""
    rng = np.random.default_rng(0)
    train = make_images(400)
    train = replace(train, y=rng.integers(0, 3, 400))
    dataset = replace(dataset, train=train, validation=np.zeros(400, bool))
    encoded = encode(dataset, RawPixels(), cache=cache)
    task = FitTask("raw", "knn", encoded, dataset.class_names, dataset.validation)
    of, calibration, _ = judge_held_out(task, 10_000)
    assert of.n_images == 400
    assert abs(of.accuracy - 1 / 3) < 0.1
    sure = bench(dataset, ["raw"], ["knn"], cache=cache).confidences["raw + knn"]
    assert calibration.floor > 0.5 or abs(sure.mean() - 1 / 3) < 0.1


@pytest.mark.parametrize("n", [60, 1000, 40_000])
@pytest.mark.parametrize("grouped", [False, True])
def test_rows_held_out(n, grouped):
    y = np.arange(n) % 3
    groups = np.arange(n) // 6 if grouped else None
    for fitted, judged in held_out_rows(y, groups, 10_000):
        assert not set(fitted) & set(judged)
        if grouped:
            assert not set(groups[fitted]) & set(groups[judged])
        assert len(fitted) <= 10_000 + 3 and len(judged) <= 5100
        assert set(y[fitted]) == set(y[judged]) == {0, 1, 2}


@pytest.mark.parametrize("y", [[0, 1], [0, 1, 2, 2], [0] * 3 + [1]])
def test_few_images_are_judged_as_far_as_they_go(y, cache):
    images = make_images(len(y), n_classes=3)
    images = replace(images, y=np.array(y))
    dataset = Dataset("few", images, make_images(6), np.zeros(len(y), bool))
    encoded = encode(dataset, RawPixels(), cache=cache)
    task = FitTask("raw", "ridge", encoded, dataset.class_names, dataset.validation)
    found = judge_held_out(task, 10_000)
    assert found is None or 0 <= found.held_out.accuracy <= 1


def test_of_equal_rows_the_narrowest(dataset, cache):
    results = bench(dataset, {"raw": RawPixels()}, ["knn", "ridge"], cache=cache)
    wide, narrow = (
        replace(row, held_out=HeldOut(0.9, 60), n_features=n)
        for row, n in zip(results.rows, (64, 5), strict=True)
    )
    assert choose_row([wide, narrow]) is narrow
    assert choose_row([replace(wide, held_out=None), narrow]).scores.accuracy == max(
        wide.scores.accuracy, narrow.scores.accuracy
    )


def test_the_answer_of_folds_is_that_of_choosing_in_each(dataset, cache, tmp_path):
    dataset = replace(dataset, test_given=False)
    encoders = {f"pca{n}": pca(n) for n in (1, 2)}
    protocol = Protocol(folds=3)
    results = bench(dataset, encoders, ["knn", "ridge"], protocol=protocol, cache=cache)
    assert results.answers.shape == results.y_true.shape
    said = np.stack(list(results.predictions.values()))
    assert (said == results.answers).any(axis=0).all()
    right = (results.answers == results.y_true).mean()
    assert results.answer.accuracy == pytest.approx(right)
    results.save(tmp_path / "run")
    again = load_run(tmp_path / "run").results.answer
    assert (again.row.name, *again[1:]) == (
        results.answer.row.name,
        *results.answer[1:],
    )
    two = bench(
        dataset,
        encoders,
        ["knn"],
        protocol=Protocol(folds=3, repeats=2),
        cache=cache,
    )
    assert two.answers.shape == (2, 90)


def test_reports_name_the_chosen_row(dataset, cache):
    results = bench(dataset, {"raw": RawPixels()}, ["knn", "ridge"], cache=cache)
    first, second = results.rows
    worse = replace(first.scores, accuracy=second.scores.accuracy - 0.1)
    rows = [
        replace(first, held_out=HeldOut(0.99, 60), scores=worse),
        replace(second, held_out=HeldOut(0.5, 60)),
    ]
    changed = replace(results, rows=rows)
    assert changed.chosen.name == "raw + knn" and changed.best.name == "raw + ridge"
    lines = advice(changed)
    assert lines[0].startswith(
        "Chosen on 60 training images held out: raw + knn, 99.0 %"
    )
    assert "The highest of 2 rows is raw + ridge" in lines[1]
    assert lines[-1].endswith("--encoder raw --clf knn --save model.featx")
    assert "| **raw** | **knn** |" in markdown_table(changed)
    assert repr(changed).splitlines()[2].startswith("* raw")


def fitted_and_judged(dataset, cache, monkeypatch, train, name, **protocol):
    """Make a row; give its classifier, and the one that judged held-out images."""
    judged, rows = [], []

    def spy(classifier, *args, **options):
        judged.append(classifier)
        return class_scores(classifier, *args, **options)

    monkeypatch.setattr(held_out, "class_scores", spy)
    bench(
        replace(dataset, train=train, validation=np.zeros(len(train), bool)),
        {"raw": RawPixels()},
        [name],
        protocol=Protocol(n_examples=0, diagnose=False, **protocol),
        cache=cache,
        observer=Observer(on_fitted=lambda _, row: rows.append(row.classifier)),
    )
    (row,), (held,) = rows, judged
    return row, held


def test_a_network_is_calibrated_after_as_many_epochs(dataset, cache, monkeypatch):
    row, held = fitted_and_judged(
        dataset, cache, monkeypatch, make_images(600), "mlp", calibrate_fully=True
    )
    row, held = row["mlp"], held["mlp"]
    assert not held.early_stopping and row.early_stopping
    assert held.n_iter_ == np.argmax(row.validation_scores_) + 1 < row.n_iter_


@pytest.mark.parametrize("fully", [True, False])
def test_what_is_calibrated_has_the_settings_of_the_row(
    dataset, cache, monkeypatch, fully
):
    """With others its scores mean something else: a kernel of another width."""
    train = make_images(600, size=34)  # wide enough for components
    dataset = replace(dataset, test=train.take(np.arange(30)))
    penalties = iter([3.0, 12.0])

    def choose(*_, **__):
        return {"svm__C": next(penalties)}

    for module in (fitting, held_out):
        monkeypatch.setattr(module, "choose_settings", choose)
    row, held = fitted_and_judged(
        dataset, cache, monkeypatch, train, "svm", calibrate_fully=fully
    )
    assert row["svm"].C == 3.0 and held["svm"].C == (3.0 if fully else 12.0)
    assert held["pca"].floor == (row["pca"].floor_ if fully else "auto")
