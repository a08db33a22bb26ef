"""Folds: every image is judged once, by what never saw it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from blocks import make_images
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from featx import Protocol, RawPixels, bench, make_classifier
from featx.errors import DataError, ParameterError
from featx.experiment import folds as folds_module
from featx.experiment.folds import default_folds, split_folds, uneven_folds
from featx.images import Dataset
from featx.images.split import validation_mask
from featx.reports import load_run


def make_dataset(n=90, groups=None, **how):
    images = make_images(n, **how)
    images = replace(images, groups=groups)
    train, test = (
        images.take(np.arange(n - n // 5)),
        images.take(np.arange(n - n // 5, n)),
    )
    mask = validation_mask(train.y, np.zeros(len(train), np.int8), 0.1, 0)
    return Dataset("blocks", train, test, mask, test_given=False)


@pytest.fixture
def dataset():
    return make_dataset()


def pca():
    return make_pipeline(RawPixels(), PCA(5, random_state=0))


FIVE = Protocol(folds=5)


def test_every_image_is_judged_once_and_in_its_place(dataset, cache):
    results = bench(dataset, {"pca": pca()}, ["knn"], protocol=FIVE, cache=cache)
    images = dataset.labeled_images
    assert np.array_equal(results.ids, images.ids)
    assert np.array_equal(results.y_true, images.y)
    row = results.best
    assert row.scores.confusion.sum() == 90
    assert row.scores.accuracy == (results.predictions[row.name] == images.y).mean()
    assert results.protocol["folds"] == 5
    assert results.data["n_train"] == results.data["n_test"] == 90


def test_it_is_what_scikit_learn_finds(cache, monkeypatch):
    """With labels of chance, which only what was fitted on them knows."""
    settings = "featx.experiment.fitting.choose_settings"
    monkeypatch.setattr(settings, lambda *_, **__: {})  # in each fold its own
    dataset = make_dataset(120)
    rng, images = np.random.default_rng(0), dataset.labeled_images
    images = replace(images, y=rng.permutation(images.y))
    train, test = images.take(np.arange(96)), images.take(np.arange(96, 120))
    dataset = replace(dataset, train=train, test=test)
    results = bench(
        dataset, {"raw": RawPixels()}, ["ridge"], protocol=FIVE, cache=cache
    )
    expected = cross_val_predict(
        make_pipeline(
            RawPixels(), make_classifier("ridge", n_features=64, n_images=96)
        ),
        images.X,
        images.y,
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
    )
    assert np.array_equal(results.predictions["raw + ridge"], expected)
    assert abs(results.best.scores.accuracy - 1 / 3) < 0.15


def test_folds_do_not_tear_groups(cache):
    groups = np.arange(90) // 6
    dataset = make_dataset(groups=groups)
    folds = split_folds(dataset, 5, seed=0)
    assert sorted(np.concatenate([fold.test_rows for fold in folds])) == list(range(90))
    for fold in folds:
        train, test = fold.dataset.train, fold.dataset.test
        assert not set(train.groups) & set(test.groups)
        assert np.array_equal(groups[fold.test_rows], test.groups)
        held = set(train.groups[fold.dataset.validation])
        assert held and not held & set(train.groups[~fold.dataset.validation])
    results = bench(dataset, {"raw": RawPixels()}, ["knn"], protocol=FIVE, cache=cache)
    assert np.array_equal(results.groups, groups)
    assert results.protocol["interval"].startswith("Wilson with an effective number of")


def test_unlabeled_images_of_a_group_teach_nothing_about_it(cache):
    dataset = make_dataset(groups=np.arange(90) // 6)
    more = make_images(40, seed=2, prefix="unlabeled/")
    groups = np.append(np.arange(30) // 2, np.full(10, 99))  # of all groups, and others
    more = replace(more, y=np.full(40, -1), groups=groups)
    dataset = replace(dataset, unlabeled=more)
    for fold in split_folds(dataset, 5, seed=0):
        judged = set(fold.dataset.test.groups)
        left = set(fold.dataset.unlabeled.groups)
        assert not judged & left
        assert left == set(groups) - judged
    ungrouped = replace(dataset, unlabeled=replace(more, groups=None))
    assert len(split_folds(ungrouped, 5, seed=0)[0].dataset.unlabeled) == 40


def test_folds_that_groups_make_uneven_are_told(cache):
    # of class 0, 20 of 30 images are one patient's
    groups = np.arange(90)
    dataset = make_dataset(groups=groups)
    y = dataset.labeled_images.y
    groups[np.flatnonzero(y == 0)[:20]] = 500
    dataset = make_dataset(groups=groups)
    folds = split_folds(dataset, 5, seed=0)
    counts = [int((fold.dataset.test.y == 0).sum()) for fold in folds]
    name = dataset.class_names[0]
    note = (
        f"spread unevenly over folds: {name!r} ({min(counts)} to {max(counts)} "
        "images a fold)"
    )
    assert uneven_folds(folds) == note and max(counts) >= 20
    assert uneven_folds(split_folds(make_dataset(), 5, seed=0)) == ""
    results = bench(dataset, {"raw": RawPixels()}, ["knn"], protocol=FIVE, cache=cache)
    assert note in results.data["notes"]


def test_what_was_done_is_found_again(dataset, cache):
    encoders = {"pca": pca()}
    first = bench(dataset, encoders, ["knn"], protocol=FIVE, cache=cache)
    again = bench(dataset, encoders, ["knn"], protocol=FIVE, cache=cache)
    assert not any(first.best.cached.values())
    assert all(again.best.cached.values())
    assert np.array_equal(
        first.predictions["pca + knn"], again.predictions["pca + knn"]
    )


def test_interrupted_after_some_folds_it_goes_on(dataset, cache, monkeypatch):
    encoders = {"pca": pca()}
    undisturbed = bench(dataset, encoders, ["knn"], protocol=FIVE, cache=cache)
    for entry in cache.store.entries():
        cache.store.remove(entry.key)
    seen = []

    def stop(line):
        seen.append(line)
        if line.startswith("Fold 4"):
            raise KeyboardInterrupt

    from featx import Observer

    with pytest.raises(KeyboardInterrupt):
        bench(
            dataset,
            encoders,
            ["knn"],
            protocol=FIVE,
            cache=cache,
            observer=Observer(on_message=stop),
        )
    rows = [one for one in cache.store.entries() if one.kind == "rows"]
    assert len(rows) == 3
    again = bench(dataset, encoders, ["knn"], protocol=FIVE, cache=cache)
    assert np.array_equal(
        undisturbed.predictions["pca + knn"], again.predictions["pca + knn"]
    )


def test_several_seeds_have_folds_of_their_own(dataset, cache):
    protocol = Protocol(folds=3, repeats=2)
    results = bench(dataset, {"pca": pca()}, ["knn"], protocol=protocol, cache=cache)
    assert results.n_seeds == 2
    assert results.repeat_predictions["pca + knn"].shape == (2, 90)
    assert results.protocol["folds"] == 3
    first, second = (split_folds(dataset, 3, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first[0].test_rows, second[0].test_rows)


def test_rows_side_by_side_are_the_same(dataset, cache, tmp_path):
    from featx import Backend, FeatureCache

    alone = bench(dataset, {"pca": pca()}, ["knn", "ridge"], protocol=FIVE, cache=cache)
    beside = bench(
        dataset,
        {"pca": pca()},
        ["knn", "ridge"],
        protocol=FIVE,
        cache=FeatureCache(tmp_path / "other"),
        backend=Backend(joblib="threading"),
    )
    for name, said in alone.predictions.items():
        assert np.array_equal(said, beside.predictions[name])


def test_a_run_folder_shows_all_images(dataset, cache, tmp_path):
    results = bench(
        dataset, {"pca": pca(), "raw": RawPixels()}, ["knn"], protocol=FIVE, cache=cache
    )
    results.save(tmp_path / "run", dataset)
    again = load_run(tmp_path / "run").results
    assert np.array_equal(
        again.predictions["pca + knn"], results.predictions["pca + knn"]
    )
    found, images = results.diagnostics, dataset.labeled_images
    first = split_folds(dataset, 5, seed=0)[0]
    assert set(found.map_rows) <= set(first.test_rows)
    assert set(found.neighbor_rows.ravel()) <= set(first.train_rows)
    rows = results.example_rows
    assert np.array_equal(images.X[rows], results.examples)


def test_copies_in_other_folds_are_found(cache):
    dataset = make_dataset()
    images = dataset.labeled_images
    X = images.X.copy()
    X[80:90] = X[0]
    images = replace(images, X=X)
    dataset = replace(
        dataset, train=images.take(np.arange(72)), test=images.take(np.arange(72, 90))
    )
    results = bench(dataset, {"raw": RawPixels()}, ["knn"], protocol=FIVE, cache=cache)
    same = [0, *range(80, 90)]
    of = results.duplicates.of
    assert set(of[same]) <= set(same) and (of[same] != same).all()
    assert results.duplicates.n_exact == len(same)


@pytest.mark.parametrize(
    ("change", "n_folds", "words"),
    [
        ({"test_given": True}, 5, "which brings a test part"),
        ({}, 1, "expected 2 or more"),
        ({}, 31, "31 folds but 30 images of class 'a'"),
        ({"groups": np.arange(90) // 30}, 5, "5 folds but 3 groups"),
    ],
)
def test_folds_that_cannot_be(change, n_folds, words):
    groups = change.pop("groups", None)
    dataset = replace(make_dataset(groups=groups), **change)
    with pytest.raises(ParameterError, match=words):
        bench(dataset, {"raw": RawPixels()}, ["knn"], protocol=Protocol(folds=n_folds))


def test_a_class_in_one_group_cannot_be_learned():
    images = make_images(90)
    groups = np.where(images.y == 0, 100, np.arange(90) // 9)
    with pytest.raises(DataError, match="all images of class 'a' in one fold"):
        split_folds(make_dataset(groups=groups), 5, seed=0)


def test_the_default_is_for_few_images_without_a_test_part(dataset, monkeypatch):
    assert default_folds(dataset) == 5
    assert default_folds(replace(dataset, test_given=True)) == 0
    assert default_folds(make_dataset(9)) == 3  # of a class
    assert default_folds(make_dataset(groups=np.arange(90) // 30)) == 3
    assert default_folds(make_dataset(groups=np.zeros(90, int))) == 0
    monkeypatch.setattr(folds_module, "FOLDS_BELOW", 90)
    assert default_folds(dataset) == 0


def test_the_command_takes_folds_where_there_are_few_images(run, tmp_path):
    images = make_images(60, channels=3)
    for image, label, name in zip(images.X, images.y, images.ids, strict=True):
        file = tmp_path / "few" / "abc"[label] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    words = ["--encoders", "raw,pca", "--clf", "knn", "--out", "run"]
    code, out, err = run("bench", tmp_path / "few", *words)
    assert code == 0 and "Fold 5 of 5" in err
    assert "every image was judged once, in 5 folds" in " ".join(out.split())
    results = json.loads(Path("run/results.json").read_text())
    assert results["data"]["n_test"] == 60
    assert "no test part" not in " ".join(results["data"]["notes"])
    code, out, err = run("bench", tmp_path / "few", *words, "--folds", 0)
    assert code == 0 and "Fold" not in err
    assert "20 % of each class were set aside" in err
