"""No code, weights or version ever meets the features of another."""

import importlib
import sys

import numpy as np
import pytest
import torch
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from featx import FeatureCache, TorchEncoder, encode, make_encoders
from featx.errors import FeatxWarning

TRIALS = 20
CLASS = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

SCALE = {scale}


class Mine(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        X = np.asarray(X, float).reshape(len(X), -1)
        return (SCALE * X[:, :2] + {added}).astype(np.float32)


def darker(x):
    return x / {added}
"""


def named(place):
    (encoder,) = make_encoders([str(place)], n_images=9, n_pixels=64).values()
    return encoder


def written(path, scale=1, added=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CLASS.format(scale=scale, added=added))
    return path


def two_files(folder, i):
    for place in ("a", "b"):
        own = written(folder / place / "own.py", added=f"{i}.{ord(place)}")
        yield named(f"{own}:Mine")


def changed_method(folder, i):
    for added in (i, i + 0.5):
        yield named(f"{written(folder / 'own.py', added=added)}:Mine")


def changed_constant(folder, i):
    for scale in (f"1.{i:02d}", f"2.{i:02d}"):  # as long, and within the same second
        yield named(f"{written(folder / 'own.py', scale=scale)}:Mine")


def changed_weights(folder, i):
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: one.clone() for key, one in module.state_dict().items()}
    for step in range(2):
        state["1.bias"][i % 3] += 1 + step
        torch.save(state, folder / "weights.pt")
        yield TorchEncoder(module, weights=folder / "weights.pt")


def changed_preprocessing(folder, i):
    for added in (i + 1, i + 1.5):
        module = importlib.import_module(
            named(f"{written(folder / 'own.py', added=added)}:Mine").__module__
        )
        yield TorchEncoder(nn.Flatten(), preprocess=module.darker)


def changed_parameter(folder, i):
    for scale in (i + 1, i + 1.5):
        yield FunctionTransformer(_scaled, kw_args={"scale": scale})


def _scaled(X, scale):
    return scale * np.asarray(X, float).reshape(len(X), -1)


KINDS = [
    two_files,
    changed_method,
    changed_constant,
    changed_weights,
    changed_preprocessing,
    changed_parameter,
]


@pytest.mark.parametrize("kind", KINDS)
def test_what_differs_shares_no_features(kind, tmp_path, dataset, cache):
    keys = set()
    for i in range(TRIALS):
        for encoder in kind(tmp_path / str(i), i) if i else kind(tmp_path, i):
            encoded = encode(dataset, encoder, cache=cache)
            assert not encoded.train.cached
            direct = encoder.fit(dataset.train.X).transform(dataset.train.X)
            np.testing.assert_allclose(encoded.train.X, direct, rtol=1e-5, atol=1e-6)
            keys.add(encoded.train.key)
    assert len(keys) == 2 * TRIALS


def test_another_version_of_a_package_shares_no_features(
    tmp_path, monkeypatch, dataset, cache
):
    package = tmp_path / "site-packages" / "strange_features"
    written(package / "__init__.py", added=1)
    monkeypatch.syspath_prepend(str(package.parent))
    keys = set()
    for i in range(TRIALS):
        text = CLASS.format(scale=1, added=i) + f"__version__ = '1.{i}'\n"
        (package / "__init__.py").write_text(text)
        sys.modules.pop("strange_features", None)
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        encoded = encode(dataset, named("strange_features:Mine"), cache=cache)
        assert not encoded.train.cached
        keys.add(encoded.train.key)
    assert len(keys) == TRIALS
    sys.modules.pop("strange_features")


def test_a_helper_that_is_edited_meanwhile_is_not_kept(tmp_path, dataset, cache):
    helper = written(tmp_path / "helper_that_changes.py", scale=2)
    (tmp_path / "own.py").write_text("from helper_that_changes import Mine as Thing\n")
    first = encode(dataset, named(f"{tmp_path}/own.py:Thing"), cache=cache)
    again = FeatureCache(cache.folder)
    assert encode(dataset, named(f"{tmp_path}/own.py:Thing"), cache=again).train.cached
    written(helper, scale=3)  # what runs is still what was imported
    with pytest.warns(FeatxWarning, match="has changed since helper_that_changes"):
        edited = encode(dataset, named(f"{tmp_path}/own.py:Thing"), cache=again)
    np.testing.assert_array_equal(edited.train.X, first.train.X)
    sys.modules.pop("helper_that_changes")
