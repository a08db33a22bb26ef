"""What encoders and classifiers cost, counted in operations of a processor.

Nothing is measured, so that the same command makes the same plan every time, and finds
its earlier results in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

from featx.autoencoders.base import Cost
from featx.classifiers.registry import WIDE
from featx.experiment.tasks import MOST_HELD_OUT
from featx.images import Dataset
from featx.machine import fit_operations_per_second, operations_per_second

_LINEAR = ("linear-svm", "ridge", "logreg")
_FEW_IMAGES = 20_000
_PCA_COMPONENTS = 128  # that hold 90 % of the variance of most images


def expected_seconds(
    encoder: BaseEstimator,
    classifiers: Sequence[str],
    dataset: Dataset,
    *,
    further_fits: Sequence[int] | None = None,
    limits_fits: bool = False,
) -> float:
    """Estimate the seconds that an encoder and its classifiers take on a quiet machine.

    The encoder runs on its parameter ``device``, if it has one. For the others see
    `fit_seconds`.
    """
    cost = cost_of(encoder, len(dataset.learning_images), dataset.train.image_shape)
    n_encoded = len(dataset.train) + len(dataset.test)
    encoding = cost.training + cost.encoding * n_encoded
    device = str(encoder.get_params().get("device") or "auto")
    return encoding / operations_per_second(device) + fit_seconds(
        cost.n_features,
        classifiers,
        dataset,
        further_fits=further_fits,
        limits_fits=limits_fits,
    )


def fit_seconds(
    n_features: int,
    classifiers: Sequence[str],
    dataset: Dataset,
    *,
    further_fits: Sequence[int] | None = None,
    limits_fits: bool = False,
) -> float:
    """Estimate the seconds that classifiers take to be fitted on all training images.

    Each is fitted further, on so many images at a time as `further_fits` says; by default
    once, so that some images are held out. Where fits are limited, slow classifiers count
    as fitted on 20,000 images at most.
    """
    n_train = len(dataset.train)
    n_slow = min(n_train, _FEW_IMAGES) if limits_fits else n_train
    further = (MOST_HELD_OUT,) if further_fits is None else further_fits
    operations = sum(
        fit_operations(name, n_train if name in _LINEAR else n_slow, n_features)
        + sum(fit_operations(name, min(n_train, n), n_features) for n in further)
        for name in classifiers
    )
    return operations / fit_operations_per_second()


def cost_of(
    encoder: BaseEstimator, n_images: int, image_shape: tuple[int, int, int]
) -> Cost:
    """Ask an encoder what it costs; other transformers count as no more than pixels."""
    if callable(getattr(encoder, "cost", None)):
        cost: Cost = encoder.cost(n_images, image_shape)
        return cost
    n_pixels = int(np.prod(image_shape))
    if isinstance(encoder, FeatureUnion):
        each = [
            cost_of(one, n_images, image_shape) for _, one in encoder.transformer_list
        ]
        training, encoding, n_features = (sum(of) for of in zip(*each, strict=True))
        return Cost(training, encoding, int(n_features))
    if isinstance(encoder, Pipeline) and "pca" in encoder.named_steps:
        smaller = min(n_images, n_pixels)
        few = min(smaller, _PCA_COMPONENTS)
        training = {
            "covariance_eigh": (2.0 * n_images + 9.0 * n_pixels) * n_pixels**2,
            "full": 12.0 * n_images * n_pixels * smaller,
        }.get(encoder["pca"].svd_solver, 10.0 * n_images * n_pixels * few)
        return Cost(training, 2.0 * n_pixels * few, few)
    return Cost(0.0, 0.0, n_pixels)


def fit_operations(name: str, n_images: int, n_features: int) -> float:
    """Estimate the operations of fitting a classifier.

    Examples
    --------
    >>> fit_operations("linear-svm", 1000, 100) < fit_operations("svm", 1000, 5000)
    True
    """
    smaller = min(n_images, n_features)
    gram = n_images * n_features * smaller + smaller**3 / 3
    if name in _LINEAR:
        return 1.2 * gram
    seen = min(n_features, WIDE)
    reduction = 12.0 * n_images * n_features * seen if n_features > WIDE else 0.0
    return reduction + 4.0 * n_images * min(n_images, 50_000) * seen
