import pickle

import numpy as np
import pytest
import torch
from scipy.linalg import eigh
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featx import CompactAutoencoder, PatchAutoencoder, RawPixels
from featx.autoencoders.inputs import pixel_range
from featx.autoencoders.views import changed_views
from featx.errors import DataError, ParameterError

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)


def seen(images, seed=0, **options):
    """Changed views of an array, as one."""
    generator = torch.Generator().manual_seed(seed)
    known = pixel_range(images)
    pixels = torch.from_numpy(images)
    return changed_views(pixels, generator, value_range=known, **options).numpy()


def quick(**params):
    encoder = PatchAutoencoder(24, max_epochs=1, precision="float32", random_state=0)
    defaults = {"n_components": 16, "encoder": encoder, "random_state": 0}
    return CompactAutoencoder(**defaults | params)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(X[:600])


@pytest.fixture(scope="module")
def moved():
    """Pictures whose class is a pattern and whose place and light are chance."""
    rng = np.random.default_rng(0)
    patterns = rng.normal(0, 60, (4, 16, 16, 1))
    labels = np.repeat(np.arange(4), 60)
    images = 128 + patterns[labels] * rng.uniform(0.4, 1.6, (240, 1, 1, 1))
    steps = rng.integers(-2, 3, (240, 2))
    rolled = [np.roll(i, s, axis=(0, 1)) for i, s in zip(images, steps, strict=True)]
    return np.clip(rolled, 0, 255).astype(np.uint8), labels


def test_directions_are_those_that_views_change_least(fitted):
    """Against the definition, on all images at once."""
    encoder = quick(encoder=RawPixels(), n_components=5, augment=None, n_views=50).fit(
        X[:300]
    )
    codes = X[:300].reshape(300, -1).astype(np.float32)
    spread = codes.std(0)
    spread[spread == 0] = 1
    standard = (codes - codes.mean(0)) / spread
    total = np.cov(standard, rowvar=False, ddof=0)
    within = np.zeros_like(total)
    for seed in range(50):
        views = seen(X[:300, :, :, None], seed, mirror=False).reshape(300, -1)
        change = (views - codes.mean(0)) / spread - standard
        within += change.T @ change / (2 * 300 * 50)
    best = eigh(total, within + 0.1 * np.eye(64))[0][::-1][:5]
    np.testing.assert_allclose(encoder.ratios_, best, rtol=0.05)
    # features have as much variance between images, against views, as directions say
    features = encoder.transform(X[:300])
    change = encoder.transform(views.reshape(-1, 8, 8)) - features
    ratio = features.var(0).sum() / (change**2).mean(0).sum() * 2
    assert ratio > total.trace() / within.trace()


def test_features_have_about_the_same_variance_and_are_few(fitted):
    features = fitted.transform(X)
    assert features.shape == (len(X), 16) and features.dtype == np.float32
    spread = features.std(0)
    assert spread.max() < 3 * spread.min()
    assert 0.5 < np.sqrt((spread**2).mean()) < 2


def test_few_labels_go_further_than_with_principal_components_of_the_same_code(moved):
    images, labels = moved
    encoder = PatchAutoencoder(64, max_epochs=0, random_state=0)
    compact = CompactAutoencoder(8, encoder=encoder, augment=None, random_state=0)
    principal = make_pipeline(encoder, StandardScaler(), PCA(8, random_state=0))
    right = {}
    for name, transformer in (("compact", compact), ("pca", principal)):
        features = transformer.fit(images).transform(images)
        head = make_pipeline(StandardScaler(), LogisticRegression())
        head.fit(features[::20], labels[::20])
        right[name] = head.score(features, labels)
    assert right["compact"] >= right["pca"] + 0.05, right


def test_images_are_rebuilt_by_way_of_the_code(fitted):
    restored = fitted.inverse_transform(fitted.transform(X[600:]))
    assert restored.shape == X[600:].shape
    error = ((restored - X[600:]) ** 2).mean()
    assert error < 0.7 * X[600:].var(axis=0).mean()
    more = quick(n_components=64).fit(X[:600])
    assert more.score(X[600:]) > fitted.score(X[600:])


def test_the_same_seed_gives_the_same_features_and_leaves_the_callers_alone(fitted):
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    again = quick().fit(X[:600])
    assert (np.random.get_state()[1] == before).all()
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    other = quick(random_state=1).fit(X[:600])
    assert not np.allclose(other.transform(X), fitted.transform(X))


def test_features_do_not_depend_on_the_other_rows(fitted):
    whole = fitted.transform(X[:50])
    parts = np.concatenate(
        [fitted.transform(X[i : min(i + 7, 50)]) for i in range(0, 50, 7)]
    )
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_a_pickle_gives_the_same_features(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X[:9]), fitted.transform(X[:9]))


def test_the_code_is_made_on_the_device_that_is_asked_for_now():
    encoder = CompactAutoencoder(4, n_filters=8, random_state=0).fit(X[:60])
    features = encoder.transform(X[:9])
    encoder.encoder_.set_params(device="cuda:9")  # as if it had been fitted elsewhere
    np.testing.assert_array_equal(encoder.transform(X[:9]), features)


def test_fewer_features_where_images_or_code_are_few():
    assert quick(n_components=500).fit(X[:30]).transform(X).shape[1] == 29
    raw = quick(encoder=RawPixels(), n_components=500).fit(X)
    assert raw.transform(X).shape[1] == 64


def test_only_some_images_are_learned_from():
    some = quick(n_images=100).fit(X[:600])
    assert some.transform(X).shape == (len(X), 16)


def test_more_images_are_worth_more_features():
    auto = CompactAutoencoder()
    widths = [auto.cost(n, (32, 32, 3)).n_features for n in (1000, 2500, 60_000)]
    assert widths == [256, 500, 1024]


def test_few_images_are_seen_in_more_views():
    assert quick().fit(X[:30]).n_views_ == 10
    assert quick(n_images=100).fit(X[:600]).n_views_ == 10
    assert quick(n_views=3).fit(X[:30]).n_views_ == 3


def test_cost_counts_the_code_and_the_features():
    encoder = quick()
    cost, code = (one.cost(600, (8, 8, 1)) for one in (encoder, encoder.encoder))
    assert cost.n_features == 16
    assert cost.encoding > code.encoding
    assert cost.training > code.training + 1200 * code.encoding


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n_components": 0}, "n_components=0"),
        ({"n_filters": 0}, "n_filters=0"),
        ({"downsample": 0}, "downsample=0"),
        ({"n_views": 0}, "n_views=0"),
        ({"n_views": "many"}, "n_views='many'"),
        ({"view_eps": 0}, "view_eps=0"),
        ({"n_images": 1}, "n_images=1"),
        ({"augment": "turn"}, "augment='turn', but expected 'auto', 'flip' or None"),
    ],
)
def test_parameters_that_cannot_be_used(params, words):
    with pytest.raises(ParameterError, match=words):
        quick(**params).fit(X[:30])


def test_another_number_of_features_is_refused(fitted):
    with pytest.raises(DataError, match="Got 3 features, but expected 16"):
        fitted.inverse_transform(np.zeros((2, 3)))


@pytest.mark.parametrize("shape", [(9, 1, 40, 1), (9, 5, 1, 3), (9, 16, 12, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_views_keep_shape_and_range(shape, dtype):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    views = seen(images, mirror=True)
    assert views.shape == shape and views.dtype == np.float32
    assert images.min() <= views.min() and views.max() <= images.max()
    assert not np.array_equal(views, images)


def test_views_are_mirrored_only_where_asked():
    ramp = np.ascontiguousarray(np.broadcast_to(np.arange(32) * 4.0, (50, 4, 32)))
    ramp = ramp[..., None].astype(np.uint8)
    for mirror in (False, True):
        views = seen(ramp, mirror=mirror)
        falling = views[:, 0, -1, 0] < views[:, 0, 0, 0]
        assert falling.any() == mirror


def test_patches_of_smaller_images():
    images = np.random.default_rng(0).integers(0, 256, (40, 24, 24, 3), np.uint8)
    encoder = CompactAutoencoder(4, n_filters=8, downsample=2, random_state=0)
    assert encoder.fit(images).encoder_.downsample_ == 2
