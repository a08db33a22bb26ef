"""What makes another encoder is made anew; what cannot be known again is not kept."""

import importlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from featx import PatchAutoencoder, RawPixels, bench
from featx.errors import FeatxWarning, ParameterError
from featx.features import FeatureCache, encode
from featx.features.digest import UnknownContentError, digest_params

GAIN = """
    import numpy as np
    from sklearn.base import BaseEstimator, TransformerMixin
    {imports}

    class Gain(TransformerMixin, BaseEstimator):
        {attribute}
        def __init__(self, weights=None, gain=2.0, hook=None):
            self.weights = weights
            self.gain = gain
            self.hook = hook

        def fit(self, X, y=None):
            self.gain_ = np.asarray(float(self.gain))
            return self

        def transform(self, X):
            rows = np.asarray(X, np.float32).reshape(len(X), -1)
            if self.weights is not None:
                rows = rows * np.ravel(self.weights)[: rows.shape[1]]
            return {result}
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a module and import it anew."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    names = []

    def write(name, source=GAIN, *, load=True, **parts):
        parts = {"imports": "", "attribute": "", "result": "rows * self.gain"} | parts
        text = textwrap.dedent(source.format(**parts))
        file = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        importlib.invalidate_caches()
        names.append(name)
        if load:
            sys.modules.pop(name, None)
            return importlib.import_module(name)

    yield write
    for name in names:
        sys.modules.pop(name, None)


def another_module(write):
    yield write("gain_a").Gain()
    yield write("gain_b", result="rows - self.gain").Gain()


def edited_code(write):
    yield write("gain_a").Gain()
    yield write("gain_a", result="rows - self.gain").Gain()


def edited_attribute(write):
    parts = {"result": "rows * self.factor"}
    yield write("gain_a", attribute="factor = 2", **parts).Gain()
    yield write("gain_a", attribute="factor = 3", **parts).Gain()


def edited_base(write):
    child = "from gain_a import Gain\nclass Child(Gain):\n    pass\n"
    write("gain_a")
    yield write("child", child).Child()
    write("gain_a", result="rows - self.gain")
    yield write("child", child).Child()


def edited_helper(write):
    parts = {"imports": "import helper", "result": "helper.change(rows)"}
    write("helper", "def change(rows):\n    return rows * 2\n")
    yield write("gain_a", **parts).Gain()
    write("helper", "def change(rows):\n    return rows * 3\n")
    yield write("gain_a", **parts).Gain()


def edited_helper_imported_late(write):
    parts = {"result": "__import__('own.helper').helper.change(rows)"}
    parts["attribute"] = "def help(self): from own import helper"
    write("own.helper", "def change(rows):\n    return rows * 2\n")
    yield write("gain_a", **parts).Gain()
    write("own.helper", "def change(rows):\n    return rows * 3\n")
    yield write("gain_a", **parts).Gain()


def steps_in_another_order(write):
    steps = [("scale", StandardScaler()), ("pca", PCA(5, random_state=0))]
    yield Pipeline([("raw", RawPixels()), *steps])
    yield Pipeline([("raw", RawPixels()), *steps[::-1]])


def another_step_of_one_name(write):
    scale, gain = StandardScaler(), write("gain_a").Gain()
    yield Pipeline([("raw", RawPixels()), ("scale", scale)])
    yield Pipeline([("raw", RawPixels()), ("scale", gain)])


def a_large_array(write):
    kind = write("gain_a").Gain
    weights = np.ones(5000)
    yield kind(weights.copy())
    weights[50] = 7
    yield kind(weights)


def the_dtype_of_an_array(write):
    kind = write("gain_a", result="rows * self.weights.itemsize").Gain
    yield kind(np.ones(64, np.float32))
    yield kind(np.ones(64, np.float64))


def the_shape_of_an_array(write):
    kind = write("gain_a", result="rows * self.weights.ndim").Gain
    yield kind(np.ones((4096, 1)))
    yield kind(np.ones(4096))


def a_nested_list(write):
    kind = write("gain_a", result="rows * len(self.hook)").Gain
    yield kind(hook=[[1, 2], [3]])
    yield kind(hook=[[1, 2, 3]])


def text_for_a_number(write):
    kind = write("gain_a", result="rows * (1 + isinstance(self.gain, str))").Gain
    yield kind(gain=16)
    yield kind(gain="16")


def true_for_one(write):
    kind = write("gain_a", result="rows * (1 + isinstance(self.gain, bool))").Gain
    yield kind(gain=1)
    yield kind(gain=True)


def a_function(write):
    source = "def change(X):\n    return X.reshape(len(X), -1) {}\n".replace(
        "{}", "{result}"
    )
    yield FunctionTransformer(write("own_a", source, result="* 2.0").change)
    yield FunctionTransformer(write("own_a", source, result="* 3.0").change)


def a_nested_estimator_of_another_module(write):
    for name, result in (("gain_a", "rows"), ("gain_b", "rows * 2")):
        yield make_pipeline(RawPixels(), write(name, result=result).Gain())


def what_a_frozen_step_has_learned(write):
    for n in (40, 60):
        X = np.random.default_rng(n).normal(size=(n, 64))
        scale = StandardScaler().fit(X)
        yield make_pipeline(RawPixels(), FrozenEstimator(scale))


CHANGES = [
    another_module,
    edited_code,
    edited_attribute,
    edited_base,
    edited_helper,
    edited_helper_imported_late,
    steps_in_another_order,
    another_step_of_one_name,
    a_large_array,
    the_dtype_of_an_array,
    the_shape_of_an_array,
    a_nested_list,
    text_for_a_number,
    true_for_one,
    a_function,
    a_nested_estimator_of_another_module,
    what_a_frozen_step_has_learned,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_no_encoder_is_served_the_features_of_another(dataset, cache, write, change):
    arrays = []
    for encoder in change(write):
        first = encode(dataset, encoder, cache=cache)
        again = encode(dataset, encoder, cache=FeatureCache(cache.folder))
        fresh = clone(encoder).fit(dataset.train.X).transform(dataset.test.X)
        assert first.cached == {"encoder": False, "features": False}
        assert again.cached == {"encoder": True, "features": True}
        for encoded in (first, again):
            np.testing.assert_array_equal(encoded.test.X, np.asarray(fresh, np.float32))
        loaded = again.encoder.encoder.transform(dataset.test.X)
        np.testing.assert_array_equal(loaded, fresh)
        arrays.append(np.asarray(first.test.X))
    assert arrays[0].shape != arrays[1].shape or (arrays[0] != arrays[1]).any()


def test_a_value_that_is_refused_is_refused_with_the_cache_too(dataset, cache):
    params = {"max_epochs": 0, "n_patches": 500, "random_state": 0}
    cache.fit(PatchAutoencoder(16, **params), dataset.train)
    with pytest.raises(ParameterError, match="n_components='16'"):
        cache.fit(PatchAutoencoder("16", **params), dataset.train)


def test_without_a_seed_every_fit_is_made_anew_and_says_so(dataset, cache):
    encoder = PatchAutoencoder(8, max_epochs=0, n_patches=500)
    found = []
    for _ in range(2):
        with pytest.warns(FeatxWarning, match=r"random_state=None.*random_state=0"):
            found.append(encode(dataset, encoder, cache=cache))
    assert not any(one.encoder.cached for one in found)
    assert (found[0].test.X != found[1].test.X).any()
    assert "encoders" not in {entry.kind for entry in cache.store.entries()}
    with pytest.warns(FeatxWarning, match="pca__random_state"):
        cache.fit(make_pipeline(RawPixels(), PCA(3)), dataset.train)


def local_class():
    class Local(RawPixels):
        pass

    return Local()


def test_what_cannot_be_known_again_is_fitted_and_not_kept(
    dataset, cache, write, tmp_path
):
    module = write("gain_a")
    (tmp_path / "open").write_text("")
    with (tmp_path / "open").open() as stream:
        for encoder, words in (
            (local_class(), "Define it at the top of a module"),
            (module.Gain(hook=lambda x: x), "Define it at the top of a module"),
            (module.Gain(hook=stream), "cannot be copied"),
        ):
            for _ in range(2):
                with pytest.warns(FeatxWarning, match=words) as caught:
                    encoded = encode(dataset, encoder, cache=cache)
                assert len(caught) == 1
                assert encoded.cached["encoder"] is False
                assert len(encoded.test.X) == 30
    assert "encoders" not in {entry.kind for entry in cache.store.entries()}


def test_code_that_was_edited_after_its_import_is_not_kept(dataset, cache, write):
    old = write("gain_a").Gain()
    write("gain_a", load=False, result="rows - self.gain")
    with pytest.warns(FeatxWarning, match=r"gain_a\.py has changed.*Start Python"):
        encoded = encode(dataset, old, cache=cache)
    assert np.array_equal(encoded.test.X, old.fit(0).transform(dataset.test.X))
    assert not encode(dataset, write("gain_a").Gain(), cache=cache).encoder.cached


def test_state_that_is_not_read_back_is_not_kept(dataset, cache, write):
    source = GAIN.replace("self.gain_ =", "self.other_ = Other(); self.gain_ =")
    source += "\n\n    class Other:\n        pass\n"
    encoder = write("gain_a", source).Gain()
    with pytest.warns(FeatxWarning, match=r"holds gain_a\.Other.*Keep arrays"):
        first = encode(dataset, encoder, cache=cache)
    with pytest.warns(FeatxWarning, match=r"holds gain_a\.Other"):
        again = encode(dataset, encoder, cache=cache)
    assert again.cached == {"encoder": False, "features": True}
    assert np.array_equal(first.test.X, again.test.X)


SCRIPT = """
    import warnings
    import featx

    {body}

    warnings.simplefilter("error")
    data = featx.load_dataset("digits", limit=100)
    for _ in range(2):
        encoded = featx.encode(data, Gain())
        print(encoded.cached, encoded.encoder.encoder.transform(data.test.X[:9]).sum())
"""


@pytest.mark.parametrize(
    "where", ["script", pytest.param("module", marks=pytest.mark.slow)]
)
def test_an_encoder_of_a_script_or_a_module_is_kept_between_runs(
    tmp_path, write, where
):
    body = textwrap.dedent(GAIN).format(imports="", attribute="", result="rows")
    if where == "module":
        (tmp_path / "mine.py").write_text(body)
        body = "from mine import Gain"
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SCRIPT).replace("{body}", "{0}").format(body))
    run = [sys.executable, str(script)]
    first, second = (
        subprocess.run(run, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    )
    assert "'encoder': False" in first.splitlines()[0]
    assert "'encoder': True" in first.splitlines()[1]
    assert second.splitlines() == [first.splitlines()[1]] * 2


def test_bench_takes_a_class_that_cannot_be_kept(dataset, cache):
    with pytest.warns(FeatxWarning, match="not kept"):
        results = bench(dataset, {"own": local_class()}, ["knn"], cache=cache)
    assert results.best.encoder == "own"


def test_digests_know_content_but_not_whether_it_was_fitted(dataset):
    encoder = make_pipeline(RawPixels(), PCA(5, random_state=0))
    before = digest_params(encoder)
    encoder.fit(dataset.train.X)
    assert digest_params(encoder) == before
    assert digest_params(encoder.set_params(pca__random_state=1)) != before
    one, other = (digest_params(PCA(3, svd_solver={"a", "b", "c"})) for _ in range(2))
    assert one == other
    with pytest.raises(UnknownContentError, match="Got generator"):
        digest_params(FrozenEstimator(x for x in "a"))
