"""Networks of others: their weights from files, never random ones."""

import json
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.pipeline import FeatureUnion
from torchvision import models

from benchmarks.pretrained import lite0
from featx import RawPixels, bench, learning_curve
from featx.catalog import DEFAULT_ENCODERS
from featx.encoders import make_encoders, pretrained
from featx.encoders.networks import (
    PretrainedModel,
    find_weights,
    weights_at_hand,
    without_head,
)
from featx.encoders.registry import default_encoders
from featx.errors import DataError, MissingDataError, ParameterError
from featx.reports import (
    curve_caption,
    html_page,
    load_run,
    markdown_table,
    save_curve,
    to_json,
)

X = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), np.uint8)


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return models.resnet18(weights=None).eval()


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No weights in any cache, and none to be fetched."""

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("FEATX_WEIGHTS", raising=False)


@pytest.fixture
def file(network, tmp_path):
    path = tmp_path / "weights" / "resnet18.pth"
    path.parent.mkdir()
    torch.save(network.state_dict(), path)
    return path


def expected(network, layer):
    """Features by a plain loop with the weights' own preprocessing."""
    preprocess = models.ResNet18_Weights.DEFAULT.transforms()
    outputs = []
    hook = network.get_submodule(layer).register_forward_hook(
        lambda _, __, output: outputs.append(output)
    )
    with torch.inference_mode():
        network(preprocess(torch.from_numpy(X).permute(0, 3, 1, 2)))
    hook.remove()
    return outputs[0].mean((2, 3)).numpy()


@pytest.mark.parametrize("layer", ["", "@layer3"])
def test_features_are_those_of_a_plain_loop(network, file, layer):
    encoder = pretrained(f"torchvision:resnet18{layer}", weights=file)
    encoder.set_params(precision="float32")
    features = encoder.fit_transform(X)
    wanted = expected(network, layer.removeprefix("@") or "avgpool")
    np.testing.assert_allclose(features, wanted, atol=1e-5)


def test_weights_are_found_in_a_folder_or_in_the_cache_of_torch(
    file, monkeypatch, tmp_path
):
    encoder = pretrained("torchvision:resnet18")
    assert not weights_at_hand("torchvision:resnet18")
    monkeypatch.setenv("FEATX_WEIGHTS", str(file.parent))
    assert weights_at_hand("torchvision:resnet18")
    assert find_weights(encoder.module) == str(file)
    monkeypatch.delenv("FEATX_WEIGHTS")
    name = models.ResNet18_Weights.DEFAULT.url.rpartition("/")[2]
    there = tmp_path / "torch" / "hub" / "checkpoints" / name
    there.parent.mkdir(parents=True)
    file.rename(there)
    assert weights_at_hand("torchvision:resnet18")
    assert find_weights(encoder.module) == str(there)
    assert encoder.fit(X).transform(X).shape == (3, 512)


def test_without_weights_nothing_random_is_used():
    with pytest.raises(MissingDataError, match=r"no network.*--weights.*FEATX_WEIGHTS"):
        pretrained("torchvision:resnet18").fit(X)


def test_weights_of_another_network(file):
    with pytest.raises(DataError, match="expected those of torchvision:resnet34"):
        pretrained("torchvision:resnet34", weights=file).fit(X)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torchvision:resnet19", "Did you mean resnet1"),
        ("torchvision:", "torchvision:NAME"),
        ("somewhere:resnet18", "torchvision:NAME"),
    ],
)
def test_unknown_networks(name, words):
    with pytest.raises(ParameterError, match=words):
        pretrained(name)


def test_the_name_on_the_command_line(file, monkeypatch):
    monkeypatch.setenv("FEATX_WEIGHTS", str(file.parent))
    (encoder,) = make_encoders(
        ["torchvision:resnet18@layer1"],
        n_images=9,
        n_pixels=64,
        options={"batch_size": 2, "random_state": 0},
    ).values()
    assert encoder.batch_size == 2
    assert encoder.fit(X).transform(X).shape == (3, 64)


def test_a_network_without_a_linear_layer_needs_a_layer():
    with pytest.raises(ParameterError, match="squeezenet1_1@features"):
        without_head(models.squeezenet1_1(weights=None))


def test_it_is_marked_as_outside_data_in_table_page_and_json(file, dataset, cache):
    encoder = pretrained("torchvision:resnet18", weights=file).set_params(size=32)
    encoders = {
        "raw": RawPixels(),
        "resnet": encoder,
        "raw+resnet": FeatureUnion([("raw", RawPixels()), ("resnet", encoder)]),
    }
    results = bench(dataset, encoders, ["ridge"], cache=cache)
    assert results.outside_data == ("resnet", "raw+resnet")
    text = markdown_table(results)
    assert text.count("outside data") == 3  # two rows, and the legend
    assert json.loads(to_json(results))["protocol"]["outside_data"] == [
        *results.outside_data
    ]
    results.save(cache.folder / "run", dataset)
    page = html_page(load_run(cache.folder / "run"))
    assert page.count('title="outside data') == 2
    assert results.controls == ("raw",)


def test_where_its_weights_are_it_is_compared_with_nothing_else_said(file, monkeypatch):
    names, line = default_encoders()
    assert names == [*DEFAULT_ENCODERS] and "FEATX_WEIGHTS" in line
    monkeypatch.setenv("FEATX_WEIGHTS", str(file.parent))
    assert default_encoders() == ([*DEFAULT_ENCODERS, "torchvision:resnet18"], "")


@pytest.mark.parametrize(
    ("picture", "classes"),
    [
        ("chelsea.png", {281, 282, 285}),  # kinds of cats
        ("coffee.png", {967, 968}),  # espresso, cup
        ("rocket.jpg", {657, 744}),  # missile, projectile
    ],
)
def test_a_network_trained_on_imagenet_knows_photographs(picture, classes):
    from skimage import data

    image = np.asarray(Image.open(Path(data.__file__).with_name(picture)))
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    square = image[top : top + side, left : left + side]
    network = lite0().set_params(layers=["_fc"], precision="float32")
    scores = network.fit_transform(square[None])[0]
    assert scores.argmax() in classes


def test_weights_named_on_the_command_line(file, run):
    words = ("bench", "digits", "--limit", "60", "--clf", "ridge")
    net = "torchvision:resnet18@layer1"
    named = (*words, "--encoders", f"raw,{net}", "--set", f"{net}.size=32")
    code, out, _ = run(*named, "--weights", str(file))
    assert code == 0 and "outside data" in out
    code, _, err = run(*named, "--cache-dir", "other")
    assert code == 1 and "FEATX_WEIGHTS" in err


def test_a_learning_curve_marks_it_too(file, dataset, cache):
    encoder = pretrained("torchvision:resnet18", weights=file).set_params(size=32)
    encoders = {"raw": RawPixels(), "resnet": encoder}
    curve = learning_curve(dataset, encoders, ["ridge"], labels=[5], cache=cache)
    assert curve.outside_data == ("resnet",)
    assert "outside data" in curve_caption(curve)
    save_curve(curve, cache.folder / "curve")
    page = (cache.folder / "curve" / "curve.html").read_text()
    assert page.count("outside data: the encoder was made elsewhere") == 1


@pytest.mark.parametrize("name", ["googlenet", "inception_v3", "vit_h_14"])
def test_networks_are_made_as_their_weights_want_them(name, monkeypatch):
    seen = {}

    def get_model(name, **options):
        seen.update(options, name=name)
        return torch.nn.Linear(1, 1)

    monkeypatch.setattr(models, "get_model", get_model)
    with pytest.raises(MissingDataError):
        PretrainedModel("torchvision", name).made()
    wanted = {"googlenet": True, "inception_v3": True}.get(name)
    assert seen["name"] == name and seen.get("transform_input") == wanted
    assert seen.get("image_size") == (518 if name == "vit_h_14" else None)


def test_names_of_networks_of_torchvision_can_all_be_made(monkeypatch):
    for name in ("mobilenet_v3_small", "shufflenet_v2_x0_5", "googlenet"):
        monkeypatch.setattr("featx.encoders.networks.load_weights", lambda *what: None)
        module = PretrainedModel("torchvision", name, place="here").made().eval()
        with torch.inference_mode():
            assert module(torch.zeros(2, 3, 64, 64)).shape[1] > 400


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "mnasnet0_5", "regnet_y_400mf"])
def test_a_network_is_made_again_of_its_arrays(name):
    known = PretrainedModel("torchvision", name)
    with torch.random.fork_rng():
        first = known._without_last_layer(known._architecture()).eval()
    state = {key: value.numpy() for key, value in first.state_dict().items()}
    again = known.rebuilt(state)
    x = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(again(x), first(x))
    assert not any(one.requires_grad for one in again.parameters())
    with pytest.raises(RuntimeError, match="Missing key"):
        known.rebuilt(dict(list(state.items())[1:]))


def test_images_that_would_become_huge():
    encoder = pretrained("torchvision:resnet18")
    long = np.zeros((2, 1, 2000, 3), np.uint8)
    with pytest.raises(ParameterError, match=r"1 x 2000 pixels.* Set size"):
        encoder.preprocess(torch.from_numpy(long).permute(0, 3, 1, 2).float())


def test_a_network_of_timm(tmp_path):
    timm = pytest.importorskip("timm")
    save_file = pytest.importorskip("safetensors.torch").save_file
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm.create_model("resnet10t", pretrained=False).eval()
    path = tmp_path / "weights.safetensors"
    save_file(network.state_dict(), path)
    encoder = pretrained("timm:resnet10t", weights=path)
    assert encoder.preprocess.crop_size == 176
    encoder.set_params(size=64, precision="float32")
    found = encoder.fit_transform(X)
    network.reset_classifier(0)
    with torch.inference_mode():
        expected = network(encoder._prepared(X)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ParameterError, match="Did you mean"):
        pretrained("timm:resnet10x")
