"""Encoders of anyone by name: transformers, modules, and what makes them."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from featx import (
    Backend,
    FeatureCache,
    RawPixels,
    TorchEncoder,
    bench,
    encode,
    make_encoders,
)
from featx.errors import DataError, MissingDataError, ParameterError

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


def test_the_cache_tells_files_and_their_versions_apart(own, tmp_path, dataset, cache):
    other = tmp_path / "more" / "own.py"
    other.parent.mkdir()
    other.write_text(OWN.replace("X.std((1, 2))", "X.max((1, 2))"))

    def digest(path):
        return encode(dataset, make(f"{path}:Mean"), cache=cache).encoder.digest

    seen = [digest(own), digest(other)]
    assert digest(own) == seen[0]  # the same file is the same module
    assert encode(dataset, make(f"{own}:Mean"), cache=cache).train.cached
    own.write_text(OWN.replace("X.mean((1, 2))", "X.min((1, 2))"))
    seen.append(digest(own))
    assert len({*seen}) == 3


def test_a_file_may_import_what_stands_beside_it(tmp_path):
    (tmp_path / "helper_of_own.py").write_text("from featx import RawPixels as Thing\n")
    (tmp_path / "own.py").write_text("from helper_of_own import Thing\n")
    assert isinstance(make(f"{tmp_path}/own.py:Thing"), RawPixels)


def test_what_a_module_holds_stays_as_it_is(own):
    import featx.own_code as named

    first = make(f"{own}:ready")
    assert first is not named.import_named(f"{own}:ready")


def test_rows_of_own_files_are_fitted_in_workers(own, dataset, cache):
    bayes = own.parent / "bayes.py"
    bayes.write_text(
        "from sklearn.naive_bayes import GaussianNB\n"
        "class Mine(GaussianNB):\n    pass\n"
    )
    encoders = {"mean": make(f"{own}:Mean"), "net": make(f"{own}:Net")}
    names = [f"{bayes}:Mine", "ridge"]
    here = bench(dataset, encoders, names, cache=cache)
    there = bench(
        dataset,
        encoders,
        names,
        cache=FeatureCache(cache.folder / "other"),
        backend=Backend(joblib="loky"),
    )
    for name, predicted in here.predictions.items():
        assert np.array_equal(predicted, there.predictions[name])


def test_helpers_of_two_folders_are_not_mixed_up(tmp_path):
    X = np.zeros((2, 4, 4, 1), np.uint8)
    found = []
    for place, value in (("a", 1), ("b", 2)):
        folder = tmp_path / place
        folder.mkdir()
        (folder / "beside_both.py").write_text(f"VALUE = {value}\n")
        text = OWN.replace(
            "import numpy as np", "import beside_both\nimport numpy as np"
        )
        text = text.replace("X.mean((1, 2))", "beside_both.VALUE + X.mean((1, 2))")
        (folder / "own.py").write_text(text)
        found.append(make(f"{folder}/own.py:Mean").fit_transform(X)[0, 0])
    assert found == [1, 2]


def test_options_of_featx_leave_others_as_they_are(tmp_path):
    path = tmp_path / "seeded.py"
    path.write_text(
        "from sklearn.decomposition import PCA\n\n\n"
        "class Mine(PCA):\n"
        "    def __init__(self, device=None, random_state=None):\n"
        "        super().__init__(random_state=random_state)\n"
        "        self.device = device\n\n\n"
        "given = Mine(random_state=42)\nopen_ = Mine()\n"
    )
    options = {"random_state": 3, "device": "cpu", "precision": "auto"}
    names = [f"{path}:given", f"{path}:open_", "predictive"]
    given, without, ours = make_encoders(
        names, n_images=9, n_pixels=64, options=options
    ).values()
    assert given.random_state == 42 and given.device is None
    assert without.random_state == 3
    assert ours.random_state == 3 and ours.device == "cpu"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("X[:, 0, 0, 0]", "expected .images, features"),
        ("X[:1].reshape(1, -1)", "for 60 images"),
        ("X.reshape(len(X), -1) * np.nan", "no finite numbers"),
        ("['a'] * len(X)", "expected an array of numbers"),
    ],
)
def test_what_others_give_is_looked_at(code, words, tmp_path, dataset, cache):
    path = tmp_path / "own.py"
    path.write_text(
        "import numpy as np\n"
        "from sklearn.preprocessing import FunctionTransformer\n\n\n"
        f"def features(X):\n    return {code}\n\n\n"
        "thing = FunctionTransformer(features)\n"
    )
    with pytest.raises(DataError, match=words):
        encode(dataset, make(f"{path}:thing"), cache=cache)


def test_sparse_features_are_made_dense(dataset, cache):
    encoder = FunctionTransformer(sparse_rows)
    found = encode(dataset, encoder, cache=cache).train.X
    np.testing.assert_array_equal(found, sparse_rows(dataset.train.X).toarray())


def sparse_rows(X):
    return csr_array(np.asarray(X, np.float32).reshape(len(X), -1))
