from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge

from featx.errors import CacheError, ParameterError
from featx.evaluation import FeatureDiagnostics, diagnose
from featx.evaluation import label_issues as module
from featx.evaluation.components import components
from featx.evaluation.feature_diagnostics import map_positions
from featx.evaluation.label_issues import find_label_issues
from featx.features import CachedFeatures, EncodedDataset
from featx.images import Dataset, ImageSet


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X.astype(np.float32), y.astype(np.int64)


@pytest.mark.parametrize("batch", [16, 8192])
def test_leaving_one_out_is_what_it_says(digits, batch, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", batch)
    monkeypatch.setattr(module, "_LANDMARKS", 20)
    monkeypatch.setattr(module, "_PENALTIES", (1e-2,))
    X, y = (part[:60] for part in digits)
    scores = module._left_out_scores(X, y, 10, seed=0)
    spread = np.square(X - X.mean(axis=0)).sum(axis=1).mean()
    kernel = Nystroem(gamma=1 / spread, n_components=20, random_state=0).fit(X)
    features = kernel.transform(X).astype(float)
    target = np.where(y[:, None] == np.arange(10), 1.0, -1.0)
    whole = features - features.mean(axis=0)
    penalty = 1e-2 * np.linalg.eigvalsh(whole.T @ whole).mean()
    for left_out in (0, 17, 59):
        rest = np.arange(60) != left_out
        model = Ridge(penalty, solver="cholesky").fit(features[rest], target[rest])
        np.testing.assert_allclose(
            scores[left_out], model.predict(features[[left_out]])[0], atol=1e-3
        )


def test_changed_labels_are_found(digits):
    X, y = digits
    Z, _ = components(X, X[:1])
    rng = np.random.default_rng(0)
    changed = rng.choice(len(y), 54, replace=False)  # 3 %
    wrong = y.copy()
    wrong[changed] = (y[changed] + rng.integers(1, 10, 54)) % 10
    found = find_label_issues(Z, wrong, 10)
    hit = np.isin(found.rows, changed)
    assert hit.sum() >= 40  # of 54
    assert hit.mean() >= 0.9
    assert (found.margin[:-1] >= found.margin[1:]).all()
    right = found.suggested[hit] == y[found.rows[hit]]
    assert right.mean() > 0.95
    assert found.accuracy > 0.9


def test_right_labels_are_left_alone(digits):
    X, y = digits
    Z, _ = components(X, X[:1])
    assert len(find_label_issues(Z, y, 10).rows) <= 0.01 * len(y)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_very_few_images(n):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(n, 4)).astype(np.float32)
    found = find_label_issues(Z, np.arange(n) % 2, 3)  # one class has no image
    assert np.isfinite(found.margin).all() and 0 <= found.accuracy <= 1


def test_equal_images_and_one_class():
    Z = np.zeros((20, 3), np.float32)
    assert len(find_label_issues(Z, np.zeros(20, np.int64), 1).rows) == 0


def test_components_do_not_depend_on_the_batch(digits, monkeypatch):
    X, _ = digits
    whole = components(X[:500], X[500:600])
    monkeypatch.setattr("featx.evaluation.components._BATCH_VALUES", 64 * 7)
    for one, other in zip(whole, components(X[:500], X[500:600]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.fixture(scope="module")
def diagnostics(digits):
    X, y = digits
    pixels = X.reshape(-1, 8, 8, 1).astype(np.uint8)
    ids = np.array([f"{i}.png" for i in range(len(y))])
    names = tuple("0123456789")

    def part(rows):
        images = ImageSet(pixels[rows], y[rows], ids[rows], names)
        return images, CachedFeatures(X[rows], y[rows], ids[rows], "", 0.0, 1)

    (train, a), (test, b) = part(slice(0, 900)), part(slice(900, None))
    dataset = Dataset("digits", train, test, np.zeros(900, bool))
    return diagnose(dataset, EncodedDataset(None, a, b), "raw", np.arange(5)), y


def test_neighbors_mostly_share_the_class(diagnostics):
    found, y = diagnostics
    same = y[found.neighbor_rows] == y[900 + found.query_rows][:, None]
    assert same.mean() > 0.8


def test_diagnostics_survive_their_file(diagnostics, tmp_path):
    found, _ = diagnostics
    path = tmp_path / "diagnostics.npz"
    path.write_bytes(found.to_npz())
    again = FeatureDiagnostics.from_npz(path)
    for name, value in vars(found).items():
        np.testing.assert_array_equal(getattr(again, name), value)
        assert type(getattr(again, name)) is type(value)
    path.write_bytes(found.to_npz()[:1000])
    with pytest.raises(CacheError, match="damaged"):
        FeatureDiagnostics.from_npz(path)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_the_map_lies_in_the_unit_square(diagnostics, method):
    few = replace(diagnostics[0], map_components=diagnostics[0].map_components[:150])
    places = map_positions(few, method)
    assert places.shape == (150, 2)
    assert places.min() == 0 and places.max() == 1
    np.testing.assert_array_equal(places, map_positions(few, method))


def test_unknown_map(diagnostics):
    with pytest.raises(ParameterError, match="Got map 'umap', but expected one of pca"):
        map_positions(diagnostics[0], "umap")
