"""What is refused before anything runs, and what a comparison of several seeds is."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from featx import (
    Backend,
    Budget,
    ConvAutoencoder,
    Observer,
    PatchAutoencoder,
    Protocol,
    RawPixels,
    UntrainedAutoencoder,
    bench,
)
from featx.catalog import DEFAULT_ENCODERS
from featx.errors import ParameterError
from featx.experiment.plan import Plan

REFUSED = [
    ({"protocol": Protocol(repeats=0)}, "repeats=0"),
    ({"protocol": Protocol(seed=-1)}, "Got seed -1"),
    ({"protocol": Protocol(seed=2**32 - 1, repeats=2)}, "Got seed 4294967296"),
    ({"protocol": Protocol(n_examples=-1)}, "n_examples=-1"),
    ({"budget": 0.0}, "a budget of 0.0 minutes"),
    ({"budget": float("nan")}, "a budget of nan minutes"),
    ({"budget": Budget(float("inf"))}, "a budget of inf minutes"),
    ({"backend": Backend(engine="rai")}, "Did you mean 'ray'"),
    ({"backend": Backend(joblib="lokie")}, "joblib back end 'lokie'"),
    ({"budget": 9, "protocol": Protocol(tune=True)}, "both tune and a budget"),
    ({"budget": 9, "backend": Backend(joblib="loky")}, "a budget and fits side by"),
    (
        {"backend": Backend(joblib="loky"), "observer": Observer(on_fitted=print)},
        "on_fitted and fits side by side",
    ),
]


def planned(dataset, cache, encoders=None, classifiers=None, **how):
    how = {
        "protocol": Protocol(),
        "backend": Backend(),
        "budget": None,
        "observer": Observer(),
    } | how
    encoders = encoders or {"raw": RawPixels()}
    return Plan.check(dataset, encoders, classifiers, cache=cache, **how)


@pytest.mark.parametrize(("how", "words"), REFUSED)
def test_what_makes_no_sense_is_refused_before_anything_is_cached(
    dataset, cache, how, words
):
    with pytest.raises(ParameterError, match=words):
        bench(dataset, {"raw": RawPixels()}, ["knn"], cache=cache, **how)
    assert cache.store.entries() == []


def test_a_budget_for_no_encoder_at_all_is_refused(dataset, cache):
    encoders = {"conv": ConvAutoencoder(random_state=0)}
    with pytest.raises(
        ParameterError, match=r"at least one encoder\. conv is left out"
    ):
        planned(dataset, cache, encoders, budget=Budget(1e-9, may_leave_out=True))


def test_classifiers_are_chosen_by_the_number_of_images(dataset, cache):
    assert list(planned(dataset, cache).classifiers) == ["linear-svm", "svm"]


def test_a_search_on_a_gpu_is_told_where_it_runs(dataset, cache):
    told = []
    how = {"backend": Backend(device="cuda"), "protocol": Protocol(tune=True)}
    observer = Observer(on_message=told.append)
    plan = planned(dataset, cache, observer=observer, **how)
    assert plan.backend.device is None
    assert told == [
        "Classifiers are fitted on the processor: searches take no tensors."
    ]


def test_only_what_depends_on_time_is_not_kept(dataset, cache):
    assert planned(dataset, cache).keeps_rows
    counted = planned(dataset, cache, budget=Budget(1, limits_fits=False))
    measured = planned(dataset, cache, budget=1)
    saving = planned(dataset, cache, observer=Observer(on_fitted=print))
    assert counted.keeps_rows and counted.recalls_rows
    assert not measured.keeps_rows and not measured.recalls_rows
    assert saving.keeps_rows and not saving.recalls_rows


def test_every_seed_is_counted_up_for_each_repeat(dataset, cache):
    encoders = {
        "conv": ConvAutoencoder(random_state=5),
        "steps": make_pipeline(RawPixels(), PatchAutoencoder(random_state=np.int64(7))),
        "any": UntrainedAutoencoder(random_state=None),
        "raw": RawPixels(),
    }
    protocol = Protocol(repeats=3, seed=10)
    plans = planned(dataset, cache, encoders, protocol=protocol).repeats()
    assert [plan.protocol.seed for plan in plans] == [10, 11, 12]
    seeds = [
        (
            plan.encoders["conv"].random_state,
            plan.encoders["steps"][1].random_state,
            plan.encoders["any"].random_state,
        )
        for plan in plans
    ]
    assert seeds == [(5, 7, None), (6, 8, None), (7, 9, None)]
    assert [plan.protocol.diagnose for plan in plans] == [True, False, False]
    assert plans[0].encoders["conv"] is encoders["conv"]


def test_repeats_share_the_time(dataset, cache):
    whole = planned(dataset, cache, budget=1.5)
    each = planned(dataset, cache, budget=1.5, protocol=Protocol(repeats=3))
    seconds, share = (
        plan.budget.seconds_to_fit(len(dataset)) for plan in (whole, each)
    )
    assert share == pytest.approx(seconds / 3)  # images are read only once


def test_a_comparison_of_three_seeds_counts_all_of_them(dataset, cache):
    encoders = {"untrained": UntrainedAutoencoder(random_state=0), "raw": RawPixels()}
    results = bench(
        dataset, encoders, ["knn"], cache=cache, protocol=Protocol(repeats=3)
    )
    assert results.protocol["seeds"] == [0, 1, 2] and results.n_seeds == 3
    single = [
        bench(
            dataset,
            {"untrained": UntrainedAutoencoder(random_state=seed)},
            ["knn"],
            cache=cache,
            protocol=Protocol(seed=seed),
        ).best.scores.accuracy
        for seed in range(3)
    ]
    row = results.rows[0]
    assert list(row.repeats) == single
    assert row.scores.accuracy == pytest.approx(np.mean(single))
    assert results.diagnostics is not None and len(results.examples) > 0


def test_a_reduced_encoder_is_recorded(dataset, cache):
    encoders = {"conv": ConvAutoencoder(random_state=0)}
    results = bench(dataset, encoders, ["knn"], cache=cache, budget=1e-6)
    assert results.protocol["reduced"] == {"conv": {"max_epochs": 16}}
    assert "conv is reduced to 16 epochs" in results.protocol["time"][0]


def test_encoders_can_be_named(dataset, cache):
    found = bench(
        dataset, ["raw", "pca"], ["knn"], protocol=Protocol(seed=3), cache=cache
    )
    assert [row.name for row in found.rows] == ["raw + knn", "pca + knn"]
    assert found.rows[1].encoder_params["pca__random_state"] == 3
    with pytest.raises(ParameterError, match="Did you mean 'patch'"):
        bench(dataset, ["pach"], ["knn"], cache=cache)


def test_the_default_encoders_are_those_of_the_command(dataset, cache):
    plan = Plan.check(
        dataset, None, None, protocol=Protocol(), backend=Backend(), cache=cache,
        budget=None, observer=Observer(),
    )  # fmt: skip
    assert tuple(plan.encoders) == DEFAULT_ENCODERS
    assert plan.encoders["patch"].random_state == 0
