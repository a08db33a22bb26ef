import time

import numpy as np
import pytest

from featx import ConvAutoencoder, PatchAutoencoder, RawPixels, bench, make_classifier
from featx.budget import Budget, fit_to, rows_within


def test_shares_add_up_and_what_is_saved_goes_to_the_others():
    budget = Budget(100.0, {"raw": 1, "conv": 3, "patch": 1})
    assert budget.share("raw") == pytest.approx(20, abs=0.5)
    assert budget.share("conv") == pytest.approx(75, abs=0.5)  # raw took no time
    assert budget.share("patch") == pytest.approx(100, abs=0.5)


def test_nothing_is_left_of_a_spent_budget():
    assert Budget(0.0, {"raw": 1}).share("raw") == 0.0


def test_epochs_follow_the_time_there_is(dataset):
    short = fit_to(ConvAutoencoder(random_state=0), dataset, 0.001)
    long = fit_to(ConvAutoencoder(random_state=0), dataset, 1e6)
    assert (short.max_epochs, long.max_epochs) == (1, 50)


def test_filters_follow_the_time_there_is(dataset):
    encoder = PatchAutoencoder(random_state=0)
    assert fit_to(encoder, dataset, 1e-6).n_components == 50
    assert fit_to(encoder, dataset, 1e6).n_components == 576  # as by default
    several = PatchAutoencoder(n_active=60, random_state=0)
    assert fit_to(several, dataset, 1e-6).n_components == 100


def test_what_the_user_set_stays(dataset):
    for encoder in (
        ConvAutoencoder(max_epochs=7),
        PatchAutoencoder(n_components=9),
        RawPixels(),
    ):
        assert fit_to(encoder, dataset, 1e-6) is encoder


def test_slow_classifiers_see_fewer_images_of_every_class():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 8000)
    y[5000] = 3  # the only one of its class
    X = rng.normal(size=(8000, 20)) + y[:, None]
    sizes = []

    def make(n_images):
        sizes.append(n_images)
        return make_classifier("svm", n_features=20, n_images=n_images)

    few = rows_within("svm", make, X, y, 1e-3, 8000)
    assert 1000 <= len(few) <= 1010 and set(y[few]) == {0, 1, 2, 3}
    assert np.array_equal(few, np.unique(few))
    assert sizes == [len(few)]
    assert np.array_equal(rows_within("svm", make, X, y, 1e6, 10), np.arange(8000))
    assert 300 <= len(rows_within("svm", make, X, y, 1e-3, 300)) <= 304
    assert np.array_equal(
        rows_within("svm", make, X[:500], y[:500], 1e-6, 500), np.arange(500)
    )


def test_a_comparison_keeps_to_its_budget(dataset, cache):
    encoders = {"raw": RawPixels(), "conv": ConvAutoencoder(random_state=0)}
    told = []
    start = time.perf_counter()
    results = bench(
        dataset, encoders, ["knn"], cache=cache, budget=8.0, tell=told.append
    )
    assert time.perf_counter() - start < 20
    assert len(results.results) == 2
    assert told[0].startswith("conv: 64 channels, ")
    epochs = results.results[1].encoder_params["max_epochs"]
    assert f", {epochs} epochs, " in told[0]
