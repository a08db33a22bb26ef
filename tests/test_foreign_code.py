"""A model file that names code of others is refused, and nothing of it runs."""

import functools
import json
import operator
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from test_bundle import fitted, remade, with_model, write
from torch import nn

import featx
from featx.bundle import check_can_be_saved
from featx.errors import BundleError

RAN = []


class Strange(TransformerMixin, BaseEstimator):
    """Says that it ran."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        RAN.append(self)
        return np.asarray(X, float).reshape(len(X), -1)

    def __setstate__(self, state):
        RAN.append(state)


class StrangeClassifier(LogisticRegression):
    """Says that it ran."""

    def __setstate__(self, state):
        RAN.append(state)


def strange(X):
    RAN.append(X)
    return X


CALLED = {
    "a function": strange,
    "a function of the system": os.system,
    "a class": subprocess.Popen,
    "a partial": functools.partial(os.system, "touch ran"),
    "a method": Path("ran").touch,
    "a getter": operator.methodcaller("touch"),
    "a method of an own object": Strange().transform,
}
PARTS = {
    "an own transformer": (Strange(), LogisticRegression()),
    "an own classifier": (featx.RawPixels(), StrangeClassifier()),
    "a module": (featx.TorchEncoder(nn.Flatten()), LogisticRegression()),
    **{
        kind: (FunctionTransformer(function), LogisticRegression())
        for kind, function in CALLED.items()
    },
}


@pytest.fixture(autouse=True)
def nothing_ran(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    RAN.clear()
    yield
    assert not RAN and not Path("ran").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Members of a whole model file, by name."""
    path = tmp_path_factory.mktemp("whole") / "m.featx"
    featx.save(fitted(), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("kind", PARTS)
def test_a_model_of_others_is_refused_in_a_file(kind, whole, tmp_path):
    encoder, classifier = PARTS[kind]
    pipeline = Pipeline([("encoder", encoder), ("last", classifier)])
    content = skops.io.dumps(pipeline)
    path = write(tmp_path / "m.featx", with_model(whole, content))
    with pytest.raises(BundleError, match=re.escape(str(path))):
        featx.load(path)


@pytest.mark.parametrize("kind", PARTS)
def test_it_is_refused_when_it_is_saved(kind):
    with pytest.raises(BundleError, match=r"Got mine, which .* Nothing was saved"):
        check_can_be_saved(*PARTS[kind], "mine")


@pytest.mark.parametrize("loader", ["Object", "Type", "Function"])
@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "builtins.exec",
        "subprocess.Popen",
        "importlib.import_module",
        "pickle.loads",
        "runpy.run_path",
        "ctypes.CDLL",
        "test_foreign_code.strange",
        "no_such_module.Thing",
    ],
)
def test_a_name_put_into_a_file_is_refused(name, loader, whole, tmp_path):
    module, _, thing = name.rpartition(".")

    def change(members):
        schema = json.loads(members["schema.json"])
        nodes = list(_nodes(schema, "RawPixels"))
        assert nodes
        for node in nodes:
            node |= {"__module__": module, "__class__": thing}
            node["__loader__"] = f"{loader}Node"
        return members | {"schema.json": json.dumps(schema).encode()}

    model = remade(whole["model.skops"], change)
    path = write(tmp_path / "m.featx", with_model(whole, model))
    before = set(sys.modules)
    with pytest.raises(BundleError, match=re.escape(str(path))):
        featx.load(path)
    assert module.partition(".")[0] in before or module not in sys.modules


def _nodes(schema, name):
    """Find the nodes of a description that stand for a class."""
    if isinstance(schema, dict):
        if schema.get("__class__") == name:
            yield schema
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        yield from _nodes(part, name)


def test_the_command_line_refuses_it_before_anything_is_fitted(run, tmp_path):
    own = tmp_path / "own.py"
    own.write_text("from torch import nn\n\ndef make():\n    return nn.Flatten()\n")
    words = ("--encoder", f"{own}:make", "--clf", "ridge", "--save", "m.featx")
    code, _, err = run("fit", "digits", *words)
    assert code == 1, err
    assert f"Got {own}:make + ridge" in err and "images" not in err
    assert not Path("m.featx").exists()
