"""Encoders of anyone by name: transformers, modules, and what makes them."""

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from featx import RawPixels, TorchEncoder, make_encoders
from featx.errors import MissingDataError, ParameterError

OWN = '''
import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin


class Mean(TransformerMixin, BaseEstimator):
    """Mean and deviation of every channel."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        X = np.asarray(X, float)
        return np.hstack([X.mean((1, 2)), X.std((1, 2))]).astype(np.float32)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = torch.nn.AdaptiveAvgPool2d(2)

    def forward(self, x):
        return self.pool(x)


def make_net():
    return Net()


def needs(what):
    return Net()


ready = Mean()
number = 3
raise_ = 1 if True else 0
'''


def make(name):
    (encoder,) = make_encoders([name], n_images=9, n_pixels=64).values()
    return encoder


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize("name", ["Mean", "ready"])
def test_a_transformer_in_a_file(own, name):
    X = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)
    features = make(f"{own}:{name}").fit_transform(X)
    np.testing.assert_allclose(features[:, :3], X.mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize("name", ["Net", "make_net"])
def test_a_module_in_a_file(own, name):
    encoder = make(f"{own}:{name}")
    assert isinstance(encoder, TorchEncoder)
    X = np.full((3, 4, 4, 1), 51, np.uint8)
    np.testing.assert_allclose(
        encoder.fit_transform(X), 0.2 * np.ones((3, 1)), rtol=1e-5
    )


def test_names_of_packages_and_of_featx():
    assert isinstance(make("sklearn.preprocessing:StandardScaler"), StandardScaler)
    assert isinstance(
        make("sklearn.preprocessing:FunctionTransformer"), FunctionTransformer
    )
    assert isinstance(make("raw"), RawPixels)
    named = make_encoders(
        ["featx:RawPixels", "featx:PatchAutoencoder"],
        n_images=9,
        n_pixels=64,
        options={"random_state": 3},
        settings={"featx:PatchAutoencoder.max_epochs": 2},
    )
    assert named["featx:PatchAutoencoder"].get_params()["max_epochs"] == 2
    assert named["featx:PatchAutoencoder"].random_state == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own.py:needs", "raised TypeError"),
        ("own.py:number", "which is int"),
        ("own.py:Nothing", "has no Nothing"),
        ("own.py:Met", "Did you mean"),
        ("own.py:np.ndarray", "raised TypeError"),
        ("no.such.module:Thing", "cannot be imported, ModuleNotFoundError"),
        ("own.py:", "file.py:Thing"),
        ("builtins:dict", "gives dict without fit"),
    ],
)
def test_refused(own, name, words):
    with pytest.raises(ParameterError, match=words):
        make(name.replace("own.py", str(own)))


def test_a_file_that_is_not_there_or_cannot_run(tmp_path):
    with pytest.raises(MissingDataError, match="no such file"):
        make(f"{tmp_path}/own.py:Mean")
    path = tmp_path / "bad.py"
    path.write_text("1 / 0")
    with pytest.raises(ParameterError, match="ZeroDivisionError: division by zero"):
        make(f"{path}:Thing")


def test_two_files_of_one_name_are_two_modules(own, tmp_path):
    other = tmp_path / "more" / "own.py"
    other.parent.mkdir()
    other.write_text(OWN.replace("X.std((1, 2))", "X.max((1, 2))"))
    X = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)
    first, second = (make(f"{path}:Mean").fit_transform(X) for path in (own, other))
    assert not np.allclose(first, second)
