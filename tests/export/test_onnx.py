"""Exported models say what the models say, without featx and without torch."""

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from blocks import make_images
from PIL import Image
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn
from torchvision import models

import featx
from featx.autoencoders.registry import make_encoder
from featx.catalog import CLASSIFIERS, ENCODERS
from featx.classifiers import Calibration
from featx.encoders import pretrained
from featx.encoders.networks import WeightsTransform
from featx.errors import CacheError, DependencyError, ParameterError
from featx.export.encoders import encoder_module
from featx.export.resizing import Resizing
from featx.images.pixels import resize

CALIBRATION = Calibration(slope=0.8, bonus=0.3, floor=0.02)
NAMES = ("wasp", "Käfer", "bee, 'wild'")


def photos(n=90, shape=(12, 10, 3), n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.integers(0, 150, (n, *shape)) + 40 * y[:, None, None, None]
    return X.astype(np.uint8), y


def small(name, **settings):
    """An encoder that is quick to fit, and calculates in float32."""
    encoder = make_encoder(name, n_images=90, n_pixels=360)
    settings = {
        "n_components": 8,
        "n_filters": 8,
        "n_channels": 4,
        "max_epochs": 0 if name == "random-patches" else 1,
        "augment": "flip",
        "precision": "float32",
        "random_state": 0,
    } | settings
    known = encoder.get_params()
    return encoder.set_params(**{k: v for k, v in settings.items() if k in known})


def fitted(encoder, classifier, calibration=CALIBRATION, *, fit="stretch", **images):
    X, y = photos(**images)
    encoder = small(encoder) if isinstance(encoder, str) else encoder
    features = encoder.fit(X).transform(X)
    if isinstance(classifier, str):
        classifier = featx.make_classifier(
            classifier, n_features=features.shape[1], n_images=len(X), random_state=0
        )
    classifier.fit(features, y)
    return featx.Model.of(
        encoder, classifier, NAMES, image_fit=fit, calibration=calibration
    )


def said(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    names, scores = session.run(None, {given.name: images})
    return names, scores, [one.name for one in session.get_outputs()]


def assert_agrees(model, path, **images):
    featx.export_onnx(model, path)
    X, _ = photos(seed=1, **images)
    X[:9] = photos(9, **images)[0]  # some of the training images themselves
    names, scores, outputs = said(path, X)
    assert outputs == ["class", "probabilities"]
    expected = model.predict_proba(X)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    top = np.sort(expected, axis=1)
    clear = top[:, -1] - top[:, -2] > 1e-5  # others are ties
    assert clear.mean() > 0.9
    assert (names == model.predict(X))[clear].all()


SLOW = pytest.mark.slow  # what others show, too: torch takes seconds for each graph
QUICK_TO_EXPORT = {"raw", "pca", "compact"}  # of others there are odd sizes below


@pytest.mark.parametrize(
    "encoder",
    [
        pytest.param(name, marks=[SLOW] * (name not in QUICK_TO_EXPORT))
        for name in (*ENCODERS, "raw+patch")
    ],
)
def test_every_encoder_agrees(tmp_path, encoder):
    if "+" in encoder:
        parts = [(name, small(name)) for name in encoder.split("+")]
        encoder = FeatureUnion(parts, transformer_weights={"raw": 0.3, "patch": 2.0})
    elif encoder == "predictive":  # of five views; ten would take long
        encoder = small(encoder, augment=None)
    assert_agrees(fitted(encoder, "svm"), tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("classifier", "n_classes"),
    [(name, 3) for name in CLASSIFIERS]
    + [(name, 2) for name in ("logreg", "svm")]
    + [pytest.param(name, 2, marks=SLOW) for name in ("ridge", "mlp", "knn")],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_classifier_agrees(tmp_path, classifier, n_classes):
    model = fitted("raw", classifier, n_classes=n_classes)
    assert_agrees(model, tmp_path / "m.onnx", n_classes=n_classes)


@pytest.mark.parametrize("shape", [(31, 18, 1), (5, 1, 3)])
@pytest.mark.parametrize("encoder", ["patch", "conv", "predictive"])
def test_images_of_every_shape(shape, encoder):
    X, _ = photos(shape=shape)
    fitted_ = small(encoder).fit(X)
    module = encoder_module(fitted_).eval()
    with torch.no_grad():
        found = module(torch.from_numpy(X[:20]).float()).numpy()
    expected = fitted_.transform(X[:20])
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("encoder", "shape"),
    [
        ("patch", (27, 31, 3)),  # a second scale, of odd sides
        pytest.param("patch", (51, 60, 1), marks=SLOW),  # reduced first
        pytest.param("patch", (1, 20, 1), marks=SLOW),
        pytest.param("conv", (27, 31, 3), marks=SLOW),
        ("conv", (20, 3, 3)),  # maps one pixel wide
        # squares of pixels that reach beyond the border
        pytest.param("predictive", (27, 31, 3), marks=SLOW),
    ],
)
def test_odd_sizes_agree(tmp_path, encoder, shape):
    model = fitted(small(encoder, augment=None), "linear-svm", shape=shape)
    assert_agrees(model, tmp_path / "m.onnx", shape=shape)


def test_wide_features_are_reduced_as_in_the_model(tmp_path):
    X, y = photos(60, (20, 20, 3))
    raw = featx.RawPixels().fit(X)
    svm = featx.make_classifier("svm", n_features=1200, n_images=60)
    assert "pca" in svm.named_steps
    svm.fit(raw.transform(X), y)
    model = featx.Model.of(raw, svm, NAMES, calibration=CALIBRATION)
    assert_agrees(model, tmp_path / "m.onnx", shape=(20, 20, 3))


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize(
    "size", [(8, 8), (31, 77), (77, 31), (5, 6), (64, 64), (1, 9), (200, 300), (300, 7)]
)
@pytest.mark.parametrize("depth", [1, 3])
def test_images_are_resized_as_pillow_does(size, fit, depth):
    rng = np.random.default_rng(0)
    # noise from black to white is cut at both ends between the two directions
    image = rng.integers(70, 180, (*size, depth)).astype(np.uint8)
    image[: size[0] // 2] -= 30
    expected = resize(Image.fromarray(image.squeeze(2) if depth == 1 else image),
                      (12, 10), fit)  # fmt: skip
    module = Resizing((12, 10), fit)
    found = module(torch.from_numpy(np.stack([image, image])))[1].numpy()
    off = np.abs(found - expected.astype(float))
    assert off.max() <= 1 and (off > 0).mean() < 0.4


def test_photographs_of_any_size_get_the_class_of_the_model(tmp_path):
    model = fitted("patch", "linear-svm", fit="pad")
    featx.export_onnx(model, tmp_path / "m.onnx")
    for number, size in enumerate([(48, 90), (11, 10), (60, 11)]):
        X, _ = photos(6, (*size, 3), seed=number)
        small_ = np.stack([resize(Image.fromarray(x), (12, 10), "pad") for x in X])
        names, scores, _ = said(tmp_path / "m.onnx", X)
        expected = model.predict_proba(small_)
        np.testing.assert_allclose(scores, expected, atol=0.02)
        top = np.sort(expected, axis=1)
        clear = top[:, -1] - top[:, -2] > 0.04
        assert (names == model.predict(small_))[clear].all()
    for size in ((1, 1), (1, 40)):
        names, scores, _ = said(tmp_path / "m.onnx", photos(1, (*size, 3))[0])
        assert names[0] in NAMES and scores.sum() == pytest.approx(1, abs=1e-5)


def test_what_the_file_says_of_itself(tmp_path):
    path = tmp_path / "m.onnx"
    n_bytes = featx.export_onnx(fitted("raw", "ridge"), path)
    assert n_bytes == path.stat().st_size
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    told = {one.key: one.value for one in proto.metadata_props}
    assert json.loads(told["class_names"]) == list(NAMES)
    assert json.loads(told["image_shape"]) == [12, 10, 3]
    assert proto.producer_name == "featx"
    assert {one.version for one in proto.opset_import if not one.domain} == {20}
    assert proto.ir_version == 9
    content = path.read_bytes()  # says nothing of where it was made
    for place in (Path(featx.__file__).parent, Path(torch.__file__).parent):
        assert str(place).encode() not in content
    assert b"site-packages" not in content and b".py" not in content


def test_classes_that_were_not_seen_have_no_column(tmp_path):
    X, y = photos()
    raw = featx.RawPixels().fit(X)
    seen = y != 1
    svm = featx.make_classifier("svm", n_features=360, n_images=60)
    svm.fit(raw.transform(X[seen]), y[seen])
    featx.export_onnx(featx.Model.of(raw, svm, NAMES), tmp_path / "m.onnx")
    names, scores, outputs = said(tmp_path / "m.onnx", X)
    assert outputs == ["class", "scores"] and scores.shape == (90, 2)
    assert set(names) == {NAMES[0], NAMES[2]}


def test_probabilities_of_a_classifier_without_calibration(tmp_path):
    model = fitted("raw", "knn", calibration=None)
    assert_agrees(model, tmp_path / "m.onnx")


def test_a_classifier_of_scikit_learn_agrees(tmp_path):
    own = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    assert_agrees(fitted("raw", own), tmp_path / "m.onnx")


class Inverted(featx.RawPixels):
    """Encodes otherwise than its base."""

    def transform(self, X):
        return 1 - super().transform(X)


def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())


MIDDLE = WeightsTransform(11, 9, (0.5, 0.4, 0.3), (0.2, 0.3, 0.2), "bicubic")


@pytest.mark.parametrize("shape", [(12, 10, 3), (7, 30, 3), (12, 10, 1)])
@pytest.mark.parametrize(
    "options",
    [
        {"pool": 2},
        {"size": (9, 14), "preprocess": "imagenet"},
        {"preprocess": MIDDLE},
        {"preprocess": replace(MIDDLE, crop_size=15, interpolation="bilinear")},
        {"preprocess": MIDDLE, "size": 8, "layers": ["0", "1"]},
    ],
)
def test_torch_modules_agree(shape, options):
    torch.manual_seed(0)
    encoder = featx.TorchEncoder(net(), **options)
    X, _ = photos(shape=shape)
    expected = encoder.fit(X).transform(X)
    with torch.no_grad():
        found = encoder_module(encoder)(torch.from_numpy(X).float()).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_a_torch_module_in_a_graph(tmp_path):
    torch.manual_seed(0)
    encoder = featx.TorchEncoder(net(), preprocess=MIDDLE, pool=3)
    assert_agrees(fitted(encoder, "linear-svm"), tmp_path / "m.onnx")


@SLOW
@pytest.mark.parametrize("name", ["resnet18", "swin_t", "efficientnet_b0@features.3"])
def test_a_pretrained_network_in_a_graph(tmp_path, name):
    torch.manual_seed(0)
    network = models.get_model(name.partition("@")[0], weights=None)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    encoder = pretrained(f"torchvision:{name}", weights=tmp_path / "weights.pth")
    encoder.set_params(precision="float32")
    assert_agrees(fitted(encoder, "linear-svm"), tmp_path / "m.onnx")


class Branching(nn.Module):
    """Computes something else where an image is bright."""

    def forward(self, x):
        return x.flatten(1) if x.max() > 0.5 else -x.flatten(1)


def test_what_torch_cannot_write_down_is_said(tmp_path):
    model = fitted(featx.TorchEncoder(Branching()), "ridge")
    with pytest.raises(ParameterError, match="torch cannot write as a graph"):
        featx.export_onnx(model, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options", [{"with_mean": False}, pytest.param({"with_std": False}, marks=SLOW)]
)
def test_a_scaler_that_scales_half(tmp_path, options):
    own = make_pipeline(StandardScaler(**options), RidgeClassifier())
    assert_agrees(fitted("raw", own), tmp_path / "m.onnx")


def twice(images):
    return 2 * images


@pytest.mark.parametrize(
    ("encoder", "classifier", "words"),
    [
        ("raw", GaussianNB(), "GaussianNB in a classifier"),
        ("raw", SVC(kernel="linear"), "kernel='linear'"),
        ("raw", SVC(), "break_ties=False"),
        (
            "raw",
            make_pipeline(
                Nystroem(kernel="laplacian", n_components=9), RidgeClassifier()
            ),
            "laplac",
        ),
        ("raw", MLPClassifier(activation="tanh", max_iter=9), "activation='tanh'"),
        (
            featx.TorchEncoder(net, preprocess=twice),
            "ridge",
            "TorchEncoder with prepro",
        ),
        (Inverted(), "ridge", "Inverted in an encoder"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_is_not_exported_is_named_before_anything_is_written(
    tmp_path, encoder, classifier, words
):
    model = fitted(encoder, classifier)
    with pytest.raises(ParameterError, match=re.escape(words)):
        featx.export_onnx(model, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_a_model_of_other_pixels_is_refused(tmp_path, dtype):
    X, y = photos()
    X = X.astype(dtype) * (257 if dtype == np.uint16 else 1 / 255)
    X = X.astype(dtype)
    raw = featx.RawPixels().fit(X)
    ridge = featx.make_classifier("ridge", n_features=360, n_images=90)
    model = featx.Model.of(raw, ridge.fit(raw.transform(X), y), NAMES)
    with pytest.raises(ParameterError, match="fitted on uint8"):
        featx.export_onnx(model, tmp_path / "m.onnx")


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(DependencyError, match=r"onnxscript.*featx\[onnx\]"):
        featx.export_onnx(fitted("raw", "ridge"), tmp_path / "m.onnx")


def test_a_model_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("featx.export.onnx_file._MOST_BYTES", 1000)
    with pytest.raises(ParameterError, match="2 GiB"):
        featx.export_onnx(fitted("raw", "ridge"), tmp_path / "m.onnx")


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(CacheError):
        featx.export_onnx(fitted("raw", "ridge"), tmp_path / "none" / "m.onnx")


def test_the_example_needs_onnxruntime_and_pillow_alone(tmp_path):
    """The lines in the docs, run where neither featx nor torch can be imported."""
    page = Path(featx.__file__).parents[1] / "docs" / "deployment.md"
    if not page.exists():
        pytest.skip("installed without its documentation")
    (code,) = re.findall(r"```python\n(.*?onnxruntime.*?)```", page.read_text(), re.S)
    assert len(code.strip().splitlines()) <= 15
    model = fitted("patch", "svm")
    featx.export_onnx(model, tmp_path / "model.onnx")
    X, _ = photos(1, seed=3)
    Image.fromarray(X[0]).save(tmp_path / "photo.png")
    alone = (
        "import sys\nsys.modules.update(dict.fromkeys(['torch', 'featx', 'sklearn']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{alone}\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    name, probability = done.stdout.strip().rsplit(" ", 1)
    assert name == model.predict(X)[0]
    expected = model.predict_proba(X).max()
    assert float(probability) == pytest.approx(expected, abs=1e-3)


def test_the_command(run, folder, model, tmp_path):
    code, out, err = run("export", model, "m.onnx")
    assert (code, out) == (0, "") and "ONNX: m.onnx" in err and "opset 20" in err
    pixels = [np.asarray(Image.open(p)) for p in sorted(folder.glob("test/*/*.png"))]
    images = np.stack([one.reshape(*one.shape[:2], -1) for one in pixels])
    names, _, _ = said("m.onnx", images)
    out = run("predict", model, *sorted(map(str, folder.glob("test/*/*.png"))))[1]
    expected = [line.split(",")[1] for line in io.StringIO(out).readlines()[1:]]
    assert names.tolist() == expected
    code, _, err = run("export", model, "none/m.onnx")
    assert code == 1 and "none" in err and err.count("\n") == 1


def test_batches_of_one_and_many(tmp_path):
    model = fitted("patch", "ridge")
    featx.export_onnx(model, tmp_path / "m.onnx")
    X, _ = photos(33, seed=5)
    whole = said(tmp_path / "m.onnx", X)[1]
    alone = np.concatenate([said(tmp_path / "m.onnx", x[None])[1] for x in X[:5]])
    np.testing.assert_allclose(alone, whole[:5], atol=1e-6)


@SLOW
def test_calibrations_stay(tmp_path):
    images = make_images(60)
    raw = featx.RawPixels().fit(images.X)
    svm = featx.make_classifier("svm", n_features=64, n_images=60)
    model = featx.Model.of(
        raw, svm.fit(raw.transform(images.X), images.y), images.class_names
    )
    found = []
    for calibration in (CALIBRATION, replace(CALIBRATION, slope=3.0)):
        calibrated = replace(model, calibration=calibration)
        featx.export_onnx(calibrated, tmp_path / "m.onnx")
        found.append(said(tmp_path / "m.onnx", images.X)[1])
        np.testing.assert_allclose(
            found[-1], calibrated.predict_proba(images.X), atol=1e-5
        )
    assert not np.allclose(*found)
