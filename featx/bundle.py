"""A fitted encoder and classifier as one file without pickle."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from featx import remote
from featx.archive import check_estimator, members, refused
from featx.classifiers import (
    WhitenedPCA,
    WideLinearSVC,
    WideLogisticRegression,
    predict_with_confidence,
)
from featx.classifiers.stock import to_stock
from featx.errors import (
    BundleError,
    DataError,
    MissingDataError,
    StorageError,
)
from featx.features.cache import ENCODER_TYPES
from featx.storage import provenance, write_out

FORMAT = 1  # of the file; a featx that knows less refuses it
_MANIFEST, _MODEL = "manifest.json", "model.skops"
_DIGEST = 64  # bytes of the checksum, which is the comment of the archive
_MOST_MANIFEST = 2**24  # bytes; a hundred thousand class names take less
_TYPES = [
    *ENCODER_TYPES,
    *(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in (WhitenedPCA, WideLinearSVC, WideLogisticRegression)
    ),
]
_BATCH_VALUES = 2**24  # features and pixels held at once, at most


@dataclass(frozen=True)
class Model:
    """A fitted encoder and classifier: images -> names of classes.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; its first step encodes images, the others classify their features. It
        predicts positions in `class_names`.
    class_names : tuple of str
        Names of the classes.
    image_shape : tuple of int
        Height, width and channels of the images it knows.

    Examples
    --------
    >>> import tempfile
    >>> import featx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digits = featx.load_dataset("digits", cache_dir=folder)
    ...     encoder = featx.RawPixels().fit(digits.train.X)
    ...     svm = featx.make_classifier("svm", n_features=64, n_images=1438)
    ...     svm.fit(encoder.transform(digits.train.X), digits.train.y)
    ...     model = featx.Model.of(encoder, svm, digits.class_names)
    ...     featx.save(model, folder + "/digits.featx")
    ...     again = featx.load(folder + "/digits.featx")
    Pipeline(...)
    >>> again.predict(digits.test.X[1:5]).tolist()
    ['9', '2', '4', '6']
    """

    pipeline: Pipeline
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]

    @classmethod
    def of(
        cls, encoder: BaseEstimator, classifier: Pipeline, class_names: tuple[str, ...]
    ) -> Model:
        """Join a fitted encoder and a classifier that was fitted on its features.

        Parameters
        ----------
        encoder : estimator
            Fitted transformer of images.
        classifier : Pipeline
            Fitted on labels that are positions in `class_names`.
        class_names : tuple of str
            Names of the classes.

        Returns
        -------
        Model
            With the estimators of scikit-learn itself.
        """
        first = encoder[0] if isinstance(encoder, Pipeline) else encoder
        pipeline = Pipeline([("encoder", encoder), *to_stock(classifier).steps])
        return cls(pipeline, tuple(class_names), tuple(first.image_shape_))

    def predict(self, X: ArrayLike) -> NDArray[np.str_]:
        """Name the class of each image.

        Parameters
        ----------
        X : array-like of uint8, shape (n, h, w, c) or (n, h, w)
            Images of `image_shape`.

        Returns
        -------
        ndarray of str, shape (n,)
            Names.

        Raises
        ------
        DataError
            If the images have another shape.
        """
        return self.predict_with_confidence(X)[0]

    @property
    def confidence(self) -> str:
        """What `predict_with_confidence` gives: ``"probability"`` or ``"score"``."""
        has_probability = hasattr(self.pipeline[-1], "predict_proba")
        return "probability" if has_probability else "score"

    def predict_with_confidence(
        self, X: ArrayLike
    ) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        """Name the class of each image and say how clear that is.

        Parameters
        ----------
        X : array-like of uint8, shape (n, h, w, c) or (n, h, w)
            Images of `image_shape`.

        Returns
        -------
        names : ndarray of str, shape (n,)
            Names.
        confidence : ndarray of float64, shape (n,)
            Probability of that class in [0, 1] where the classifier gives one, else its
            score, of which only the order among images means something.

        Raises
        ------
        DataError
            If the images have another shape.
        """
        images = np.asarray(X)
        height, width, depth = self.image_shape
        shapes = [(height, width, depth)] + [(height, width)] * (depth == 1)
        if images.shape[1:] not in shapes:
            raise DataError(
                f"Got images of shape {images.shape[1:]}, but expected "
                f"{self.image_shape}. Resize them."
            )
        names = np.array(self.class_names)
        found, sure = [names[:0]], [np.empty(0)]
        for rows in self._batches(len(images)):
            features = self.pipeline[0].transform(images[rows])
            classifier = self.pipeline[1:]
            labels, confidence = predict_with_confidence(classifier, features)
            found.append(names[labels])
            sure.append(confidence)
        return np.concatenate(found), np.concatenate(sure)

    def _batches(self, n: int) -> Iterator[slice]:
        n_features = self.pipeline[1].n_features_in_
        size = max(1, _BATCH_VALUES // (n_features + int(np.prod(self.image_shape))))
        for start in range(0, n, size):
            yield slice(start, start + size)


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
    CacheError
        If the file cannot be written.
    StorageError
        If the storage of a URL cannot be reached.
    """
    encoder = copy.copy(model.pipeline[0])
    if "device" in encoder.get_params():
        encoder.set_params(device="auto")  # there may be another one where it is read
    pipeline = Pipeline([("encoder", encoder), *model.pipeline.steps[1:]])
    content = skops.io.dumps(pipeline)
    manifest = provenance() | {
        "format": FORMAT,
        "class_names": list(model.class_names),
        "image_shape": list(model.image_shape),
        "steps": {name: type(step).__name__ for name, step in pipeline.steps},
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_MANIFEST, json.dumps(manifest, indent=2) + "\n")
        archive.writestr(_MODEL, content)
        archive.comment = bytes(_DIGEST)  # its place at the very end
    whole = stream.getvalue()[:-_DIGEST]
    write_out(path, whole + digest(whole))


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
    if digest(data[:-_DIGEST]) != data[-_DIGEST:]:
        raise refused(what, "a wrong checksum")
    with members(io.BytesIO(data), what) as archive:
        names = set(archive.namelist())
        if names != {_MANIFEST, _MODEL}:
            raise refused(what, f"the members {sorted(names)}")
        manifest = _manifest(archive, what)
        content = archive.read(_MODEL)
    check_estimator(content, what)
    try:
        pipeline = skops.io.loads(content, trusted=_TYPES)
        model = Model(
            pipeline,
            tuple(str(name) for name in manifest["class_names"]),
            tuple(int(side) for side in manifest["image_shape"]),  # type: ignore[arg-type]
        )
        if not isinstance(pipeline, Pipeline) or len(model.image_shape) != 3:
            raise TypeError("no pipeline of an encoder and a classifier")
    except Exception as error:  # whatever a hostile description makes the reader raise
        text = " ".join(str(error).split())[:200]
        raise refused(what, f"what cannot be a model ({text})") from error
    return model


def digest(data: bytes) -> bytes:
    """Return the checksum that stands at the end of a file with this data before it."""
    return hashlib.sha256(data).hexdigest().encode()


def _manifest(archive: zipfile.ZipFile, what: str) -> dict[str, Any]:
    if archive.getinfo(_MANIFEST).file_size > _MOST_MANIFEST:
        raise refused(what, "a huge manifest")
    try:
        manifest = json.loads(archive.read(_MANIFEST))
        number = int(manifest["format"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise refused(what, "a manifest that cannot be read") from error
    if number > FORMAT:
        raise BundleError(
            f"Got {what} in format {number}, written by featx {manifest.get('featx')}, but "
            f"this featx reads formats up to {FORMAT}. Upgrade featx."
        )
    return dict(manifest)
