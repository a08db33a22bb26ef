"""Settings chosen on the images that a classifier is fitted on."""

from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier

from featx import RawPixels, encode, make_classifier
from featx.autoencoders.registry import make_encoder
from featx.classifiers import CLASSIFIERS, SharedReduction, choose_settings
from featx.classifiers.choice import leave_one_out
from featx.experiment.fitting import fit_row
from featx.experiment.tasks import FitTask
from featx.images import Dataset, ImageSet


def dataset_of(train, test):
    names = tuple(f"class {label:02d}" for label in np.unique(train[1]))
    parts = [
        ImageSet(
            X[..., None],
            y,
            np.array([f"{part}/{i:04d}.png" for i in range(len(y))]),
            names,
        )
        for part, (X, y) in (("train", train), ("test", test))
    ]
    return Dataset("made", *parts, validation=np.arange(len(train[1])) % 5 == 0)


def row_of(dataset, encoder, name, cache, **how):
    encoded = encode(dataset, encoder, cache=cache)
    task = FitTask("pca", name, encoded, dataset.class_names, dataset.validation, **how)
    return fit_row(task).row


def faint(counts, seed):
    """Noise images, each class a little brighter somewhere else."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    fixed = np.random.default_rng(0).normal(0, 10, (len(counts), 4, 4))
    X = 127 + fixed[y] + rng.normal(0, 40, (len(y), 4, 4))
    return X.clip(0, 255).astype(np.uint8), y


def uneven_digits():
    X, y = load_digits(return_X_y=True)
    X = (X * 15).astype(np.uint8).reshape(-1, 8, 8)
    judged = np.arange(len(y)) % 3 == 0
    counts = np.geomspace(110, 4, 10).round().astype(int)
    rows = np.concatenate(
        [np.flatnonzero(~judged & (y == label))[: counts[label]] for label in range(10)]
    )
    return dataset_of((X[rows], y[rows]), (X[judged], y[judged]))


@pytest.mark.parametrize("p", [10, 80], ids=["tall", "wide"])
def test_left_out_images_are_told_as_by_fits_without_them(p):
    rng = np.random.default_rng(0)
    X, sides = rng.normal(size=(40, p)), rng.choice([-1.0, 1.0], (40, 3))
    weight = rng.uniform(0.2, 3, 40)
    found = leave_one_out(X @ X.T, sides, weight, 3.0)
    for row in range(0, 40, 9):
        rest = np.arange(40) != row
        model = Ridge(3.0).fit(X[rest], sides[rest], weight[rest])
        assert found[row] == pytest.approx(model.predict(X[row : row + 1])[0])


def test_neighbors_are_chosen_as_by_fits_without_each_image():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = rng.normal(size=(120, 4)) + 1.2 * np.eye(3, 4)[y]
    right = {}
    for k in (10, 5, 20, 3, 1):
        right[k] = 0
        for row in range(120):
            rest = np.arange(120) != row
            model = KNeighborsClassifier(k, weights="distance").fit(X[rest], y[rest])
            right[k] += model.predict(X[row : row + 1])[0] == y[row]
    knn = make_classifier("knn", n_features=4, n_images=120)[1:]
    best = max(right, key=lambda k: right[k])
    assert choose_settings(knn, X, y) == {"knn__n_neighbors": best}


@pytest.mark.parametrize("name", ["linear-svm", "ridge", "logreg", "svm"])
def test_weights_never_cost_more_than_naming_the_largest_class(name, cache):
    counts = np.geomspace(300, 6, 10).round().astype(int)
    dataset = dataset_of(faint(counts, 1), faint(counts, 2))
    pca = make_encoder("pca", n_images=len(dataset.train), n_pixels=16)
    pca.set_params(pca__n_components=3)
    row = row_of(dataset, pca, name, cache, uneven=True)
    most = counts.max() / counts.sum()
    assert row.result.scores.accuracy > most - 0.01


def test_a_kernel_is_made_as_wide_as_the_images_need(cache):
    dataset = uneven_digits()
    pca = make_encoder("pca", n_images=len(dataset.train), n_pixels=64)
    pca.set_params(pca__n_components=39, pca__svd_solver="full")
    right = {
        name: row_of(
            dataset, pca, name, cache, uneven=True
        ).result.scores.balanced_accuracy
        for name in ("linear-svm", "svm")
    }
    assert right["svm"] > right["linear-svm"] - 0.05


def test_a_linear_classifier_of_many_noisy_features_is_held_back(cache):
    rng = np.random.default_rng(3)
    signal = rng.normal(size=(4, 32 * 32))

    def made(n, seed):
        rng = np.random.default_rng(seed)
        y = np.arange(n) % 4
        X = 127 + 3 * signal[y] + rng.normal(0, 40, (n, 32 * 32))
        return X.reshape(n, 32, 32).clip(0, 255).astype(np.uint8), y

    dataset = dataset_of(made(1000, 0), made(400, 1))
    usual = make_classifier("ridge", n_features=1024, n_images=1000)
    encoded = encode(dataset, RawPixels(), cache=cache)
    usual.fit(np.array(encoded.train.X), encoded.train.y)
    before = usual.score(encoded.test.X, encoded.test.y)
    after = row_of(dataset, RawPixels(), "ridge", cache).result.scores.accuracy
    assert after > before + 0.1


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_same_images_give_the_same_settings(name):
    X, y = load_digits(return_X_y=True)
    classifier = make_classifier(name, n_features=64, n_images=len(y))
    first, second = (choose_settings(classifier, X, y) for _ in range(2))
    assert first == second
    assert bool(first) == (name != "mlp")
    classifier.set_params(**first)


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("counts", [(2, 2), (30, 1, 2, 1), (13, 12)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_tiny_classes_and_more_features_than_images(name, uneven, counts):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(0).normal(size=(len(y), 300)).astype(np.float32)
    X[:, :5] += 4 * y[:, None]
    kept = X.copy()
    classifier = make_classifier(name, n_features=300, n_images=len(y), balanced=uneven)
    choose = partial(choose_settings, uneven=uneven)
    settings = choose(classifier, X, y)
    assert np.array_equal(X, kept)
    assert bool(settings) == (len(y) >= 20 and name != "mlp")
    SharedReduction().fit(classifier, X, y, choose)
    assert classifier.predict(kept).shape == y.shape


def test_images_that_are_all_the_same_change_nothing():
    X, y = np.ones((40, 30), np.float32), np.arange(40) % 2
    for name in CLASSIFIERS:
        classifier = make_classifier(name, n_features=30, n_images=40)
        classifier.set_params(**choose_settings(classifier, X, y))
        assert classifier.fit(X.copy(), y).predict(X).shape == (40,)


def test_many_images_are_looked_at_by_some_of_every_class(monkeypatch):
    seen = []
    from featx.classifiers import choice

    def spy(kernel, sides, weight, alpha, groups):
        seen.append((len(kernel), (sides > 0).sum(axis=0).min()))
        return leave_one_out(kernel, sides, weight, alpha, groups)

    monkeypatch.setattr(choice, "leave_one_out", spy)
    y = np.repeat(np.arange(3), [20_000, 9_980, 20])
    X = np.random.default_rng(0).normal(size=(30_000, 4)) + y[:, None]
    ridge = make_classifier("ridge", n_features=4, n_images=30_000)
    choose_settings(ridge, X, y, uneven=True)
    assert max(n for n, _ in seen) <= choice.ROWS[1] + 10
    assert min(rare for _, rare in seen) == 5


def test_components_found_once_are_what_is_chosen_on():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = rng.normal(size=(120, 1100)).astype(np.float32)
    X[:, :50] += y[:, None]
    shapes = []

    def choose(rest, features, labels):
        shapes.append((list(rest.named_steps), features.shape))
        return choose_settings(rest, features, labels)

    shared = SharedReduction()
    for name in ("svm", "kernel-ridge", "knn"):
        classifier = make_classifier(name, n_features=1100, n_images=120)
        shared.fit(classifier, X, y, choose)
        assert classifier.score(X, y) > 0.9
    steps = [["svm"], ["rbf", "kernel-ridge"], ["knn"]]
    assert shapes == [(names, (120, 120)) for names in steps]


def test_a_row_on_few_images_says_that_nothing_was_chosen(cache):
    few = faint([6, 6], 0)
    row = row_of(dataset_of(few, few), RawPixels(), "ridge", cache)
    assert row.result.notes == ("usual settings: 12 images are too few to choose by",)


def test_a_row_chosen_in_another_way_is_another_row(cache, monkeypatch):
    few = faint([6, 6], 0)
    dataset = dataset_of(few, few)
    encoded = encode(dataset, RawPixels(), cache=cache)

    def key(**how):
        parts = (encoded, dataset.class_names, dataset.validation)
        return FitTask("raw", "knn", *parts, **how).key

    before = key()
    assert key(uneven=True) != before and key(tune=True) != before
    monkeypatch.setattr("featx.experiment.tasks.CHOICE", {"version": 0})
    assert key() != before


@pytest.mark.parametrize("n_groups", [4, 20])
def test_groups_are_left_out_whole(n_groups):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 2))
    weight, groups = rng.uniform(0.5, 2, 40), rng.integers(0, n_groups, 40)
    scores = leave_one_out(X @ X.T, y, weight, 3.0, groups)
    for group in np.unique(groups):
        own = groups == group
        model = Ridge(3.0).fit(X[~own], y[~own], sample_weight=weight[~own])
        assert np.allclose(scores[own], model.predict(X[own]), atol=1e-6)


def test_neighbors_of_the_own_group_say_nothing():
    """Five copies of each image, whose label is chance: only its copies know it."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(60, 5)), 5, axis=0).astype(np.float32)
    y = np.repeat(rng.integers(0, 2, 60), 5)
    groups = np.repeat(np.arange(60), 5)
    knn = make_classifier("knn", n_features=5, n_images=300)
    torn = choose_settings(knn, X, y)["knn__n_neighbors"]
    whole = choose_settings(knn, X, y, groups=groups)["knn__n_neighbors"]
    assert torn < 10 <= whole or torn != whole
