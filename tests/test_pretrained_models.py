"""Models with a network that others trained: in one file, whole without its weights."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
import skops.io
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.pipeline import FeatureUnion
from test_bundle import NAMES, remade, with_model, write
from torch import nn
from torchvision import models

import featx
from featx.bundle import check_can_be_saved
from featx.encoders import pretrained
from featx.encoders.networks import PretrainedModel
from featx.errors import BundleError

ROWS = np.random.default_rng(0).integers(0, 256, (30, 20, 24, 3), np.uint8)
LABELS = np.arange(30) % 3


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "squeezenet1_1.pth"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(models.squeezenet1_1(weights=None).state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch, tmp_path):
    """No weights in any cache, and none to be fetched."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("FEATX_WEIGHTS", raising=False)


def fitted(weights, *, size=None, union=False):
    name = "torchvision:squeezenet1_1@features.3"
    encoder = pretrained(name, weights=weights).set_params(size=size)
    if union:
        encoder = FeatureUnion([("raw", featx.RawPixels()), ("net", encoder)])
    features = encoder.fit(ROWS).transform(ROWS)
    svm = featx.make_classifier("svm", n_features=features.shape[1], n_images=30)
    return featx.Model.of(encoder, svm.fit(features, LABELS), NAMES)


@pytest.fixture(scope="module")
def whole(weights, tmp_path_factory):
    """Members of a whole model file, by name."""
    path = tmp_path_factory.mktemp("whole") / "m.featx"
    featx.save(fitted(weights), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("union", [False, True])
@pytest.mark.parametrize("size", [None, 32])
def test_it_says_the_same_without_its_weights(weights, tmp_path, size, union):
    own = tmp_path / "own.pth"
    own.write_bytes(weights.read_bytes())
    model = fitted(own, size=size, union=union)
    featx.save(model, tmp_path / "m.featx")
    own.unlink()
    again = featx.load(tmp_path / "m.featx")
    for one, other in zip(again.look(ROWS), model.look(ROWS), strict=True):
        assert one is other is None or np.array_equal(one, other)
    assert os.fsencode(tmp_path) not in (tmp_path / "m.featx").read_bytes()


def test_what_was_read_can_be_saved_again(whole, tmp_path):
    write(tmp_path / "m.featx", whole)
    model = featx.load(tmp_path / "m.featx")
    featx.save(model, tmp_path / "again.featx")
    again = featx.load(tmp_path / "again.featx")
    assert np.array_equal(again.predict(ROWS), model.predict(ROWS))


def replaced(part, old, new):
    """Put another value into a description, wherever the old one stands."""
    if isinstance(part, dict):
        return {key: replaced(value, old, new) for key, value in part.items()}
    if isinstance(part, list):
        return [replaced(value, old, new) for value in part]
    return new if part == old else part


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"squeezenet1_1"', '"squeezenet1_0"'),
        ('"squeezenet1_1"', '"vit_h_14"'),
        ('"squeezenet1_1"', '"no_such_network"'),
        ('"torchvision"', '"timm"'),
        ('"torchvision"', '"os"'),
        ("PretrainedModel", "WeightsTransform"),
        ('"features.3"', '"no_such_layer"'),
        ('"bilinear"', '"no_such_way"'),
        ("224", "1000000"),  # of pixels
        ("256", "0"),
        ("256", '"x"'),
    ],
)
def test_what_fits_no_network_is_refused(whole, tmp_path, old, new):
    def change(members):
        schema = json.loads(members["schema.json"])
        other = replaced(schema, old, new)
        assert other != schema
        return members | {"schema.json": json.dumps(other).encode()}

    model = remade(whole["model.skops"], change)
    write(tmp_path / "m.featx", with_model(whole, model))
    with pytest.raises(BundleError, match="Nothing in it was run"):
        featx.load(tmp_path / "m.featx")


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("preprocess", pretrained("torchvision:squeezenet1_1@features.3").module),
        ("layers", ["features.3"] * 1000),
        ("pool", 1000),
        ("batch_size", -1),
        ("_encoded", PretrainedModel("torchvision", "squeezenet1_1", "weights.pth")),
        ("get_params", PretrainedModel("torchvision", "squeezenet1_1", "weights.pth")),
    ],
)
def test_an_encoder_that_is_not_what_it_seems_is_refused(
    weights, whole, tmp_path, monkeypatch, attribute, value
):
    changed = fitted(weights).pipeline
    vars(changed[0])[attribute] = value

    def run(*things):
        raise AssertionError(things)

    for name in ("load_weights", "find_weights"):
        monkeypatch.setattr(f"featx.encoders.networks.{name}", run)
    content = skops.io.dumps(changed)
    write(tmp_path / "m.featx", with_model(whole, content))
    with pytest.raises(BundleError, match="Nothing in it was run"):
        featx.load(tmp_path / "m.featx")


def test_every_array_of_another_shape_is_refused(whole, tmp_path):
    with zipfile.ZipFile(io.BytesIO(whole["model.skops"])) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        arrays = [np.load(io.BytesIO(archive.read(name))) for name in names]
    networks = [pair for pair in zip(names, arrays, strict=True) if pair[1].ndim == 4]
    assert len(networks) > 5
    for name, array in networks[:3]:
        stream = io.BytesIO()
        np.save(stream, array[:-1])
        model = remade(
            whole["model.skops"], lambda m, n=name, s=stream: m | {n: s.getvalue()}
        )
        write(tmp_path / "m.featx", with_model(whole, model))
        with pytest.raises(BundleError, match="size mismatch"):
            featx.load(tmp_path / "m.featx")


def test_own_modules_are_refused_before_they_are_fitted():
    for module in (nn.Flatten(), "torch.nn:Flatten"):
        with pytest.raises(BundleError, match="Nothing was saved"):
            check_can_be_saved(featx.TorchEncoder(module), None, "mine")
    check_can_be_saved(pretrained("torchvision:resnet18"), None, "a network by name")


def test_from_the_command_line(run, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("FEATX_WEIGHTS", str(weights.parent))
    model = tmp_path / "m.featx"
    words = ["--limit", 90, "--clf", "knn", "--set", "size=32", "--save", model]
    name = "torchvision:squeezenet1_1@features.3"
    code, _, err = run("fit", "digits", "--encoder", name, *words)
    assert code == 0, err
    monkeypatch.delenv("FEATX_WEIGHTS")
    image = tmp_path / "zero.png"
    Image.fromarray(load_digits().images[0].astype("uint8") * 15).save(image)
    code, out, err = run("predict", model, image)
    assert (code, err) == (0, "")
    assert out.splitlines()[1].startswith(f"{image},0,")
