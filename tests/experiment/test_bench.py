import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from featx import (
    ConvAutoencoder,
    PatchAutoencoder,
    Protocol,
    RawPixels,
    UntrainedAutoencoder,
    bench,
)
from featx.errors import CacheError, DataError, ParameterError
from featx.evaluation import is_uneven
from featx.experiment.fitting import fit_row
from featx.experiment.tasks import FitTask
from featx.features import encode
from featx.reports import markdown_table
from featx.store.folders import read_manifest
from featx.store.locks import remove_entry

TUNE = Protocol(tune=True)
CACHED = ("encoder", "features", "classifier")


@pytest.fixture
def encoders():
    return {
        "raw": RawPixels(),
        "untrained": UntrainedAutoencoder(random_state=0),
        "conv": ConvAutoencoder(max_epochs=2, random_state=0),
    }


def task_of(dataset, encoded, name, **how):
    parts = (dataset.class_names, dataset.validation)
    return FitTask("raw", name, encoded, *parts, **how)


def test_every_encoder_meets_every_classifier(dataset, encoders, cache):
    results = bench(dataset, encoders, ["logreg", "knn"], cache=cache)
    assert [r.name for r in results.rows] == [
        f"{e} + {c}" for e in encoders for c in ("logreg", "knn")
    ]
    assert results.best.scores.accuracy > 0.9
    pairs = {(c.row, c.other) for c in results.comparisons}
    for control in ("raw", "untrained"):
        for clf in ("logreg", "knn"):
            assert (f"conv + {clf}", f"{control} + {clf}") in pairs
    for result in results.rows:
        right = (results.predictions[result.name] == dataset.test.y).mean()
        assert result.scores.accuracy == pytest.approx(right)
        assert result.cached == dict.fromkeys(CACHED, False)
    assert list(results.histories) == list(results.reconstructions) == ["conv"]
    assert results.reconstructions["conv"].shape == results.examples.shape
    assert np.array_equal(
        results.examples, np.asarray(dataset.test.X)[results.example_rows]
    )
    json.dumps(results.to_dict())


def test_the_second_run_is_cached_and_gives_the_same_table(dataset, encoders, cache):
    first = bench(dataset, encoders, ["logreg", "mlp"], cache=cache)
    second = bench(dataset, encoders, ["logreg", "mlp"], cache=cache)
    for a, b in zip(first.rows, second.rows, strict=True):
        assert b.cached == dict.fromkeys(CACHED, True)
        assert (b.scores.accuracy, b.classifier_params, b.notes) == (
            a.scores.accuracy,
            a.classifier_params,
            a.notes,
        )
        assert (a.fit_seconds, a.predict_seconds) == (b.fit_seconds, b.predict_seconds)
        assert np.array_equal(first.predictions[a.name], second.predictions[b.name])
        assert (a.train_seconds, a.encode_seconds) == (
            b.train_seconds,
            b.encode_seconds,
        )


def test_the_best_row_is_looked_into_once(dataset, encoders, cache, monkeypatch):
    first = bench(dataset, encoders, ["knn"], cache=cache)
    found = first.diagnostics
    assert found.encoder == first.best.encoder
    assert found.n_judged == len(dataset.train)
    assert np.array_equal(found.query_rows, first.example_rows[:12])
    assert found.neighbor_rows.max() < len(dataset.train)

    def never(*_, **__):
        raise AssertionError("computed again")

    monkeypatch.setattr("featx.experiment.diagnostics.diagnose", never)
    again = bench(dataset, encoders, ["knn"], cache=cache).diagnostics
    for name, value in vars(found).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert (
        bench(
            dataset, encoders, ["knn"], cache=cache, protocol=Protocol(diagnose=False)
        ).diagnostics
        is None
    )


def test_pictures_are_drawn_once(dataset, cache, monkeypatch):
    encoders = {
        "patch": PatchAutoencoder(8, n_patches=500, max_epochs=1, random_state=0)
    }
    first = bench(dataset, encoders, ["knn"], cache=cache)
    assert first.reconstructions["patch"].shape == first.examples.shape
    assert len(first.filters["patch"]) == 8

    monkeypatch.delattr("featx.experiment.pictures.reconstruct")
    again = bench(dataset, encoders, ["knn"], cache=cache)
    for name in ("reconstructions", "filters"):
        ours, theirs = getattr(first, name)["patch"], getattr(again, name)["patch"]
        np.testing.assert_array_equal(ours, theirs)

    [folder] = (cache.folder / "pictures").iterdir()
    (folder / "reconstructions.npy").write_bytes(b"broken")
    with pytest.raises(CacheError, match=f"featx cache rm {folder.name[:12]}"):
        bench(dataset, encoders, ["knn"], cache=cache)


def test_confidences_go_with_the_predictions(dataset, cache):
    results = [
        bench(dataset, {"raw": RawPixels()}, ["mlp", "svm"], cache=cache)
        for _ in range(2)
    ]
    for name in results[0].predictions:
        first, again = (one.confidences[name] for one in results)
        assert first.dtype == np.float32 and first.shape == dataset.test.y.shape
        np.testing.assert_array_equal(first, again)
    probabilities = results[0].confidences["raw + mlp"]
    assert probabilities.min() > 0 and probabilities.max() <= 1


def test_filters_are_shown_where_there_are_any(dataset, cache):
    encoders = {
        "patch": PatchAutoencoder(n_components=20, max_epochs=1, random_state=0),
        "conv": ConvAutoencoder(max_epochs=1, random_state=0),
    }
    results = bench(dataset, encoders, ["knn"], cache=cache)
    assert list(results.filters) == ["patch"]
    assert results.filters["patch"].shape[0] == 20


def test_a_comparison_shows_itself_in_a_notebook(dataset, cache):
    results = bench(dataset, {"<b>": RawPixels()}, ["knn"], cache=cache)
    shown = results._repr_html_()
    assert "<td>&lt;b&gt;</td>" in shown and "<b>" not in shown
    assert f"{100 * results.best.scores.accuracy:.1f}" in shown
    pipeline = make_pipeline(PatchAutoencoder(n_components=20), SVC())
    assert "PatchAutoencoder" in pipeline._repr_html_()


@pytest.mark.parametrize("name", ["logreg", "svm", "linear-svm", "mlp", "knn"])
def test_tuning_chooses_on_the_validation_part_and_never_sees_the_test_part(
    dataset, cache, name, monkeypatch
):
    encoded = encode(dataset, RawPixels(), cache=cache)
    seen = []
    import featx.experiment.fitting as module

    search_class = module.GridSearchCV

    class Spy(search_class):
        def fit(self, X, y):
            seen.append((len(X), list(self.cv.split())))
            return super().fit(X, y)

    monkeypatch.setattr(module, "GridSearchCV", Spy)
    result = fit_row(task_of(dataset, encoded, name, tune=True)).row.result
    ((n, folds),) = seen
    assert n == 60 and len(folds) == 1
    assert np.array_equal(folds[0][1], np.flatnonzero(dataset.validation))
    assert "chosen on 6 validation images" in result.notes[-1]


@pytest.mark.parametrize("name", ["logreg", "svm", "linear-svm", "mlp", "knn"])
@pytest.mark.parametrize("without", ["validation", "the rest", "training", "test"])
def test_a_class_that_a_part_lacks(dataset, cache, name, without):
    train, test, validation = dataset.train, dataset.test, dataset.validation
    if without == "validation":
        validation = validation & (train.y != 2)
    elif without == "the rest":
        validation = validation | (train.y == 2)
    elif without == "training":
        rows = np.flatnonzero(train.y != 2)
        train, validation = train.take(rows), validation[rows]
    else:
        test = test.take(np.flatnonzero(test.y != 2))
    changed = replace(dataset, train=train, test=test, validation=validation)
    row = bench(changed, {"raw": RawPixels()}, [name], cache=cache, protocol=TUNE).best
    if without == "training":
        assert row.scores.per_class["c"].recall == 0
        assert row.scores.balanced_accuracy == pytest.approx(2 / 3, abs=0.1)
    else:
        assert row.scores.macro_f1 == row.scores.balanced_accuracy == 1


def test_a_single_class_cannot_be_tuned_on(dataset, cache):
    changed = replace(dataset, validation=dataset.train.y > 0)
    with pytest.raises(DataError, match="one class outside the validation part"):
        bench(changed, {"raw": RawPixels()}, ["svm"], cache=cache, protocol=TUNE)


def test_class_weights_follow_the_class_counts():
    assert is_uneven(np.array([10, 5])) and not is_uneven(np.array([10, 10]))


def test_a_classifier_without_class_weights_says_so(dataset, cache):
    encoded = encode(dataset, RawPixels(), cache=cache)
    result = fit_row(task_of(dataset, encoded, "knn", uneven=True)).row.result
    assert "takes no class weights" in result.notes[0]


def test_nothing_to_compare_is_refused(dataset, encoders, cache):
    with pytest.raises(ParameterError, match="Did you mean 'knn'"):
        bench(dataset, encoders, ["kn"], cache=cache)
    with pytest.raises(ParameterError, match="0 encoders and 1 classifiers"):
        bench(dataset, {}, ["knn"], cache=cache)


def test_a_row_is_made_anew_for_other_labels_seeds_weights_and_features(dataset, cache):
    def keys(dataset=dataset, encoder=None, name="mlp", **how):
        encoded = encode(dataset, encoder or RawPixels(), cache=cache)
        return task_of(dataset, encoded, name, **how).key

    swapped = replace(dataset.train, y=dataset.train.y[::-1].copy())
    others = [
        keys(),
        keys(replace(dataset, train=swapped)),
        keys(encoder=UntrainedAutoencoder(random_state=0)),
        keys(name="knn"),
        keys(name="logreg"),
        keys(name="logreg", uneven=True),
        keys(seed=1),
        keys(tune=True),
        keys(replace(dataset, validation=~dataset.validation), tune=True),
    ]
    assert len(set(others)) == len(others)
    assert keys(replace(dataset, validation=~dataset.validation)) == others[0]


def test_a_damaged_row_is_refused_with_the_remedy(dataset, cache):
    bench(dataset, {"raw": RawPixels()}, ["knn"], cache=cache)
    (file,) = (cache.folder / "rows").glob("*/predicted.npy")
    file.write_bytes(b"no")
    with pytest.raises(CacheError, match="featx cache rm"):
        bench(dataset, {"raw": RawPixels()}, ["knn"], cache=cache)
    cache.store.remove(file.parent.name)
    again = bench(dataset, {"raw": RawPixels()}, ["knn"], cache=cache)
    assert not again.best.cached["classifier"]


def test_with_a_budget_no_row_is_kept(dataset, cache):
    for _ in range(2):
        results = bench(dataset, {"raw": RawPixels()}, ["knn"], cache=cache, budget=1)
        assert not results.best.cached["classifier"]
    assert "rows" not in {entry.kind for entry in cache.store.entries()}


def test_controls_of_ones_own_are_honored(dataset, cache):
    encoders = {
        "my-baseline": RawPixels(),
        "untrained": UntrainedAutoencoder(random_state=0),
    }
    results = bench(
        dataset,
        encoders,
        ["knn"],
        cache=cache,
        protocol=Protocol(controls=("my-baseline",)),
    )
    assert results.controls == ("my-baseline",)
    (test,) = results.comparisons
    assert (test.row, test.other) == ("untrained + knn", "my-baseline + knn")
    lines = markdown_table(results).splitlines()
    ends = [line.strip("|* ").rpartition("|")[2].strip(" *") for line in lines[2:4]]
    assert ends[0] == "control" and "my-baseline" in ends[1]


def test_examples_and_queries_cover_the_classes_evenly(dataset, cache):
    results = bench(
        dataset,
        {"raw": RawPixels()},
        ["knn"],
        cache=cache,
        protocol=Protocol(n_examples=20),
    )
    shown = dataset.test.y[results.example_rows]
    counts = np.bincount(shown)
    assert counts.sum() == 20 and counts.max() - counts.min() <= 1
    queries = dataset.test.y[results.diagnostics.query_rows]
    counts = np.bincount(queries, minlength=len(dataset.class_names))
    assert counts.max() - counts.min() <= 1


def test_the_protocol_says_whether_class_weights_were_chosen(dataset, cache):
    even = bench(
        dataset,
        {"raw": RawPixels()},
        ["knn"],
        cache=cache,
        protocol=Protocol(diagnose=False),
    )
    assert even.protocol["class_weight"] is None
    rare = dataset.train.take(half_of_the_first_class(dataset.train.y))
    uneven = bench(
        replace(dataset, train=rare, validation=np.arange(len(rare)) % 10 == 0),
        {"raw": RawPixels()},
        ["knn"],
        cache=cache,
        protocol=Protocol(diagnose=False),
    )
    assert uneven.protocol["class_weight"] == "chosen for each row"
    assert uneven.uneven and not even.uneven


def half_of_the_first_class(y):
    first = np.flatnonzero(y == 0)
    return np.concatenate([np.flatnonzero(y != 0), first[: len(first) // 2]])


def test_what_is_removed_while_it_is_recalled_is_made_anew(
    dataset, encoders, cache, monkeypatch
):
    first = bench(dataset, encoders, ["knn"], cache=cache)

    def removing(folder):
        manifest = read_manifest(folder)
        remove_entry(folder)
        return manifest

    with monkeypatch.context() as patched:
        patched.setattr("featx.store.store.read_manifest", removing)
        again = bench(dataset, encoders, ["knn"], cache=cache)
    for row in again.rows:
        assert row.cached == dict.fromkeys(CACHED, False)
        expected = first.predictions[row.name]
        assert np.array_equal(again.predictions[row.name], expected)
    assert np.array_equal(again.reconstructions["conv"], first.reconstructions["conv"])
    assert again.diagnostics.to_npz() == first.diagnostics.to_npz()
    np.testing.assert_array_equal(again.duplicates.of, first.duplicates.of)
    assert cache.store.verify() == []
    third = bench(dataset, encoders, ["knn"], cache=cache)
    assert all(all(row.cached.values()) for row in third.rows)
