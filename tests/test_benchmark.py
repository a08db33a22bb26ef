import json

import numpy as np
import pytest

from featx import ConvAutoencoder, RawPixels, UntrainedAutoencoder
from featx.benchmark import bench, fit_row, is_unequal
from featx.errors import ParameterError
from featx.features import encode


@pytest.fixture
def encoders():
    return {
        "raw": RawPixels(),
        "untrained": UntrainedAutoencoder(random_state=0),
        "conv": ConvAutoencoder(max_epochs=2, random_state=0),
    }


def test_every_encoder_meets_every_classifier(dataset, encoders, cache):
    results = bench(dataset, encoders, ["logreg", "knn"], cache=cache)
    assert [r.name for r in results.results] == [
        f"{e} + {c}" for e in encoders for c in ("logreg", "knn")
    ]
    assert results.best.scores.accuracy > 0.9
    pairs = {(c.row, c.other) for c in results.comparisons}
    for control in ("raw", "untrained"):
        for clf in ("logreg", "knn"):
            assert (f"conv + {clf}", f"{control} + {clf}") in pairs
    for result in results.results:
        right = (results.predictions[result.name] == dataset.test.y).mean()
        assert result.scores.accuracy == pytest.approx(right)
        assert result.cached == {"encoder": False, "features": False}
    assert list(results.histories) == list(results.reconstructions) == ["conv"]
    assert results.reconstructions["conv"].shape == results.examples.shape
    assert np.array_equal(
        results.examples, np.asarray(dataset.test.X)[results.example_rows]
    )
    json.dumps(results.to_dict())


def test_the_second_run_is_cached_and_gives_the_same_table(dataset, encoders, cache):
    first = bench(dataset, encoders, ["logreg", "mlp"], cache=cache)
    second = bench(dataset, encoders, ["logreg", "mlp"], cache=cache)
    for a, b in zip(first.results, second.results, strict=True):
        assert b.cached == {"encoder": True, "features": True}
        assert np.array_equal(first.predictions[a.name], second.predictions[b.name])
        assert (a.train_seconds, a.encode_seconds) == (
            b.train_seconds,
            b.encode_seconds,
        )


@pytest.mark.parametrize("name", ["logreg", "svm", "linear-svm", "mlp", "knn"])
def test_tuning_chooses_on_the_validation_part_and_never_sees_the_test_part(
    dataset, cache, name, monkeypatch
):
    encoded = encode(dataset, RawPixels(), cache=cache)
    seen = []
    import featx.benchmark as module

    search_class = module.GridSearchCV

    class Spy(search_class):
        def fit(self, X, y):
            seen.append((len(X), list(self.cv.split())))
            return super().fit(X, y)

    monkeypatch.setattr(module, "GridSearchCV", Spy)
    result, *_ = fit_row(
        dataset, encoded, "raw", name, tune=True, balanced=False, seed=0
    )
    ((n, folds),) = seen
    assert n == 60 and len(folds) == 1
    assert np.array_equal(folds[0][1], np.flatnonzero(dataset.validation))
    assert "chosen on 6 validation images" in result.notes[-1]


def test_class_weights_follow_the_class_counts():
    assert is_unequal(np.array([10, 5])) and not is_unequal(np.array([10, 10]))


def test_a_classifier_without_class_weights_says_so(dataset, cache):
    encoded = encode(dataset, RawPixels(), cache=cache)
    result, *_ = fit_row(
        dataset, encoded, "raw", "knn", tune=False, balanced=True, seed=0
    )
    assert "takes no class weights" in result.notes[0]


def test_nothing_to_compare_is_refused(dataset, encoders, cache):
    with pytest.raises(ParameterError, match="Did you mean 'knn'"):
        bench(dataset, encoders, ["kn"], cache=cache)
    with pytest.raises(ParameterError, match="0 encoders and 1 classifiers"):
        bench(dataset, {}, ["knn"], cache=cache)
