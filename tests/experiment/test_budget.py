import time

import numpy as np
import pytest
from blocks import make_images
from sklearn.pipeline import FeatureUnion

from featx import (
    CompactAutoencoder,
    ConvAutoencoder,
    Observer,
    PatchAutoencoder,
    PredictiveAutoencoder,
    RawPixels,
    UntrainedAutoencoder,
    bench,
    make_classifier,
)
from featx.experiment.budget import Budget, default_minutes, fit_budget
from featx.experiment.clock import TimeShares
from featx.experiment.costs import expected_seconds
from featx.experiment.sampling import rows_within
from featx.images import Dataset


def test_shares_add_up_and_what_is_saved_goes_to_the_others():
    shares = TimeShares(100.0, {"raw": 1, "conv": 3, "patch": 1})
    assert shares.share("raw") == pytest.approx(20, abs=0.5)
    assert shares.share("conv") == pytest.approx(75, abs=0.5)  # raw took no time
    assert shares.share("patch") == pytest.approx(100, abs=0.5)


def test_nothing_is_left_of_a_spent_budget():
    assert TimeShares(0.0, {"raw": 1}).share("raw") == 0.0


def plan(dataset, seconds, **how):
    encoders = how.pop(
        "encoders",
        {
            "raw": RawPixels(),
            "random-patches": PatchAutoencoder(max_epochs=0, random_state=0),
            "patch": PatchAutoencoder(random_state=0),
            "conv": ConvAutoencoder(random_state=0),
        },
    )
    budget = Budget(seconds / 60, **how)
    return fit_budget(encoders, ["linear-svm", "svm"], dataset, budget)


def test_with_time_enough_everything_is_as_usual(dataset):
    planned = plan(dataset, 1e6)
    assert list(planned.encoders) == ["raw", "random-patches", "patch", "conv"]
    assert planned.encoders["conv"].max_epochs == "auto"
    assert planned.encoders["patch"].n_components == "auto"
    assert planned.reduced == {} and planned.notes == []


def test_short_of_time_encoders_are_reduced_and_it_is_said(dataset):
    planned = plan(dataset, 1e-6)
    assert planned.encoders["conv"].max_epochs == 16  # of 50, a quarter at the least
    filters = planned.encoders["patch"].n_components
    assert filters == 50
    assert planned.reduced["patch"] == {"n_components": 50}
    assert planned.reduced["conv"] == {"max_epochs": 16}
    assert any("patch is reduced to 50 filters" in note for note in planned.notes)
    assert all("--budget" in note for note in planned.notes)


@pytest.mark.parametrize("seconds", [1e-6, 2.0, 4.0, 1e6])
def test_learned_and_random_patches_are_equally_many(dataset, seconds):
    planned = plan(dataset, seconds)
    learned, random = (planned.encoders[n] for n in ("patch", "random-patches"))
    assert learned.n_components == random.n_components


@pytest.fixture(scope="module")
def photographs():
    """So many and so large that encoders cost more than looking at them."""
    train, test = (make_images(n, size=32, channels=3) for n in (3000, 500))
    return Dataset("photographs", train, test, np.zeros(3000, bool))


def test_compact_goes_first_and_the_others_grow_in_turn(photographs):
    encoders = {
        "patch": PatchAutoencoder(random_state=0),
        "compact": CompactAutoencoder(random_state=0),
        "predictive": PredictiveAutoencoder(random_state=0),
    }
    usual = plan(photographs, 1e6, encoders=encoders).encoders
    assert usual == encoders
    filters, epochs, compact_filters = set(), set(), []
    for seconds in np.geomspace(1, 1000, 40):
        reduced = plan(photographs, seconds, encoders=encoders).reduced
        if (
            "compact" in reduced
        ):  # the others have their least as long as it is not whole
            assert reduced["patch"] == {"n_components": 50, "downsample": 2}
            assert reduced["predictive"] == {"max_epochs": 6}
            of_whole = "downsample" not in reduced["compact"]
            compact_filters.append((of_whole, reduced["compact"]["n_filters"]))
        elif {"patch", "predictive"} <= set(reduced):
            filters.add(reduced["patch"]["n_components"])
            epochs.add(reduced["predictive"]["max_epochs"])
    assert compact_filters == sorted(compact_filters) and len({*compact_filters}) > 2
    assert len(filters) > 1 and len(epochs) > 1


def test_short_of_time_patches_are_of_images_of_half_the_size(photographs):
    encoders = {"compact": CompactAutoencoder(random_state=0)}
    planned = plan(photographs, 1e-6, encoders=encoders)
    assert planned.reduced == {"compact": {"n_filters": 50, "downsample": 2}}
    (note,) = planned.notes
    assert "compact is reduced to 50 filters of images reduced 2 times" in note
    fixed = {"compact": CompactAutoencoder(downsample=1, random_state=0)}
    planned = plan(photographs, 1e-6, encoders=fixed)
    assert planned.reduced == {"compact": {"n_filters": 50}}


def test_controls_leave_the_time_to_what_learns(photographs):
    encoders = {
        "untrained": UntrainedAutoencoder(random_state=0),
        "patch": PatchAutoencoder(random_state=0),
    }
    seconds = 4 * expected_seconds(
        encoders["untrained"], ["linear-svm", "svm"], photographs
    )
    planned = plan(photographs, seconds, encoders=encoders, may_leave_out=True)
    assert list(planned.encoders) == ["patch"]
    assert planned.notes[0].startswith("untrained is left out")
    assert list(plan(photographs, 3 * seconds, encoders=encoders).encoders) == list(
        encoders
    )


def test_what_does_not_fit_is_left_out_only_where_that_is_allowed(dataset):
    planned = plan(dataset, 1e-6, may_leave_out=True)
    assert "conv" not in planned.encoders
    assert any(
        note.startswith("conv is left out") and "--encoders conv" in note
        for note in planned.notes
    )


def test_the_plan_is_the_same_every_time(dataset):
    first, second = plan(dataset, 3.0), plan(dataset, 3.0)
    assert repr(first.encoders) == repr(second.encoders)


def test_what_the_user_set_stays(dataset):
    encoders = {
        "a": ConvAutoencoder(max_epochs=7),
        "b": PatchAutoencoder(n_components=9),
        "c": RawPixels(),
    }
    planned = plan(dataset, 1e-6, encoders=encoders)
    assert planned.encoders == encoders and planned.reduced == {}


@pytest.mark.parametrize("given", [{"scales": 3}, {"patch_size": 20}])
def test_patches_that_fit_no_smaller_image_are_planned_for_whole_ones(
    photographs, given
):
    encoders = {"patch": PatchAutoencoder(random_state=0, **given)}
    planned = plan(photographs, 1e-6, encoders=encoders)
    assert planned.reduced == {"patch": {"n_components": 50}}


@pytest.mark.parametrize("kind", [PatchAutoencoder, ConvAutoencoder])
def test_costs_tell_the_number_of_features(dataset, kind):
    encoder = kind(max_epochs=1, random_state=0)
    cost = encoder.cost(len(dataset.train), dataset.train.image_shape)
    fitted = encoder.fit(dataset.train.X)
    assert cost.n_features == fitted.transform(dataset.train.X[:1]).shape[1]
    assert cost.training > 0 and cost.encoding > 0


def test_time_grows_beyond_a_few_thousand_images():
    assert default_minutes(100) == default_minutes(5000) == 5
    assert default_minutes(60_000) == pytest.approx(30)


def side_by_side(*names):
    alone = {
        "raw": RawPixels(),
        "patch": PatchAutoencoder(random_state=0),
        "conv": ConvAutoencoder(random_state=0),
    }
    return FeatureUnion([(name, alone[name]) for name in names])


def test_a_union_has_what_was_chosen_for_its_encoders(dataset):
    encoders = {
        "patch": PatchAutoencoder(random_state=0),
        "patch+conv": side_by_side("patch", "conv"),
    }
    planned = plan(dataset, 1e-6, encoders=encoders)
    patch, conv = (one for _, one in planned.encoders["patch+conv"].transformer_list)
    assert patch.n_components == planned.encoders["patch"].n_components == 50
    assert conv.max_epochs == 16
    assert planned.reduced["patch+conv"] == {
        "patch__n_components": 50,
        "conv__max_epochs": 16,
    }
    assert list(planned.encoders) == ["patch", "patch+conv"]
    usual = plan(dataset, 1e6, encoders=encoders)
    assert usual.reduced == {}
    assert usual.encoders["patch+conv"].transformer_list[1][1].max_epochs == "auto"


def test_encoders_of_one_name_that_differ_are_planned_apart(dataset):
    encoders = {
        "patch": PatchAutoencoder(30, random_state=0),
        "both": side_by_side("patch", "raw"),
    }
    planned = plan(dataset, 1e-6, encoders=encoders)
    assert planned.encoders["patch"].n_components == 30
    assert planned.encoders["both"].transformer_list[0][1].n_components == 50


def test_a_union_goes_with_its_encoders(photographs):
    encoders = {"raw": RawPixels(), "raw+conv": side_by_side("raw", "conv")}
    seen = set()
    for seconds in np.geomspace(0.1, 10_000, 40):
        planned = plan(photographs, seconds, encoders=encoders, may_leave_out=True)
        seen.add(tuple(planned.encoders))
        without = "raw+conv" not in planned.encoders
        assert without == any(
            note.startswith("raw+conv is left out, as ") for note in planned.notes
        )
    assert seen >= {("raw",), ("raw", "raw+conv")}


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
        dataset,
        encoders,
        ["knn"],
        cache=cache,
        budget=1e-6,
        observer=Observer(on_message=told.append),
    )
    assert time.perf_counter() - start < 30
    assert [row.encoder for row in results.rows] == ["raw", "conv"]
    assert results.rows[1].encoder_params["max_epochs"] == 16
    assert told[0].startswith("conv is reduced to 16 epochs")


def test_rows_are_told_as_they_finish_the_cheap_ones_first(dataset, cache):
    encoders = {
        "conv": ConvAutoencoder(max_epochs=1, random_state=0),
        "raw": RawPixels(),
    }
    told = []
    results = bench(
        dataset,
        encoders,
        ["knn"],
        cache=cache,
        observer=Observer(on_message=told.append),
    )
    rows = [line for line in told if "of 2 rows" in line]
    assert rows[0].startswith("raw ") and "(1 of 2 rows, " in rows[0]
    assert rows[0].endswith(" left)")
    assert rows[1].startswith("conv ") and rows[1].endswith("(2 of 2 rows)")
    assert [row.encoder for row in results.rows] == ["conv", "raw"]  # as asked for


def test_further_fits_count(photographs):
    encoders = {"patch": PatchAutoencoder(random_state=0)}
    few = plan(photographs, 600, encoders=encoders, further_fits=())
    many = plan(photographs, 600, encoders=encoders, further_fits=(2000,) * 500)
    assert few.reduced == {} and many.reduced["patch"]["n_components"] < 1600
