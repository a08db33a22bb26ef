"""Fits on a GPU, of those steps that scikit-learn can run on tensors."""

from __future__ import annotations

import os
from typing import Any

from numpy.typing import NDArray
from sklearn import config_context
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from featx.classifiers.whitening import WhitenedPCA
from featx.errors import ParameterError
from featx.features.tensors import to_numpy, to_tensor

_KINDS = (StandardScaler, WhitenedPCA, LogisticRegression, RidgeClassifier)


def can_fit_on_device(steps: Pipeline) -> bool:
    """Whether scikit-learn can fit all of these steps on tensors.

    Examples
    --------
    >>> from featx import make_classifier
    >>> [
    ...     can_fit_on_device(
    ...         make_classifier(name, n_features=9, n_images=99, on_device=True)
    ...     )
    ...     for name in ("logreg", "svm")
    ... ]
    [True, False]
    """
    return all(isinstance(step, _KINDS) for _, step in steps.steps)


def fit_on_device(
    steps: Pipeline, X: NDArray[Any], y: NDArray[Any], device: str
) -> None:
    """Fit scaling, components, logistic or ridge regression in place on a device.

    They end as if they had been fitted in memory: their attributes are plain arrays.
    `steps` is a classifier of ``make_classifier(on_device=True)``, or the head of one.

    Raises
    ------
    ParameterError
        If the device is not there, or scikit-learn was not told that it may use it.
    """
    if os.environ.get("SCIPY_ARRAY_API") != "1":
        raise ParameterError(
            f"Got device={device!r} for classifiers, but scikit-learn uses one only where "
            "SCIPY_ARRAY_API=1 is in the environment before Python starts. Set it, or "
            "leave the device out."
        )
    with config_context(array_api_dispatch=True):
        steps.fit(to_tensor(X, device), to_tensor(y, device))
    for _, step in steps.steps:
        to_numpy(step)
