"""Names that other packages add."""

import json
from importlib.metadata import EntryPoint

import pytest
from sklearn.naive_bayes import GaussianNB

from featx import RawPixels, make_encoders
from featx import plugins as module
from featx.catalog import CLASSIFIERS, ENCODERS
from featx.classifiers import resolve_classifiers
from featx.errors import DependencyError, ParameterError


@pytest.fixture(autouse=True)
def added(monkeypatch):
    """Two encoders, one of which is broken, and a classifier."""
    points = {
        "featx.encoders": [
            EntryPoint("mine", "featx:RawPixels", "featx.encoders"),
            EntryPoint("raw", "no.such:Thing", "featx.encoders"),
            EntryPoint("broken", "no.such.module:Thing", "featx.encoders"),
        ],
        "featx.classifiers": [
            EntryPoint("bayes", "sklearn.naive_bayes:GaussianNB", "featx.classifiers")
        ],
    }
    module.plugins.cache_clear()
    monkeypatch.setattr(module, "entry_points", lambda group: points[group])
    yield
    module.plugins.cache_clear()


def make(name):
    return make_encoders([name], n_images=9, n_pixels=64)[name]


def test_encoders_and_classifiers_of_other_packages():
    assert isinstance(make("mine"), RawPixels)
    assert isinstance(make("raw"), RawPixels)  # the names of featx stay
    assert isinstance(resolve_classifiers(["bayes"])["bayes"], GaussianNB)
    assert dict(make("mine+raw").transformer_list).keys() == {"mine", "raw"}


def test_what_cannot_be_imported_is_told():
    with pytest.raises(
        DependencyError, match=r"no\.such\.module:Thing.*ModuleNotFound"
    ):
        make("broken")
    with pytest.raises(ParameterError, match="Did you mean 'mine'"):
        make("mina")


def test_all_are_listed(run):
    code, out, _ = run("encoders")
    assert code == 0 and "of another package, featx:RawPixels" in out
    for name in (*ENCODERS, "mine", "torchvision:NAME", "a+b"):
        assert any(line.split("  ")[0].strip() == name for line in out.splitlines())
    code, out, _ = run("classifiers", "--json")
    assert code == 0
    told = [name for name in json.loads(out) if name != "featx"]
    assert told[: len(CLASSIFIERS) + 1] == [*CLASSIFIERS, "bayes"]
