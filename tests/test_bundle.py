"""Models on disk: they come back as they were, and strangers' files run nothing."""

import io
import json
import pickle
import re
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import skops.io
from PIL import Image
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

import featx
from featx.autoencoders.registry import make_encoder
from featx.bundle import _try_out, digest
from featx.classifiers import (
    CLASSIFIERS,
    Calibration,
    RiskCoverage,
    make_classifier,
)
from featx.errors import (
    BundleError,
    CacheError,
    DataError,
    MissingDataError,
    ParameterError,
)
from featx.known_images import KnownImages

NAMES = ("ant", "bee, 'wild'", "Käfer")


def photos(n=90, seed=0):
    """Three classes of small color images that are easy to tell apart."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    X = rng.integers(0, 120, (n, 12, 10, 3)) + 45 * y[:, None, None, None]
    return X.astype(np.uint8), y


def fitted(encoder="raw", classifier="svm"):
    X, y = photos()
    transformer = make_encoder(encoder, n_images=len(X), n_pixels=360)
    for name in transformer.get_params():
        if name.split("__")[-1] == "random_state":
            transformer.set_params(**{name: 0})
    if encoder == "patch":
        transformer.set_params(n_components=8, max_epochs=1, n_patches=500)
    if encoder in ("compact", "predictive"):
        transformer.set_params(n_components=8, n_filters=8)
    if encoder == "predictive":
        transformer.set_params(n_channels=4, max_epochs=1)
    features = transformer.fit_transform(X)
    model = make_classifier(classifier, n_features=features.shape[1], n_images=90)
    return featx.Model.of(transformer, model.fit(features, y), NAMES)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_model_comes_back_as_it_was(tmp_path, classifier):
    model, (X, _) = fitted(classifier=classifier), photos(30, seed=1)
    featx.save(model, tmp_path / "m.featx")
    again = featx.load(tmp_path / "m.featx")
    for mine, theirs in zip(
        model.predict_with_confidence(X), again.predict_with_confidence(X), strict=True
    ):
        assert np.array_equal(mine, theirs)
    assert set(again.predict(X)) <= set(NAMES)
    assert again.image_shape == (12, 10, 3)
    assert (again.confidence == "probability") == (
        classifier in ("logreg", "mlp", "knn")
    )


@pytest.mark.parametrize("classifier", ["svm", "knn"])
def test_a_calibrated_model_comes_back(tmp_path, classifier):
    calibration = Calibration(slope=1.5, bonus=0.1 + 0.2, floor=0.01)
    model = replace(fitted(classifier=classifier), calibration=calibration)
    featx.save(model, tmp_path / "m.featx")
    again, (X, _) = featx.load(tmp_path / "m.featx"), photos(30, seed=1)
    assert again.calibration == calibration
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


def remembering():
    X, y = photos()
    model = fitted()
    features = model.pipeline[0].transform(X)
    ids = np.array([f"Bilder/{n} ü.png" for n in range(len(X))])
    sure = np.linspace(1, 0.4, 50, dtype=np.float32)
    return replace(
        model,
        calibration=Calibration(1.0, 0.0, 0.01),
        risk=RiskCoverage(sure, np.arange(50) % 7 > 0),
        known=KnownImages.of(features, y, ids),
    )


def test_what_a_model_knows_of_its_images_comes_back(tmp_path):
    model, (X, _) = remembering(), photos(30, seed=1)
    featx.save(model, tmp_path / "m.featx")
    again = featx.load(tmp_path / "m.featx")
    assert again.risk.threshold(0.05) == model.risk.threshold(0.05)
    assert again.known.ids.tolist() == model.known.ids.tolist()
    for mine, theirs in zip(model.similar(X, 3), again.similar(X, 3), strict=True):
        assert np.array_equal(mine, theirs)
    assert np.array_equal(
        again.look(X, likeness=True).likeness, model.look(X, likeness=True).likeness
    )


@pytest.mark.parametrize(
    "change",
    [
        {"points": np.ones((90, 5), np.float32)},
        {"points": np.full((90, 6), np.inf, np.float32)},
        {"labels": np.full(90, 3)},
        {"labels": np.zeros(90, np.float32)},
        {"ids": np.array(["a"] * 89)},
        {"ids": ["a"] * 90},
        {"usual": np.empty(0, np.float32)},
        {"mean": np.zeros((360, 1), np.float32)},
        {"mean": np.zeros(7, np.float32), "components": np.ones((7, 6), np.float32)},
        {"confidence": np.linspace(0.4, 1, 50, dtype=np.float32)},
        {"confidence": np.linspace(9, 1, 50, dtype=np.float32)},
        {"usual": np.array([1.0, 0.5])},
        {"width": np.array([1.0, 0.0])},
        {"width": np.ones(3), "middle": np.ones(3)},
        {"scale": np.zeros(360, np.float32)},
        {"residuals": np.zeros(9, np.float32)},
        {"right": np.zeros(49, bool)},
        {"more": np.zeros(3)},
        {"usual": None},
    ],
    ids=lambda change: ", ".join(change),
)
def test_strange_evidence_is_refused(tmp_path, change):
    path = tmp_path / "m.featx"
    featx.save(remembering(), path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    arrays = skops.io.loads(members["evidence.skops"], trusted=[]) | change
    arrays = {name: array for name, array in arrays.items() if array is not None}
    write(path, members | {"evidence.skops": skops.io.dumps(arrays)})
    with pytest.raises(BundleError, match=r"cannot be a model|with NaN"):
        featx.load(path)


@pytest.mark.parametrize("encoder", ["pca", "untrained", "compact", "predictive"])
def test_an_encoder_comes_back_too(tmp_path, encoder):
    model, (X, _) = fitted(encoder), photos(30, seed=1)
    featx.save(model, tmp_path / "m.featx")
    again = featx.load(tmp_path / "m.featx")
    assert np.array_equal(again.predict(X), model.predict(X))


def test_a_new_process_predicts_the_same(tmp_path):
    model, (X, _) = fitted("patch"), photos(30, seed=1)
    featx.save(model, tmp_path / "m.featx")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import sys, numpy as np, featx; "
        f"X = np.load({str(tmp_path / 'X.npy')!r}); "
        f"m = featx.load({str(tmp_path / 'm.featx')!r}); "
        "names, sure = m.predict_with_confidence(X); "
        f"np.savez({str(tmp_path / 'out.npz')!r}, names=names, sure=sure)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with np.load(tmp_path / "out.npz") as out:
        names, sure = model.predict_with_confidence(X)
        assert np.array_equal(out["names"], names)
        assert np.array_equal(out["sure"], sure)
    assert len(set(names)) > 1


def test_names_are_those_of_the_classes():
    X, y = photos(60, seed=1)
    assert (fitted().predict(X) == np.array(NAMES)[y]).mean() > 0.8


def test_the_device_is_chosen_where_the_model_is_read(tmp_path):
    model = fitted("patch")
    model.pipeline[0].set_params(device="cpu")
    featx.save(model, tmp_path / "m.featx")
    assert model.pipeline[0].device == "cpu"
    assert featx.load(tmp_path / "m.featx").pipeline[0].device == "auto"


def test_images_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"\(8, 8, 3\), but expected \(12, 10, 3\)"):
        fitted().predict(np.zeros((2, 8, 8, 3), np.uint8))


def test_no_images_get_no_names():
    names, sure = fitted().predict_with_confidence(np.zeros((0, 12, 10, 3), np.uint8))
    assert len(names) == len(sure) == 0


def joined(classifier, names=NAMES):
    X, y = photos()
    raw = featx.RawPixels().fit(X)
    return featx.Model.of(raw, classifier.fit(raw.transform(X), y), names)


@pytest.mark.parametrize(
    "classifier",
    [
        SVC(),
        GaussianNB(),
        LogisticRegression(max_iter=1000),
        make_pipeline("passthrough", SVC()),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
@pytest.mark.parametrize("names", [list(NAMES), np.array(NAMES)], ids=["list", "array"])
def test_any_classifier_of_plain_arrays_comes_back(tmp_path, classifier, names):
    model, (X, _) = joined(classifier, names), photos(30, seed=1)
    featx.save(model, tmp_path / "m.featx")
    again = featx.load(tmp_path / "m.featx")
    assert again.class_names == NAMES
    assert again.predict(X).tolist() == model.predict(X).tolist()


@pytest.mark.parametrize(
    ("classifier", "words"),
    [
        (RandomForestClassifier(3), r"holds sklearn\.tree\._tree\.Tree"),
        (HistGradientBoostingClassifier(max_iter=3), r"predictor\.TreePredictor"),
        (CalibratedClassifierCV(SVC(), cv=2), r"_CalibratedClassifier"),
    ],
)
def test_what_would_not_be_read_is_not_saved(tmp_path, classifier, words):
    with pytest.raises(BundleError, match=rf"{words}.*Nothing was saved\. Use"):
        featx.save(joined(classifier), tmp_path / "m.featx")
    assert list(tmp_path.iterdir()) == []


def test_a_step_of_an_own_type_is_not_saved(tmp_path):
    pipeline = make_pipeline(FunctionTransformer(photos_as_they_are), SVC())
    with pytest.raises(BundleError, match=r"holds .*photos_as_they_are.*Nothing"):
        featx.save(joined(pipeline), tmp_path / "m.featx")
    assert list(tmp_path.iterdir()) == []


def photos_as_they_are(X):
    return X


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (NAMES[:2], "labels 0 to 2 with 2 class names"),
        ((0, 1, 2), r"class name 0 of type int.*str\(name\)"),
        ("abc", "class_names='abc', but expected a sequence"),
    ],
)
def test_class_names_that_cannot_be_names_are_refused(names, words):
    with pytest.raises(DataError, match=words):
        joined(SVC(), names)


def test_labels_that_are_no_positions_are_refused():
    X, y = photos()
    raw = featx.RawPixels().fit(X)
    svm = SVC().fit(raw.transform(X), np.array(NAMES)[y])
    with pytest.raises(DataError, match="positions in class_names"):
        featx.Model.of(raw, svm, NAMES)
    with pytest.raises(ParameterError, match="RawPixels without image_shape_"):
        featx.Model.of(featx.RawPixels(), svm, NAMES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Members of a whole bundle, by name."""
    path = tmp_path_factory.mktemp("whole") / "m.featx"
    featx.save(fitted(), path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members, compression=zipfile.ZIP_STORED):
    """Write members, as somebody would who knows how the checksum is made."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sign(path)


def sign(path):
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = bytes(64)
    content = path.read_bytes()[:-64]
    path.write_bytes(content + digest(content))
    return path


def with_model(whole, content, **changes):
    manifest = json.loads(whole["manifest.json"]) | changes
    return {"manifest.json": json.dumps(manifest), "model.skops": content}


def remade(content, change, compression=zipfile.ZIP_STORED):
    """Rewrite an inner archive; `change` gets and returns its members."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, value in change(members).items():
            archive.writestr(name, value)
    return stream.getvalue()


class Evil:
    """Would make a file if it were ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def huge_header(members):
    name = next(name for name in members if name.endswith(".npy"))
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)}
    )
    return members | {name: stream.getvalue() + b"\0" * 64}


def object_array(members, payload):
    name = next(name for name in members if name.endswith(".npy"))
    stream = io.BytesIO()
    np.save(stream, np.array([payload, None], dtype=object), allow_pickle=True)
    return members | {name: stream.getvalue()}


def foreign_type(whole):
    pipeline = Pipeline([("encoder", FunctionTransformer(len)), ("b", "passthrough")])
    return with_model(whole, skops.io.dumps(pipeline))


HOSTILE = {
    "a pickle for a file": lambda whole, evil, path: path.write_bytes(
        evil + digest(evil)
    ),
    "a pickle for the model": lambda whole, evil, path: write(
        path, with_model(whole, evil)
    ),
    "a pickle for the manifest": lambda whole, evil, path: write(
        path, whole | {"manifest.json": evil}
    ),
    "a pickle beside them": lambda whole, evil, path: write(
        path, whole | {"extra.pkl": evil}
    ),
    "a pickle inside the model": lambda whole, evil, path: write(
        path,
        with_model(whole, remade(whole["model.skops"], lambda m: m | {"x.pkl": evil})),
    ),
    "an array of objects": lambda whole, evil, path: write(
        path,
        with_model(
            whole,
            remade(whole["model.skops"], lambda m: object_array(m, pickle.loads)),
        ),
    ),
    "a foreign type": lambda whole, evil, path: write(path, foreign_type(whole)),
    "a path that climbs out": lambda whole, evil, path: write(
        path, whole | {"../../evil": evil}
    ),
    "a bomb": lambda whole, evil, path: write(
        path, with_model(whole, b"\0" * 10**7), zipfile.ZIP_DEFLATED
    ),
    "a bomb inside the model": lambda whole, evil, path: write(
        path,
        with_model(
            whole,
            remade(
                whole["model.skops"],
                lambda m: m | {"a.npy": b"\0" * 10**7},
                zipfile.ZIP_DEFLATED,
            ),
        ),
    ),
    "a header that lies": lambda whole, evil, path: write(
        path, with_model(whole, remade(whole["model.skops"], huge_header))
    ),
    "a description that nests without end": lambda whole, evil, path: write(
        path,
        with_model(
            whole,
            remade(
                whole["model.skops"],
                lambda m: m | {"schema.json": b"[" * 10**5 + b"]" * 10**5},
            ),
        ),
    ),
    "a model cut short": lambda whole, evil, path: write(
        path, whole | {"model.skops": whole["model.skops"][:-9]}
    ),
    "a link": lambda whole, evil, path: link(path, whole),
    "two of one name": lambda whole, evil, path: twice(path, whole),
}


def link(path, whole):
    info = zipfile.ZipInfo("model.skops")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", whole["manifest.json"])
        archive.writestr(info, "/etc/passwd")
    sign(path)


def twice(path, whole):
    write(path, whole)
    with pytest.warns(UserWarning, match="Duplicate"):
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("model.skops", whole["model.skops"])
    sign(path)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_and_nothing_of_it_runs(tmp_path, whole, kind):
    trap = tmp_path / "ran"
    evil = pickle.dumps(Evil(trap))
    path = tmp_path / "m.featx"
    HOSTILE[kind](whole, evil, path)
    with pytest.raises(BundleError, match=re.escape(str(path))):
        featx.load(path)
    assert not trap.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.featx"]


def test_every_cut_and_every_flipped_byte_is_found(tmp_path, whole):
    path = write(tmp_path / "m.featx", whole)
    content = path.read_bytes()
    featx.load(path)
    rng = np.random.default_rng(0)
    for length in rng.integers(len(content), size=20).tolist():
        path.write_bytes(content[:length])
        with pytest.raises(BundleError, match="checksum"):
            featx.load(path)
    for place in [*rng.integers(len(content), size=200).tolist(), -1, -64, -65]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(BundleError, match="checksum"):
            featx.load(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 1e999),
        ("format", "1"),
        ("format", 0),
        ("format", True),
        ("class_names", ["ant", "bee"]),
        ("class_names", "abc"),
        ("class_names", {"a": 0, "b": 1, "c": 2}),
        ("class_names", [0, 1, 2]),
        ("image_shape", [12, 10, 0]),
        ("image_shape", [12, -10, -3]),
        ("image_shape", [12, 10, 2]),
        ("image_shape", [12, 10]),
        ("image_shape", [12.5, 10, 3]),
        ("image_shape", [10**9, 10**9, 3]),
        ("image_shape", "999"),
        ("image_fit", "squeeze"),
        ("image_fit", ["pad"]),
        ("calibration", 1.0),
        ("calibration", {"slope": 1.0, "bonus": 0.0}),
        ("calibration", {"slope": "1", "bonus": 0.0, "floor": 0.0}),
        ("calibration", {"slope": -1.0, "bonus": 0.0, "floor": 0.0}),
        ("calibration", {"slope": float("nan"), "bonus": 0.0, "floor": 0.0}),
        ("calibration", {"slope": 1.0, "bonus": 0.0, "floor": 2.0}),
    ],
)
@pytest.mark.parametrize("missing", [False, True])
def test_a_manifest_that_fits_no_model_is_refused(tmp_path, whole, key, value, missing):
    manifest = json.loads(whole["manifest.json"]) | {key: value}
    if missing:
        del manifest[key]
    path = tmp_path / "m.featx"
    write(path, whole | {"manifest.json": json.dumps(manifest)})
    with pytest.raises(BundleError, match="but expected a bundle"):
        featx.load(path)


def test_every_array_that_fits_no_model_is_refused(tmp_path, whole):
    """A right checksum says nothing of whether the weights can be used."""
    changes = {
        "NaN": lambda a: a * np.nan,
        "infinite": lambda a: a + np.inf,
        "short": lambda a: a[: len(a) // 2],
        "long": lambda a: np.concatenate([a, a, a]),
        "text": lambda a: a.astype(str),
        "complex": lambda a: a.astype(complex),
    }
    with zipfile.ZipFile(io.BytesIO(whole["model.skops"])) as archive:
        arrays = {
            name: np.load(io.BytesIO(archive.read(name)))
            for name in archive.namelist()
            if name.endswith(".npy")
        }
    names = [name for name, array in arrays.items() if array.dtype.kind == "f"]
    used = 0
    for name in [n for n in names if arrays[n].size > 1]:
        for change in changes.values():
            stream = io.BytesIO()
            with np.errstate(invalid="ignore"):
                np.save(stream, change(arrays[name]))
            content = remade(
                whole["model.skops"],
                lambda m, name=name, stream=stream: m | {name: stream.getvalue()},
            )
            path = write(tmp_path / "m.featx", with_model(whole, content))
            try:
                featx.load(path).predict_with_confidence(photos(9, seed=3)[0])
            except BundleError:
                used += 1
    assert used > len(changes)


@pytest.mark.parametrize(
    "labels", [[-1, 0, 1], [0, 0, 1], [2, 1, 0], [0, 1, 3], [0, 1]]
)
def test_labels_that_would_name_wrong_classes_are_refused(tmp_path, whole, labels):
    def change(members):
        for name, content in members.items():
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(content))
                if array.dtype.kind == "i" and array.tolist() == [0, 1, 2]:
                    stream = io.BytesIO()
                    np.save(stream, np.array(labels, array.dtype))
                    members = members | {name: stream.getvalue()}
        return members

    content = remade(whole["model.skops"], change)
    assert content != remade(whole["model.skops"], dict)
    path = write(tmp_path / "m.featx", with_model(whole, content))
    with pytest.raises(BundleError, match="but expected a bundle"):
        featx.load(path)


@pytest.mark.parametrize(
    ("classifier", "attribute", "value"),
    [
        (KNeighborsClassifier(3), "_fit_X", np.zeros((0, 360))),
        (KNeighborsClassifier(3), "_fit_X", np.zeros((90, 9))),
        (KNeighborsClassifier(3), "_y", np.full(90, 10**6)),
        (KNeighborsClassifier(3), "_y", np.zeros(9, int)),
        (KNeighborsClassifier(3), "n_samples_fit_", 10**6),
        (KNeighborsClassifier(3), "n_neighbors", 91),
        (SVC(), "_n_support", np.array([90, 90, -90], np.int32)),
        (SVC(), "_intercept_", np.zeros(1)),
        (SVC(), "_dual_coef_", np.zeros((1, 90))),
        (SVC(), "support_vectors_", np.zeros((90, 9))),
        (SVC(), "_probA", np.zeros(1)),
    ],
)
def test_arrays_that_compiled_code_would_read_beyond(classifier, attribute, value):
    model = joined(clone(classifier))
    _try_out(model)
    setattr(model.pipeline[-1], attribute, value)
    with pytest.raises(ValueError):
        _try_out(model)


def test_scores_that_are_no_numbers_choose_no_class():
    model = joined(LogisticRegression(max_iter=1000))
    model.pipeline[-1].coef_[:] = np.inf
    with pytest.raises(DataError, match="scores are NaN or infinite"):
        model.predict(photos(3)[0])


def test_files_have_one_channel_or_three():
    with pytest.raises(DataError, match="images with 2 channels, but files are read"):
        next(featx.images.read_images(["a.png"], (8, 8, 2)))


def test_a_newer_format_is_refused_plainly(tmp_path, whole):
    path = write(
        tmp_path / "m.featx", with_model(whole, whole["model.skops"], format=9)
    )
    with pytest.raises(BundleError, match=r"format 9.*Upgrade featx"):
        featx.load(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MissingDataError, match="No such file"):
        featx.load(tmp_path / "none.featx")


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(CacheError, match="No such file"):
        featx.save(fitted(), tmp_path / "none" / "m.featx")
    assert list(tmp_path.iterdir()) == []


def test_saving_again_replaces_the_file_at_once(tmp_path):
    path = tmp_path / "m.featx"
    path.write_bytes(b"old")
    featx.save(fitted(), path)
    assert featx.load(path).class_names == NAMES
    assert [p.name for p in tmp_path.iterdir()] == ["m.featx"]


def test_images_on_disk_are_predicted_as_images_in_memory(tmp_path):
    X, _ = photos(9)
    for i, pixels in enumerate(X):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / "9.png").write_bytes(b"no image")
    (batch,) = featx.images.read_images(
        featx.images.find_images([str(tmp_path)]), (12, 10, 3)
    )
    assert np.array_equal(batch.X, X)
    assert [s.reason for s in batch.skipped] == ["not an image that Pillow knows"]


def test_a_model_remembers_what_became_of_the_images_shape(tmp_path, dataset):
    encoder = featx.RawPixels().fit(dataset.train.X)
    classifier = make_classifier("knn", n_features=64, n_images=len(dataset.train)).fit(
        encoder.transform(dataset.train.X), dataset.train.y
    )
    path = tmp_path / "model.featx"
    featx.save(
        featx.Model.of(encoder, classifier, dataset.class_names, image_fit="pad"), path
    )
    assert featx.load(path).image_fit == "pad"
    with pytest.raises(ParameterError, match="stretch, pad, crop"):
        featx.Model.of(encoder, classifier, dataset.class_names, image_fit="squeeze")
