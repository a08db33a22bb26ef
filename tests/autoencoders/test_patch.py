import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

from featx import PatchAutoencoder
from featx.autoencoders.patch_sampling import cut_patches
from featx.errors import ParameterError


@pytest.fixture(scope="module")
def photos():
    """Color images with structure: blobs and edges, not noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:20, :24]
    angle, phase = rng.uniform(0, 2 * np.pi, (2, 120, 1, 1, 1))
    wave = np.sin(
        (x * np.cos(angle[..., 0]) + y * np.sin(angle[..., 0]))[..., None] + phase
    )
    tint = rng.uniform(40, 120, (120, 1, 1, 3))
    return np.clip(
        128 + wave * tint + rng.normal(0, 5, (120, 20, 24, 3)), 0, 255
    ).astype(np.uint8)


def quick(**params):
    defaults = {
        "n_components": 24,
        "n_patches": 4000,
        "max_epochs": 4,
        "batch_size": 256,
        "precision": "float32",
    }
    return PatchAutoencoder(**defaults | {"random_state": 0} | params)


@pytest.fixture(scope="module")
def fitted(photos):
    return quick().fit(photos)


def test_training_rebuilds_patches_better_than_random_patches_do(photos, fitted):
    assert fitted.history_["loss"][-1] < 0.9 * fitted.history_["loss"][0]
    patches = torch.from_numpy(photos[:, 5:11, 5:11].copy())
    random = quick(max_epochs=0).fit(photos)
    assert random.history_ == {} and random.n_iter_ == 0
    learned = fitted.module_.loss(patches, torch.Generator())
    assert learned < 0.95 * random.module_.loss(patches, torch.Generator())


def test_more_active_filters_rebuild_more(photos, fitted):
    patches = torch.from_numpy(photos[:, 5:11, 5:11].copy())
    one = fitted.module_.loss(patches, torch.Generator())
    four = quick(n_nonzero_coefs=4, max_epochs=10).fit(photos)
    assert four.module_.loss(patches, torch.Generator()) < one


@pytest.mark.parametrize(
    "part",
    [
        np.s_[:, :, :, :],
        np.s_[:, :1, :, :],  # signals
        np.s_[:, :1, :, :1],
        np.s_[:, :, :1, :],
        np.s_[:, :, :4, :],  # as narrow as a patch
        np.s_[:, :7, :6, :1],
    ],
    ids=lambda part: f"{len(range(20)[part[1]])} x {len(range(24)[part[2]])}",
)
def test_features_are_the_pooled_rectified_responses_of_whitened_patches(photos, part):
    """The folded, cell-by-cell code against the definition, patch by patch."""
    images = photos[part]
    fitted = quick(augment=None, scales=1).fit(images)
    network = fitted.module_.scales[0]
    filters = network.filters.detach().numpy()
    filters = filters / np.linalg.norm(filters, axis=1, keepdims=True)
    image = images[0].astype(np.float64)
    height, width = fitted.patch_shape_
    n_rows, n_columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    responses = np.empty((n_rows, n_columns, 24))
    for i in range(n_rows):
        for j in range(n_columns):
            row = image[i : i + height, j : j + width].ravel()
            row = row - row.mean()
            row = row / np.sqrt((row**2).mean() + float(network.contrast_floor))
            white = (row - network.center.numpy()) @ network.whitening.numpy()
            responses[i, j] = filters @ white
    cells = []
    for band in np.array_split(responses, min(2, n_rows), axis=0):
        for cell in np.array_split(band, min(2, n_columns), axis=1):
            flat = cell.reshape(-1, 24)
            cells.append(np.maximum(flat - 0.25, 0).mean(0))
            cells.append(np.maximum(-flat - 0.25, 0).mean(0))
    found = fitted.transform(images[:1])[0]
    assert np.allclose(found, np.concatenate(cells), atol=1e-4)


def test_whitened_patches_are_white(photos):
    encoder = quick(whitening_eps=1e-6, max_epochs=0).fit(photos)
    patches = cut_patches(encoder.module_, photos, 4000, seed=5)
    white = encoder.module_.scales[0].whiten(torch.from_numpy(patches)).numpy()
    values = np.linalg.eigvalsh(np.cov(white.T))
    assert 0.8 < np.median(values) < 1.2 and values.max() < 2


def test_images_are_drawn_from_features(photos, fitted):
    restored = fitted.reconstruct(photos)
    assert restored.shape == photos.shape
    assert 0 <= restored.min() and restored.max() <= 255
    error = ((restored - photos.astype(float)) ** 2).mean()
    assert error < 0.3 * photos.astype(float).var()
    assert fitted.score(photos) == pytest.approx(-error)


def test_the_second_resolution_sees_the_image_at_half_its_size(photos):
    both = quick(scales=2, augment=None).fit(photos)
    assert both.n_filters_ == (24, 12)
    assert both.transform(photos).shape == (len(photos), 4 * 2 * (24 + 12))
    fine, coarse = np.split(both.transform(photos), [4 * 2 * 24], axis=1)
    half = photos.reshape(-1, 10, 2, 12, 2, 3).mean(axis=(2, 4), dtype=np.float32)
    with torch.inference_mode():
        scales = both.module_.scales
        assert np.allclose(scales[0].encode(torch.tensor(photos).float()), fine)
        assert np.allclose(scales[1].encode(torch.tensor(half)), coarse, atol=1e-5)
    error = ((both.reconstruct(photos) - photos.astype(float)) ** 2).mean()
    assert error < 0.3 * photos.astype(float).var()


@pytest.mark.parametrize(("side", "scales"), [(8, 1), (23, 1), (24, 2), (300, 2)])
def test_a_second_resolution_needs_images_of_four_patches(side, scales):
    X = np.random.default_rng(0).integers(0, 255, (4, side, side + 3)).astype(np.uint8)
    encoder = quick(max_epochs=0, n_patches=100).fit(X)
    assert encoder.scales_ == scales
    assert np.isfinite(encoder.transform(X)).all()


def test_mirrored_features_are_the_mean_of_both_views(photos):
    both = quick(augment="flip").fit(photos)
    assert both.augment_ == "flip"
    mirrored = both.transform(photos[:, :, ::-1])
    assert np.allclose(both.transform(photos), mirrored, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 300])
def test_features_do_not_depend_on_the_batch_size(fitted, photos, batch_size):
    other = pickle.loads(pickle.dumps(fitted)).set_params(batch_size=batch_size)
    assert np.abs(other.transform(photos) - fitted.transform(photos)).max() <= 1e-5


def test_many_features_are_made_of_few_images_at_a_time(fitted, photos, monkeypatch):
    sizes = []

    def run(self, method, batch):
        sizes.append(len(batch))
        return original(self, method, batch)

    original = PatchAutoencoder._run
    whole = fitted.transform(photos)
    monkeypatch.setattr(PatchAutoencoder, "_run", run)
    most = 7 * whole.shape[1]
    monkeypatch.setattr("featx.autoencoders.network_transformer._BATCH_FEATURES", most)
    assert np.abs(fitted.transform(photos) - whole).max() <= 1e-5
    assert max(sizes) == 7


def test_bfloat16_rounds_both_sides_of_the_threshold_alike(fitted, photos):
    other = pickle.loads(pickle.dumps(fitted)).set_params(precision="bfloat16")
    exact = fitted.transform(photos).reshape(len(photos), -1, 2, 24)
    error = other.transform(photos).reshape(exact.shape) - exact
    above, below = (error.std((0, 1, 3)) / exact.std((0, 1, 3))).tolist()
    assert 0 < above < 0.02 and 0 < below < 0.02


def test_same_seed_gives_bit_equal_features(photos, fitted):
    again = quick().fit(photos)
    assert np.array_equal(again.transform(photos), fitted.transform(photos))
    other = quick(random_state=1).fit(photos)
    assert not np.array_equal(other.transform(photos), fitted.transform(photos))


@pytest.mark.parametrize("scale", [1 / 255, 100.0])
def test_the_range_of_the_images_does_not_matter(photos, fitted, scale):
    other = quick().fit(photos * scale)
    assert np.allclose(
        other.transform(photos * scale), fitted.transform(photos), atol=1e-3
    )


def test_large_images_are_reduced_and_drawn_at_their_size():
    images = np.random.default_rng(0).integers(0, 256, (6, 130, 70, 3)).astype(np.uint8)
    encoder = quick().fit(images)
    assert encoder.downsample_ == 3
    assert encoder.module_.readout.reduced_shape[:2] == (44, 24)
    assert encoder.reconstruct(images).shape == images.shape


@pytest.mark.parametrize(
    "shape",
    [(2, 4, 3, 3), (3, 1, 1, 1), (5, 2, 40), (9, 3), (4, 6, 6, 1), (3, 7, 6, 4)],
)
@pytest.mark.parametrize("constant", [False, True])
def test_small_few_or_constant_images_give_finite_features(shape, constant):
    X = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    if constant:
        X[:] = 9
    encoder = quick().fit(X)
    features = encoder.transform(X)
    assert features.shape == (len(X), len(encoder.get_feature_names_out()))
    assert np.isfinite(features).all()
    assert np.isfinite(encoder.inverse_transform(features)).all()


def test_filters_are_learned_without_labels_and_serve_a_linear_classifier():
    digits = load_digits()
    X, y = digits.images.astype(np.uint8), digits.target
    encoder = PatchAutoencoder(max_epochs=2, n_patches=20_000, random_state=0)
    features = encoder.fit(X[:1200]).transform(X)
    assert encoder.augment_ is None  # digits must not be mirrored
    linear = RidgeClassifier(1.0).fit(features[:1200], y[:1200])
    pixels = X.reshape(len(X), -1)
    plain = RidgeClassifier(1.0).fit(pixels[:1200], y[:1200])
    assert linear.score(features[1200:], y[1200:]) > 0.94
    assert linear.score(features[1200:], y[1200:]) > plain.score(
        pixels[1200:], y[1200:]
    )


def test_a_patch_of_one_gray_value_is_refused(photos):
    with pytest.raises(ParameterError, match="patch_size=1 for gray images"):
        quick(patch_size=1).fit(photos[..., :1])


@pytest.mark.parametrize("scale", [1, 3])
def test_parameters_set_after_fit_do_not_reach_a_pickle(photos, scale):
    encoder = quick().fit(photos)
    before = encoder.transform(photos)
    encoder.set_params(threshold=0.9 * scale, n_nonzero_coefs=5, pooling=scale)
    assert np.array_equal(pickle.loads(pickle.dumps(encoder)).transform(photos), before)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_features_load_on_a_cpu(photos):
    encoder = quick(device="cuda").fit(photos)
    other = pickle.loads(pickle.dumps(encoder)).set_params(device="cpu")
    assert np.abs(other.transform(photos) - encoder.transform(photos)).max() < 1e-4


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"patch_size": 30}, "patch_size=30, but the images have 20 x 24 pixels"),
        ({"patch_size": 0}, "patch_size=0, but expected an integer"),
        (
            {"n_nonzero_coefs": 25},
            "n_nonzero_coefs=25, but expected an integer from 1 to 24",
        ),
        ({"threshold": -1}, "threshold=-1"),
        ({"whitening_eps": 0}, "whitening_eps=0"),
        ({"pooling": 0}, "pooling=0"),
        ({"downsample": 0}, "downsample=0"),
        ({"scales": 0}, "scales=0"),
        ({"scales": 4}, "scales=4, but of 20 x 24 pixels after downsampling by 1"),
        ({"n_patches": 0}, "n_patches=0"),
        ({"max_epochs": -1}, "max_epochs=-1"),
        ({"n_components": "many"}, "n_components='many'"),
        (
            {"augment": "rotate"},
            "augment='rotate', but expected 'auto', 'flip' or None",
        ),
    ],
)
def test_a_wrong_parameter_is_named_in_fit(photos, params, words):
    with pytest.raises(ParameterError, match=words):
        quick(**params).fit(photos)


@pytest.mark.parametrize("shape", [(3,), (10,), (64,), (8, 8), (2, 40), (33, 5, 3)])
def test_cost_knows_how_many_features_there_will_be(shape):
    images = np.random.default_rng(0).random((30, *shape), np.float32)
    encoder = PatchAutoencoder(n_components=8, max_epochs=0, random_state=0)
    n_features = encoder.fit_transform(images).shape[1]
    assert encoder.cost(30, encoder.image_shape_).n_features == n_features
