import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from featx import ConvAutoencoder, RawPixels, UntrainedAutoencoder
from featx.errors import ParameterError, TrainingError


@pytest.fixture(scope="module")
def images():
    return (load_digits().images[:300] * 15).astype(np.uint8)[..., None]


@pytest.fixture(scope="module")
def fitted(images):
    return ConvAutoencoder(max_epochs=5, random_state=0).fit(images)


def quick(**params):
    return ConvAutoencoder(**{"max_epochs": 1, "random_state": 0} | params)


def test_training_lowers_the_loss_and_reconstructs(fitted, images):
    assert fitted.history_["loss"][-1] < 0.7 * fitted.history_["loss"][0]
    assert len(fitted.history_["validation_loss"]) == fitted.n_iter_ == 5
    untrained = UntrainedAutoencoder(random_state=0).fit(images)
    assert fitted.score(images) > untrained.score(images)
    restored = fitted.inverse_transform(fitted.transform(images))
    assert restored.shape == images.shape
    assert 0 <= restored.min() and restored.max() <= 255
    assert fitted.score(images) == pytest.approx(
        -np.mean((restored - images.astype(float)) ** 2)
    )


def test_same_seed_gives_bit_equal_features(images):
    first = quick().fit(images).transform(images)
    assert np.array_equal(first, quick().fit(images).transform(images))
    assert not np.array_equal(
        first, quick(random_state=1).fit(images).transform(images)
    )


def test_the_untrained_encoder_has_the_weights_that_training_starts_from(images):
    untrained = UntrainedAutoencoder(random_state=0).fit(images)
    start = quick(learning_rate=1e-12, weight_decay=0).fit(images)
    first = next(untrained.module_.encoder.parameters()).detach().numpy()
    assert np.allclose(first, next(start.module_.encoder.parameters()).detach())


@pytest.mark.parametrize("batch_size", [1, 7, 512])
def test_features_do_not_depend_on_the_batch_size(fitted, images, batch_size):
    other = pickle.loads(pickle.dumps(fitted)).set_params(batch_size=batch_size)
    assert np.abs(other.transform(images) - fitted.transform(images)).max() <= 1e-5


def test_features_do_not_depend_on_the_order_of_rows(fitted, images):
    order = np.random.default_rng(0).permutation(len(images))
    shuffled = fitted.transform(images[order])
    assert np.abs(shuffled - fitted.transform(images)[order]).max() <= 1e-5


def test_the_caller_s_random_state_is_left_alone(images):
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    encoder = quick().fit(images)
    encoder.transform(images)
    clone(encoder)
    pickle.loads(pickle.dumps(encoder))
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])


@pytest.mark.parametrize(
    "shape", [(9, 8, 8), (9, 8, 8, 1), (9, 7, 13, 3), (9, 32, 20, 3), (9, 1, 1, 1)]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_shapes_and_dtypes(shape, dtype):
    X = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    encoder = quick(hidden_channels=(4,), n_components=2).fit(X)
    features = encoder.transform(X)
    assert features.dtype == np.float32 and np.isfinite(features).all()
    assert features.shape[1] == len(encoder.get_feature_names_out())
    assert encoder.inverse_transform(features).shape == X.shape


def test_flat_rows_with_image_shape_give_the_features_of_the_images(images):
    rows = images.reshape(len(images), -1)
    encoder = quick(image_shape=(8, 8))
    assert np.array_equal(
        encoder.fit_transform(rows), quick().fit_transform(images[..., 0])
    )


def test_a_memory_map_is_read_in_place(images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert np.array_equal(quick().fit_transform(mapped), quick().fit_transform(images))


def test_a_pickle_holds_no_torch_type(fitted, images):
    data = pickle.dumps(fitted)
    assert b"torch" not in data
    assert np.array_equal(
        pickle.loads(data).transform(images), fitted.transform(images)
    )


class StopAfter:
    def __init__(self, epochs):
        self.epochs = epochs

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        return context.task_name == "epoch" and estimator.n_iter_ == self.epochs


def test_early_stopping_keeps_the_best_epoch(images):
    params = {"max_epochs": 60, "n_iter_no_change": 2, "learning_rate": 0.05}
    encoder = quick(**params).fit(images)
    losses = encoder.history_["validation_loss"]
    assert encoder.n_iter_ < 60
    best = int(np.argmin(losses))
    assert best == len(losses) - 1 - 2
    stopped = quick(**params).set_callbacks(StopAfter(best + 1)).fit(images)
    assert stopped.n_iter_ == best + 1
    assert np.array_equal(stopped.transform(images), encoder.transform(images))


def test_without_early_stopping_all_images_are_trained_on(images):
    encoder = quick(early_stopping=False, max_epochs=2).fit(images)
    assert list(encoder.history_) == ["loss"]


def test_epochs_depend_on_the_number_of_images():
    encoder = ConvAutoencoder()
    epochs = [encoder._resolve_epochs(n) for n in (100, 20_000, 10_000_000)]
    assert epochs[0] == 50 and epochs == sorted(epochs, reverse=True)
    assert epochs[2] >= 1


class Recorder:
    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.events.append(f"end {context.task_name}")
        return context.task_name == "epoch" and estimator.n_iter_ == 2


def test_callbacks_see_every_epoch_and_can_stop(images):
    recorder = Recorder()
    encoder = quick(max_epochs=9).set_callbacks(recorder).fit(images)
    assert encoder.n_iter_ == 2
    assert recorder.events[:3] == ["setup", "begin fit", "begin epoch"]
    assert recorder.events.count("end epoch") == 2
    assert recorder.events.count("end batches") == 6  # 270 images, 128 a batch
    assert recorder.events[-2:] == ["end fit", "teardown"]


def test_scikit_learn_s_progress_bar_works_in_a_pipeline(images, capsys):
    from sklearn.callback import ProgressBar

    pipeline = make_pipeline(quick(), StandardScaler()).set_callbacks(ProgressBar())
    pipeline.fit(images)
    assert "ConvAutoencoder" in capsys.readouterr().out


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_cross_validation_and_search_on_image_arrays(images, n_jobs):
    y = load_digits().target[: len(images)]
    pipeline = make_pipeline(
        ConvAutoencoder(max_epochs=3, random_state=0), StandardScaler(), SVC()
    )
    scores = cross_val_score(pipeline, images, y, cv=2, n_jobs=n_jobs)
    assert scores.min() > 0.7
    search = GridSearchCV(
        pipeline, {"convautoencoder__n_components": [4, 32]}, cv=2, n_jobs=n_jobs
    ).fit(images, y)
    assert search.best_params_ == {"convautoencoder__n_components": 32}


def test_set_output_names_the_features(fitted, images):
    frame = clone(fitted).set_output(transform="pandas").fit_transform(images[:20])
    assert frame.columns[0] == "convautoencoder0" and len(frame) == 20


@pytest.mark.parametrize("params", [{"batch_size": 1}, {"validation_fraction": 0.5}])
def test_one_image_in_a_step_is_enough(params):
    X = np.random.default_rng(0).integers(0, 255, (3, 2, 2, 1)).astype(np.uint8)
    assert np.isfinite(quick(**params).fit_transform(X[:2])).all()


def test_parameters_set_after_fit_do_not_reach_a_pickle(images):
    encoder = quick(hidden_channels=(4,)).fit(images)
    before = encoder.transform(images)
    encoder.set_params(layers="code", pooling=1, hidden_channels=(9,), n_components=3)
    assert np.array_equal(pickle.loads(pickle.dumps(encoder)).transform(images), before)


def test_constant_images_give_finite_features():
    X = np.full((10, 8, 8, 3), 7, np.uint8)
    encoder = quick().fit(X)
    assert np.isfinite(encoder.transform(X)).all()
    assert np.isfinite(encoder.score(X))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_components": 0}, "n_components=0, but expected an integer of at least 1"),
        ({"max_epochs": 2.5}, "max_epochs=2.5, but expected an integer"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"learning_rate": -1}, "learning_rate=-1, but expected a number"),
        (
            {"validation_fraction": 1},
            "validation_fraction=1, but expected a number from",
        ),
        ({"hidden_channels": "wide"}, "hidden_channels='wide', but expected 'auto'"),
        ({"hidden_channels": (0,)}, "hidden_channels=0"),
        ({"device": "gpu"}, "device 'gpu', but expected one of auto, cpu, cuda, mps"),
        ({"device": "cuda:99"}, "device='cuda:99', but expected one of the"),
        ({"precision": "bfloat"}, "Did you mean 'bfloat16'?"),
        ({"image_shape": (5, 5)}, r"image_shape=\(5, 5\), but expected"),
    ],
)
def test_a_wrong_parameter_is_named_in_fit(images, params, words):
    with pytest.raises(ParameterError, match=words):
        quick(**params).fit(images)


def test_a_loss_that_is_not_finite_is_told_with_the_remedy(images):
    with pytest.raises(TrainingError, match="Lower learning_rate=1e"):
        quick(learning_rate=1e30, max_epochs=3).fit(images.astype(float))


@pytest.mark.parametrize("estimator", [quick(), UntrainedAutoencoder(), RawPixels()])
def test_images_of_another_shape_are_refused(estimator, images):
    fitted = clone(estimator).fit(images)
    with pytest.raises(ValueError, match=r"\(4, 4, 1\), but expected \(8, 8, 1\)"):
        fitted.transform(images[:, :4, :4])
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(np.full((5, 8, 8), np.nan))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_features_load_on_a_cpu(images):
    encoder = quick(device="cuda").fit(images)
    other = pickle.loads(pickle.dumps(encoder)).set_params(device="cpu")
    assert np.abs(other.transform(images) - encoder.transform(images)).max() < 1e-2
