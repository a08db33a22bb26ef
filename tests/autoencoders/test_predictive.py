import pickle

import numpy as np
import pytest
import torch
from blocks import make_images
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featx import CompactAutoencoder, PredictiveAutoencoder
from featx.autoencoders.predictive import half_whitened
from featx.autoencoders.stable import same_length
from featx.errors import DataError, ParameterError

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)


def quick(**params):
    defaults = {
        "n_components": 32,
        "n_filters": 24,
        "n_channels": 8,
        "max_epochs": 4,
        "batch_size": 32,
        "precision": "float32",
        "random_state": 0,
    }
    return PredictiveAutoencoder(**defaults | params)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(X[:600])


def test_it_learns_to_predict_what_the_teacher_says(fitted):
    losses = fitted.history_["loss"]
    assert len(losses) == fitted.n_iter_ == 4
    assert (np.diff(losses) < 0).all() and losses[-1] < 1  # of the targets' variance


def test_features_are_few_and_vary_alike(fitted):
    features = fitted.transform(X)
    assert features.shape == (len(X), 32) and features.dtype == np.float32
    assert fitted.ratios_.shape == (11,) and (np.diff(fitted.ratios_) <= 0).all()
    spread = features.std(0)
    assert spread.max() < 3 * spread.min()


def test_features_tell_more_than_as_many_principal_components_of_pixels(fitted):
    right = {}
    for name, features in (
        ("predictive", fitted.transform(X)),
        ("pca", PCA(32, random_state=0).fit_transform(X.reshape(len(X), -1))),
    ):
        head = make_pipeline(StandardScaler(), LogisticRegression())
        right[name] = head.fit(features[:100], y[:100]).score(features[600:], y[600:])
    assert right["predictive"] > right["pca"] + 0.03, right


@pytest.mark.slow
def test_a_trained_network_beats_one_that_saw_a_single_batch():
    right = {}
    once = quick(batch_size=600, max_epochs=1).fit(X[:600])
    trained = quick(max_epochs=20).fit(X[:600])
    for name, encoder in (("trained", trained), ("once", once)):
        features = encoder.transform(X)[:, :11]  # of the network
        head = make_pipeline(StandardScaler(), LogisticRegression())
        right[name] = head.fit(features[:100], y[:100]).score(features[600:], y[600:])
    assert right["trained"] > right["once"], right


def test_images_are_drawn_from_features(fitted):
    restored = fitted.inverse_transform(fitted.transform(X[600:]))
    assert restored.shape == X[600:].shape
    error = ((restored - X[600:]) ** 2).mean()
    assert error < 0.7 * X[600:].var(axis=0).mean()


def test_the_other_features_are_the_teachers(fitted):
    learned, taught = np.split(fitted.transform(X), [11], axis=1)
    expected = same_length(fitted.teacher_.transform(X)[:, :21].copy())
    np.testing.assert_allclose(taught, expected, rtol=1e-5)
    for part in (learned, taught):
        np.testing.assert_allclose((part**2).mean(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("n_images", "learned", "taught"),
    [(2000, 256, 512), (5000, 333, 667), (10_000, 555, 469), (50_000, 768, 256)],
)
def test_of_more_images_the_network_has_more_of_the_features(n_images, learned, taught):
    encoder = PredictiveAutoencoder().resolved(n_images, (32, 32, 3))
    assert encoder._widths == (learned, min(taught, 512))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_features_and_leaves_the_callers_alone(fitted):
    np.random.seed(7)
    torch.manual_seed(7)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    again = quick().fit(X[:600])
    assert (np.random.get_state()[1] == before[0]).all()
    assert (torch.get_rng_state() == before[1]).all()
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    other = quick(random_state=1).fit(X[:600])
    assert not np.allclose(other.transform(X), fitted.transform(X))


def test_features_do_not_depend_on_the_other_rows(fitted):
    whole = fitted.transform(X[:50])
    parts = [fitted.transform(X[i : min(i + 7, 50)]) for i in range(0, 50, 7)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)


def test_a_pickle_holds_the_network_without_what_it_was_trained_with(fitted):
    content = pickle.dumps(fitted)
    assert len(content) < 600_000
    again = pickle.loads(content)
    assert again.module_.head is None
    np.testing.assert_array_equal(again.transform(X[:9]), fitted.transform(X[:9]))


@pytest.mark.parametrize(
    "shape",
    [(2, 8, 8, 1), (30, 1, 40, 1), (30, 41, 1, 3), (12, 3, 3, 1), (9, 70, 90, 3)],
)
def test_images_of_every_shape(shape):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    encoder = PredictiveAutoencoder(n_channels=4, max_epochs=1, random_state=0)
    features = encoder.fit(images).transform(images)
    assert len(features) == len(images) and np.isfinite(features).all()
    assert features.shape[1] == 2 * (len(images) - 1)
    restored = encoder.inverse_transform(features)
    assert restored.shape == images.shape
    assert restored.min() >= 0 and restored.max() <= 255
    assert encoder.patch_size_ == -(-max(shape[1:3]) // 16)


def test_mirrored_images_have_the_same_features_where_mirroring_is_natural():
    images = make_images(40, size=16).X
    encoder = quick(augment="flip", max_epochs=1).fit(images)
    np.testing.assert_allclose(
        encoder.transform(images), encoder.transform(images[:, :, ::-1]), atol=1e-4
    )


def test_features_are_means_over_the_image_as_it_is_and_moved(fitted):
    network, images = fitted.module_, X[:20, :, :, None].astype(np.float32)
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    places = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    with torch.inference_mode():
        codes = [
            network.code(torch.from_numpy(wide[:, i : i + 8, j : j + 8].copy()))
            for i, j in places
        ]
        code = torch.stack(codes).mean(0)
        expected = ((code - network.center) / network.scale) @ network.components
        found = network.encode(torch.from_numpy(images))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(codes[0], codes[1], atol=1e-2)


def test_the_code_is_mean_and_deviation_of_every_channel_in_each_quarter(fitted):
    network = fitted.module_
    with torch.inference_mode():
        images = torch.from_numpy(X[:5, :, :, None].astype(np.float32))
        maps = [one.numpy() for one in network._maps(images)]
        code = network.code(images).numpy()
    expected = []
    for stage in maps:
        middle = stage.shape[2] // 2
        quarters = [
            stage[:, :, rows, columns].reshape(5, stage.shape[1], -1)
            for rows in (slice(middle), slice(middle, None))
            for columns in (slice(middle), slice(middle, None))
        ]
        means = [one.mean(axis=2) for one in quarters]
        deviations = [np.sqrt(one.var(axis=2) + 1e-4) for one in quarters]
        for cells in (means, deviations):
            expected.append(np.stack(cells, axis=2).reshape(5, -1))
    np.testing.assert_allclose(code, np.hstack(expected), rtol=1e-4, atol=1e-4)


def test_flat_images_have_features_that_no_batch_changes(fitted):
    flat = np.repeat(np.arange(0, 17, 2), 64).reshape(-1, 8, 8).astype(np.float64)
    images = np.concatenate([flat, X[:30]])
    alone = np.concatenate([fitted.transform(one[None]) for one in images])
    np.testing.assert_allclose(fitted.transform(images), alone, atol=1e-4)


def test_a_single_feature_is_of_the_network():
    encoder = quick(n_components=1, max_epochs=1).fit(X[:60])
    assert encoder.transform(X).shape == (len(X), 1)
    assert encoder.cost(60, (8, 8, 1)).n_features == 1


def test_constant_images_have_features():
    images = np.full((6, 8, 8, 1), 9, np.uint8)
    features = quick().fit(images).transform(images)
    assert np.isfinite(features).all()


def test_few_images_are_seen_more_often():
    encoder = PredictiveAutoencoder()
    epochs = [encoder._resolve_epochs(n) for n in (50, 1000, 50_000)]
    assert epochs == [200, 60, 8]
    assert PredictiveAutoencoder(max_epochs=3)._resolve_epochs(50) == 3


@pytest.mark.parametrize(
    ("side", "n_images", "width"),
    [
        *[(8, 100, 64), (28, 100, 112), (32, 5000, 128), (96, 100, 128)],
        *[(32, 10_000, 144), (32, 50_000, 160), (8, 50_000, 80)],
    ],
)
def test_small_and_few_images_need_fewer_channels(side, n_images, width):
    encoder = PredictiveAutoencoder().resolved(n_images, (side, side, 1))
    assert encoder.channels_ == (width, 2 * width, 4 * width)


def test_cost_grows_with_epochs_and_counts_the_teacher():
    few, many = (
        PredictiveAutoencoder(max_epochs=n).cost(2000, (32, 32, 3)) for n in (1, 11)
    )
    teacher = CompactAutoencoder(512, n_filters=400).cost(2000, (32, 32, 3))
    assert few.training > teacher.training
    assert many.training - few.training == pytest.approx(10 * 2000 * 0.23e9, rel=0.1)
    assert few.n_features == 768


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_components": 0}, "n_components=0"),
        ({"n_filters": 0}, "n_filters=0"),
        ({"n_channels": 0}, "n_channels=0"),
        ({"n_channels": "many"}, "n_channels='many'"),
        ({"patch_size": 0}, "patch_size=0"),
        ({"patch_size": 9}, "patch_size=9, but expected an integer from 1 to 8"),
        ({"view_eps": 0}, "view_eps=0"),
        ({"max_epochs": 0}, "max_epochs=0"),
        ({"augment": "turn"}, "augment='turn', but expected 'auto', 'flip' or None"),
    ],
)
def test_parameters_that_cannot_be_used(params, words):
    with pytest.raises(ParameterError, match=words):
        quick(**params).fit(X[:30])


def test_another_number_of_features_is_refused(fitted):
    with pytest.raises(DataError, match="Got 3 features, but expected 32"):
        fitted.inverse_transform(np.zeros((2, 3)))


def test_directions_that_hardly_differ_do_not_become_targets():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 3)) * [1000, 1, 0]
    targets = half_whitened(features, 3)
    assert targets.dtype == np.float32 and np.isfinite(targets).all()
    assert np.mean(targets**2) == pytest.approx(1, rel=1e-4)
    small, middle, large = targets.std(0)
    assert small < middle < large < 100 * middle
    assert half_whitened(features, 2).shape == (500, 2)
