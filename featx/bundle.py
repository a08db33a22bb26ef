"""A fitted encoder and classifier as one file without pickle."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import math
import os
import reprlib
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import FeatureUnion, Pipeline

from featx import remote
from featx.archive import bundle_error, check_estimator, open_checked_zip
from featx.autoencoders.base import ImageTransformer
from featx.classifiers import (
    Calibration,
    WhitenedPCA,
    WideLinearSVC,
    WideLogisticRegression,
)
from featx.classifiers.soundness import check_soundness
from featx.encoders.networks import PretrainedModel, WeightsTransform
from featx.encoders.torch_encoder import TorchEncoder
from featx.errors import (
    BundleError,
    DependencyError,
    MissingDataError,
    StorageError,
)
from featx.evidence import evidence_of, with_evidence
from featx.features.encoder_files import ENCODER_TYPES
from featx.images.options import FITS
from featx.model import Model, first_step
from featx.output_files import write_out
from featx.store import provenance

FORMAT = 3  # of the file; a featx that knows less refuses it
_MANIFEST, _MODEL = "manifest.json", "model.skops"
_EVIDENCE = "evidence.skops"  # what is known of training images; not in every file
_ROUNDING = 1e-4  # of scores, which most classifiers compute in float32
_DIGEST = 64  # bytes of the checksum, which is the comment of the archive
_MOST_MANIFEST = 2**24  # bytes; a hundred thousand class names take less
_TYPES = [
    *ENCODER_TYPES,
    *(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in (
            *(WhitenedPCA, WideLinearSVC, WideLogisticRegression),
            *(TorchEncoder, PretrainedModel, WeightsTransform),
        )
    ),
]
_PLAIN = (
    "expected estimators that can be read without running what is in the file. Nothing "
    "was saved. Use encoders of featx or networks of torchvision or timm by their names, "
    "and a classifier that featx.make_classifier knows, or an SVC or LogisticRegression of "
    "scikit-learn."
)
_MOST_VALUES = 2**26  # of an image: 4,700 x 4,700 pixels in color


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model to a file that is whole or absent.

    Parameters
    ----------
    model : Model
        As `Model.of` makes it.
    path : path-like
        The file, ``model.featx`` by custom, or a URL that fsspec knows. One of that name
        is replaced.

    Raises
    ------
    BundleError
        If `load` would refuse it, because it holds types that featx does not read.
    CacheError
        If the file cannot be written.
    StorageError
        If the storage of a URL cannot be reached.

    Examples
    --------
    >>> import tempfile
    >>> import featx
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits().images, load_digits().target
    >>> encoder = featx.RawPixels().fit(X)
    >>> classifier = featx.make_classifier("ridge", n_features=64, n_images=1797)
    >>> classifier = classifier.fit(encoder.transform(X), y)
    >>> model = featx.Model.of(encoder, classifier, [str(k) for k in range(10)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     featx.save(model, folder + "/digits.featx")
    """
    encoder = _for_any_machine(model.pipeline[0])
    pipeline = Pipeline([("encoder", encoder), *model.pipeline.steps[1:]])
    content = _dump(pipeline)
    manifest = provenance() | {
        "format": FORMAT,
        "class_names": list(model.class_names),
        "image_shape": list(model.image_shape),
        "image_fit": model.image_fit,
        "calibration": model.calibration and asdict(model.calibration),
        "steps": {name: type(step).__name__ for name, step in pipeline.steps},
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_MANIFEST, json.dumps(manifest, indent=2) + "\n")
        archive.writestr(_MODEL, content)
        if evidence := evidence_of(model):
            archive.writestr(_EVIDENCE, skops.io.dumps(evidence))
        archive.comment = bytes(_DIGEST)  # its place at the very end
    whole = stream.getvalue()[:-_DIGEST]
    data = whole + digest(whole)
    again = _read(data, "the model to be saved")
    black = np.zeros((1, *model.image_shape), np.uint8)
    kept, read = (one.look(black, every_class=True) for one in (model, again))
    assert kept.scores is not None and read.scores is not None
    # arrays that lie elsewhere in memory may be added up in another order
    if not np.allclose(kept.scores, read.scores, rtol=_ROUNDING, atol=_ROUNDING):
        raise BundleError(
            f"Got a model that says {kept.names[0]} of a black image, by "
            f"{kept.confidence[0]}, and {read.names[0]}, by {read.confidence[0]}, when it "
            "is read back, but expected the same. Nothing was saved. Use estimators "
            "of scikit-learn and featx as they are."
        )
    write_out(path, data)


def check_can_be_saved(
    encoder: BaseEstimator, classifier: BaseEstimator | None, name: str
) -> None:
    """Refuse what `save` would refuse when it is fitted, as far as that is known before.

    Parameters
    ----------
    encoder : estimator
        Unfitted.
    classifier : estimator or None
        Somebody's own, unfitted; None for one of featx.
    name : str
        What people call the two.

    Raises
    ------
    BundleError
        If it holds types that featx does not read from files, or no encoder of featx is
        given the images.

    Examples
    --------
    >>> from featx import RawPixels
    >>> check_can_be_saved(RawPixels(), None, "raw + svm")
    """
    last = "passthrough" if classifier is None else _fitted_on_little(classifier)
    _dump(Pipeline([("encoder", encoder), ("classifier", last)]), name)
    images_first = isinstance(first_step(encoder), ImageTransformer)
    if not images_first or not all(map(_is_plain, _steps(encoder))):
        raise BundleError(f"Got {name}, but {_PLAIN}")


def _fitted_on_little(classifier: BaseEstimator) -> BaseEstimator:
    """Fit a copy on some noise, because trees are only in a forest that is fitted."""
    X = np.random.default_rng(0).normal(size=(200, 100))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return clone(classifier).fit(X, np.arange(200) % 2)
        except Exception:  # what it wants, it says when it is fitted on images
            return classifier


def _for_any_machine(encoder: BaseEstimator) -> BaseEstimator:
    """Copy an encoder, to run on whatever device there is, without a file of weights."""
    copied = copy.copy(encoder)
    if isinstance(copied, FeatureUnion):
        copied.transformer_list = [
            (name, _for_any_machine(one)) for name, one in copied.transformer_list
        ]
    elif isinstance(copied, Pipeline):
        copied.steps = [(name, _for_any_machine(one)) for name, one in copied.steps]
    elif "device" in getattr(copied, "get_params", dict)():
        copied.set_params(device="auto")
    if isinstance(copied, TorchEncoder):
        copied.set_params(weights=None)  # they are in it
        if isinstance(copied.module, PretrainedModel):
            copied.set_params(module=copied.module.with_weights(""))
    return copied


def _dump(pipeline: Pipeline, name: str = "a model") -> bytes:
    """Write a pipeline with skops, if it holds only what `load` reads."""
    try:
        content: bytes = skops.io.dumps(pipeline)
    except Exception as error:  # whatever skops raises for what it does not know
        text = " ".join(str(error).split())[:200]
        raise BundleError(
            f"Got {name}, which skops cannot write ({text}), but {_PLAIN}"
        ) from error
    strange = set(skops.io.get_untrusted_types(data=content)) - {*_TYPES}
    if strange:
        raise BundleError(
            f"Got {name}, which holds {', '.join(sorted(strange))}, but {_PLAIN}"
        )
    return content


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save` wrote, without running anything that is in the file.

    Parameters
    ----------
    path : path-like
        The file, or a URL that fsspec knows.

    Returns
    -------
    Model
        It predicts what it predicted when it was saved.

    Raises
    ------
    MissingDataError
        If there is no such file.
    BundleError
        If the file is damaged, holds anything but the types featx writes, or was written
        in a newer format.

    Examples
    --------
    >>> import tempfile
    >>> import featx
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits().images, load_digits().target
    >>> encoder = featx.RawPixels().fit(X)
    >>> classifier = featx.make_classifier("ridge", n_features=64, n_images=1797)
    >>> classifier = classifier.fit(encoder.transform(X), y)
    >>> model = featx.Model.of(encoder, classifier, [str(k) for k in range(10)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     featx.save(model, folder + "/digits.featx")
    ...     featx.load(folder + "/digits.featx").predict(X[:3]).tolist()
    ['0', '1', '2']
    """
    what = str(path)
    try:
        data = (
            remote.read_file(what)
            if remote.is_remote(what)
            else Path(path).read_bytes()
        )
    except StorageError:
        raise
    except OSError as error:
        raise MissingDataError(
            f"Got {error.strerror or error} at {path}, but expected a model as "
            "'featx fit --save' writes it."
        ) from error
    return _read(data, what)


def _read(data: bytes, what: str) -> Model:
    """Make a model of what stands in a file, of which nothing is run."""
    if digest(data[:-_DIGEST]) != data[-_DIGEST:]:
        raise bundle_error(what, "a wrong checksum")
    with open_checked_zip(io.BytesIO(data), what) as archive:
        names = set(archive.namelist())
        if names - {_EVIDENCE} != {_MANIFEST, _MODEL}:
            raise bundle_error(what, f"the members {sorted(names)}")
        manifest = _manifest(archive, what)
        content = archive.read(_MODEL)
        evidence = archive.read(_EVIDENCE) if _EVIDENCE in names else b""
    check_estimator(content, what)
    if evidence:
        check_estimator(evidence, what)
    try:
        pipeline = skops.io.loads(content, trusted=_TYPES)
        if not isinstance(pipeline, Pipeline) or len(pipeline) < 2:
            raise TypeError("no pipeline of an encoder and a classifier")
        names, shape = manifest["class_names"], manifest["image_shape"]
        numbers = manifest["calibration"]
        calibration = None if numbers is None else Calibration(**numbers)
        model = Model(
            pipeline, tuple(names), tuple(shape), manifest["image_fit"], calibration
        )
        if evidence:
            model = with_evidence(model, skops.io.loads(evidence, trusted=[]))
        _try_out(model)
    except DependencyError:  # timm, for instance
        raise
    except Exception as error:  # whatever a hostile description makes the reader raise
        text = " ".join(str(error).split())[:200]
        raise bundle_error(what, f"what cannot be a model ({text})") from error
    return model


def _try_out(model: Model) -> None:
    """Raise an error unless a model that was read can name the class of images."""
    encoder = model.pipeline[0]
    first = first_step(encoder)
    if tuple(first.image_shape_) != model.image_shape:
        raise ValueError(f"an encoder of images of shape {first.image_shape_}")
    for step in _steps(model.pipeline):
        check_soundness(step)
        if not _is_plain(step):
            raise ValueError("a network or a preprocessing that is somebody's own")
    shape = model.image_shape
    images = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
    images[0] = 0
    devices = {
        name: value
        for name, value in encoder.get_params().items()
        if name.rpartition("__")[2] == "device"
    }
    encoder.set_params(**dict.fromkeys(devices, "cpu"))  # another may be asked for
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they tell of is refused here
        model.look(images, likeness=model.known is not None)
    encoder.set_params(**devices)


def _is_plain(step: Any) -> bool:
    """Whether a step is no torch module, or one whose parts are names and numbers."""
    if not isinstance(step, TorchEncoder):
        return True
    module: Any = step.module
    prepared = (
        type(step.preprocess) is WeightsTransform
        or step.preprocess is None
        or step.preprocess == "imagenet"
    )
    return type(module) is PretrainedModel and prepared


def _steps(estimator: BaseEstimator) -> Iterator[BaseEstimator]:
    """Give all steps of a Pipeline, and of the Pipelines and unions among them."""
    if isinstance(estimator, Pipeline | FeatureUnion):
        pairs = (
            estimator.steps
            if isinstance(estimator, Pipeline)
            else estimator.transformer_list
        )
        for _, step in pairs:
            yield from _steps(step)
    else:
        yield estimator


def digest(data: bytes) -> bytes:
    """Return the checksum that stands at the end of a file with this data before it."""
    return hashlib.sha256(data).hexdigest().encode()


def _manifest(archive: zipfile.ZipFile, what: str) -> dict[str, Any]:
    if archive.getinfo(_MANIFEST).file_size > _MOST_MANIFEST:
        raise bundle_error(what, "a huge manifest")
    try:
        manifest = json.loads(archive.read(_MANIFEST))
        number = manifest["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise bundle_error(what, "a manifest that cannot be read") from error
    if type(number) is int and number > FORMAT:
        raise BundleError(
            f"Got {what} in format {number}, written by featx {manifest.get('featx')}, but "
            f"this featx reads formats up to {FORMAT}. Upgrade featx."
        )
    if type(number) is int and 1 <= number < FORMAT:
        raise BundleError(
            f"Got {what} in format {number} of an older featx, but this featx reads format "
            f"{FORMAT}. Fit and save the model anew."
        )
    if type(number) is not int or number < 1:
        raise bundle_error(what, f"the format {reprlib.repr(number)}")
    for key, fits in _FIELDS.items():
        if key not in manifest or not fits(manifest[key]):
            raise bundle_error(what, f"the {key} {reprlib.repr(manifest.get(key))}")
    return dict(manifest)


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, list)
        and [type(side) for side in value] == [int] * 3
        and min(value) > 0
        and math.prod(value) <= _MOST_VALUES
    )


def _is_calibration(value: Any) -> bool:
    if value is None:
        return True
    names = [field.name for field in fields(Calibration)]
    if not isinstance(value, dict) or value.keys() != {*names}:
        return False
    if not all(type(number) in (int, float) for number in value.values()):
        return False
    slope, bonus, floor, smoothing = (value[name] for name in names)
    return (
        0 < slope < 1e18 and 0 <= bonus < 1e3 and 0 <= floor <= 1 and 0 < smoothing <= 1
    )


_FIELDS = {  # of the manifest, and whether a value can be theirs
    "class_names": _are_names,
    "image_shape": _is_shape,
    "image_fit": FITS.__contains__,
    "calibration": _is_calibration,
}
