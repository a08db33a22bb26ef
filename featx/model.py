"""A fitted encoder and classifier, as one classifier of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.metaestimators import available_if

from featx.autoencoders.inputs import remedy, stack_images
from featx.classifiers import (
    Calibration,
    RiskCoverage,
    at_the_kernel,
    class_scores,
    predict_with_confidence,
)
from featx.classifiers.registry import OWN
from featx.classifiers.stock import to_stock
from featx.errors import DataError, ParameterError, unknown_name
from featx.images.options import FITS
from featx.known_images import KnownImages, Neighbors

_BATCH_VALUES = 2**24  # features and pixels held at once, at most


def _has_probabilities(model: Model) -> bool:
    return model.calibration is not None or hasattr(model.pipeline[-1], "predict_proba")


def _has_scores(model: Model) -> bool:
    return hasattr(model.pipeline[-1], "decision_function")


def first_step(encoder: BaseEstimator) -> BaseEstimator:
    """Return the step of an encoder that is given the images, or the first such.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline, make_union
    >>> from featx import RawPixels
    >>> first_step(make_union(make_pipeline(RawPixels(), "passthrough")))
    RawPixels()
    """
    if isinstance(encoder, Pipeline):
        return first_step(encoder[0])
    if isinstance(encoder, FeatureUnion):
        return first_step(encoder.transformer_list[0][1])
    return encoder


class Sight(NamedTuple):
    """What a model says of some images.

    Parameters
    ----------
    names : ndarray of str, shape (n,)
        Names of their classes.
    confidence : ndarray of float64, shape (n,)
        How clear each is, see `Model.predict_with_confidence`.
    scores : ndarray of float64, shape (n, n_classes), or None
        The same of every class, in the order of `Model.classes_`.
    likeness : ndarray of float64, shape (n,), or None
        Share of the known images that are as unlike the others, see
        `KnownImages.likeness`.
    near : Neighbors or None
        The known images that are most like them, see `Model.similar`.
    points : ndarray of float32, shape (n, k), or None
        Where they lie among the known images, see `KnownImages.reduced`.
    """

    names: NDArray[np.str_]
    confidence: NDArray[np.float64]
    scores: NDArray[np.float64] | None = None
    likeness: NDArray[np.float64] | None = None
    near: Neighbors | None = None
    points: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Model(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted encoder and classifier: images -> names of classes.

    It is a fitted classifier of scikit-learn whose X are images and whose labels are the
    names of the classes. Like `sklearn.frozen.FrozenEstimator` it stays as it is: fitting
    changes nothing and a clone is the model itself.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; its first step encodes images, the others classify their features. It
        predicts positions in `class_names`.
    class_names : tuple of str
        Names of the classes.
    image_shape : tuple of int
        Height, width and channels of the images it knows.
    image_fit : {"stretch", "pad", "crop"}, default="stretch"
        What becomes of image files in another shape, as in training.
    calibration : Calibration, default=None
        Makes probabilities of what the classifier says, whatever that is.
    risk : RiskCoverage, default=None
        How sure it was of held-out images, and which of them it named rightly.
    known : KnownImages, default=None
        The training images that it remembers.

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
    >>> again.score(digits.test.X, np.array(digits.class_names)[digits.test.y]) > 0.9
    True
    """

    pipeline: Pipeline
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    image_fit: str = "stretch"
    calibration: Calibration | None = None
    risk: RiskCoverage | None = None
    known: KnownImages | None = None

    def __post_init__(self) -> None:
        if self.image_fit not in FITS:
            raise unknown_name("image_fit", self.image_fit, FITS)
        for name in self.class_names:
            if not isinstance(name, str):
                raise DataError(
                    f"Got class name {name!r} of type {type(name).__name__}, but expected "
                    "text. Convert them with [str(name) for name in class_names]."
                )
        labels = np.ravel(getattr(self.pipeline[-1], "classes_", ()))
        if labels.size and not (
            labels.dtype.kind in "iu"
            and 0 <= labels[0]
            and (labels[1:] > labels[:-1]).all()
            and labels[-1] < len(self.class_names)
        ):
            raise DataError(
                f"Got a classifier of the labels {labels[0]} to {labels[-1]} with "
                f"{len(self.class_names)} class names, but expected labels from 0 to "
                f"{len(self.class_names) - 1} in their order: positions in class_names. "
                "Name every class, or fit the classifier on such positions."
            )

    @classmethod
    def of(
        cls,
        encoder: BaseEstimator,
        classifier: ClassifierMixin,
        class_names: Sequence[str],
        *,
        image_fit: str = "stretch",
        calibration: Calibration | None = None,
        risk: RiskCoverage | None = None,
        known: KnownImages | None = None,
    ) -> Model:
        """Join a fitted encoder and a classifier that was fitted on its features.

        Parameters
        ----------
        encoder : estimator
            Fitted transformer of images, or a Pipeline that begins with one.
        classifier : estimator
            Fitted on labels that are positions in `class_names`; a Pipeline or not.
        class_names : sequence of str
            Names of the classes.
        image_fit : {"stretch", "pad", "crop"}, default="stretch"
            How the training images were brought into one shape.
        calibration : Calibration, default=None
            As a `FittedRow` has it in `judged`.
        risk : RiskCoverage, default=None
            Likewise.
        known : KnownImages, default=None
            Training images that the model is to remember.

        Returns
        -------
        Model
            With the estimators of scikit-learn itself.

        Raises
        ------
        DataError
            If the names are no text, or too few for the classifier's labels.
        ParameterError
            If the encoder does not know the shape of its images.
        """
        first = first_step(encoder)
        if not hasattr(first, "image_shape_"):
            raise ParameterError(
                f"Got {type(first).__name__} without image_shape_ as encoder, but expected "
                "a fitted encoder of featx. Fit it, or let a Pipeline begin with RawPixels."
            )
        if isinstance(class_names, str):
            raise DataError(
                f"Got class_names={class_names!r}, but expected a sequence of names. Write "
                f"[{class_names!r}]."
            )
        pipeline = Pipeline([("encoder", encoder), *to_stock(classifier).steps])
        names = np.asarray(class_names, object).tolist()  # of any sequence, arrays too
        shape = tuple(first.image_shape_)
        return cls(pipeline, tuple(names), shape, image_fit, calibration, risk, known)

    @property
    def classes_(self) -> NDArray[np.str_]:
        """Names of the classes that it can predict, in the order of its scores."""
        return np.array(self.class_names)[self.pipeline[-1].classes_]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        return self

    def fit(self, X: object, y: object = None) -> Self:
        """Return the model as it is; it is fitted."""
        return self

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
            If the images have another shape, or the model gives no finite scores.
        """
        return self.predict_with_confidence(X)[0]

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Give the probability of each class.

        There is this method where the model is calibrated, or its classifier has
        probabilities of its own.

        Parameters
        ----------
        X : array-like of uint8, shape (n, h, w, c) or (n, h, w)
            Images of `image_shape`.

        Returns
        -------
        ndarray of float64, shape (n, n_classes)
            In [0, 1], in the order of `classes_`.

        Raises
        ------
        DataError
            As `predict`.
        """
        scores = self.look(X, every_class=True).scores
        assert scores is not None
        return scores

    @available_if(_has_scores)  # type: ignore[untyped-decorator]
    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Give the score of each class, where the classifier has scores.

        Parameters
        ----------
        X : array-like of uint8, shape (n, h, w, c) or (n, h, w)
            Images of `image_shape`.

        Returns
        -------
        ndarray of float64, shape (n, n_classes) or (n,)
            In the order of `classes_`; of two classes the score of the second one.

        Raises
        ------
        DataError
            As `predict`.
        """
        n_classes = len(self.classes_)
        none = np.empty(0 if n_classes == 2 else (0, n_classes))
        return self._scores(X, "decision_function", none)

    @property
    def confidence(self) -> str:
        """What `predict_with_confidence` gives: ``"probability"`` or ``"score"``."""
        return "probability" if hasattr(self, "predict_proba") else "score"

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
            Probability of that class in [0, 1] where there are probabilities, else its
            score, of which only the order among images means something.

        Raises
        ------
        DataError
            As `predict`.
        """
        sight = self.look(X)
        return sight.names, sight.confidence

    def look(
        self,
        X: ArrayLike,
        *,
        every_class: bool = False,
        likeness: bool = False,
        similar: int = 0,
        points: bool = False,
    ) -> Sight:
        """Say all that is asked for of images, which are encoded once.

        Parameters
        ----------
        X : array-like of uint8, shape (n, h, w, c) or (n, h, w)
            Images of `image_shape`.
        every_class : bool, default=False
            The probability, or score, of every class, too.
        likeness : bool, default=False
            How like they are to the training images, too.
        similar : int, default=0
            So many training images that are most like each, too; 0 for none.
        points : bool, default=False
            Where they lie among the training images, too.

        Returns
        -------
        Sight
            Names, confidence, and what else was asked for.

        Raises
        ------
        DataError
            As `predict`; or if the model remembers no training images, and `likeness`,
            `similar` or `points` are asked for.
        """
        known = self.remembered() if likeness or similar or points else None
        names = np.array(self.class_names)
        scores = np.empty((0, len(self.classes_))) if every_class else None
        none = Sight(names[:0], np.empty(0), scores, np.empty(0) if likeness else None)
        if known and similar:
            nothing = np.empty((0, known.mean.size), np.float32)
            none = none._replace(near=known.nearest(nothing, similar))
        if known and points:
            none = none._replace(points=known.points[:0])

        def see(features: NDArray[Any]) -> Sight:
            sight = self._classify(features, every_class)
            if known and likeness:
                sight = sight._replace(likeness=known.likeness(features))
            if known and similar:
                sight = sight._replace(near=known.nearest(features, similar))
            if known and points:
                sight = sight._replace(points=known.reduced(features))
            return sight

        fields = zip(none, *self._by_batch(X, see), strict=True)
        joined: list[Any] = [_joined(of) for of in fields]
        return Sight(*joined)

    def _classify(self, features: NDArray[Any], every_class: bool) -> Sight:
        """Say which classes features are of."""
        if not every_class:
            labels, confidence = predict_with_confidence(
                self.pipeline[1:],
                features,
                own=self._is_own,
                calibration=self.calibration,
            )
            return Sight(np.array(self.class_names)[labels], _finite(confidence))
        said = class_scores(self.pipeline[1:], features, own=self._is_own)
        if self.calibration is not None:
            said = self.calibration.calibrated(said)
        named = self.classes_[said.named]
        return Sight(named, _finite(said.confidence), _finite(said.scores))

    def similar(self, X: ArrayLike, k: int = 5) -> Neighbors:
        """Find the training images that are most like others.

        Parameters
        ----------
        X : array-like of uint8, shape (n, h, w, c) or (n, h, w)
            Images of `image_shape`.
        k : int, default=5
            How many of each, at most.

        Returns
        -------
        Neighbors
            Rows are places in `known`, which has the names and labels of the images.

        Raises
        ------
        DataError
            As `predict`; or if the model remembers no training images.
        """
        known = self.remembered()
        if k < 1:
            raise ParameterError(f"Got k={k}, but expected at least 1 image.")
        k = min(k, len(known.points))
        none = Neighbors(np.empty((0, k)), np.empty((0, k), np.int64))
        found = self._by_batch(X, lambda features: known.nearest(features, k))
        return Neighbors(*map(np.concatenate, zip(none, *found, strict=True)))

    def remembered(self) -> KnownImages:
        """Give the training images that the model remembers; DataError if it does not."""
        if self.known is None:
            raise DataError(
                "Got a model that remembers no training images, but expected one that "
                "'featx fit --save' wrote without --forget."
            )
        return self.known

    @property
    def _is_own(self) -> bool:
        """Whether the classifier is none of featx."""
        return OWN in self.pipeline.named_steps

    def _scores(
        self, X: ArrayLike, method: str, none: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        def score(features: NDArray[Any]) -> Any:
            classifier, features = at_the_kernel(self.pipeline[1:], features)
            return getattr(classifier, method)(features)

        parts = self._by_batch(X, score)
        return _finite(np.concatenate([none, *parts]))

    def _by_batch(
        self, X: ArrayLike, classify: Callable[[NDArray[Any]], Any]
    ) -> list[Any]:
        """Call a function on the features of images, batch by batch."""
        images = np.asarray(stack_images(X))
        height, width, depth = self.image_shape
        shapes = [(height, width, depth)] + [(height, width)] * (depth == 1)
        if images.shape[1:] not in shapes:
            raise DataError(
                f"Got images of shape {images.shape[1:]}, but expected "
                f"{self.image_shape}. {remedy(images.shape, self.image_shape)}"
            )
        n_values = (
            getattr(self.pipeline[1], "n_features_in_", 0) + height * width * depth
        )
        size = max(1, _BATCH_VALUES // n_values)
        with np.errstate(all="ignore"):  # what comes of it is looked at by `_finite`
            return [
                classify(self.pipeline[0].transform(images[start : start + size]))
                for start in range(0, len(images), size)
            ]


def _joined(parts: Sequence[Any]) -> Any:
    """Join what was found batch by batch: arrays, neighbors, or nothing."""
    if parts[0] is None:
        return None
    if isinstance(parts[0], Neighbors):
        return Neighbors(*map(np.concatenate, zip(*parts, strict=True)))
    return np.concatenate(parts)


def _finite(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(scores).all():
        raise DataError(
            "Got a model whose scores are NaN or infinite for some images, but expected "
            "numbers. Fit it anew and save it."
        )
    return scores
