"""Fitted classifiers -> torch modules that can stand in a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor, nn
from torch.nn import functional

from featx.classifiers import (
    Calibration,
    WhitenedPCA,
    WideLinearSVC,
    WideLogisticRegression,
)
from featx.classifiers.pairs import SHARPNESS
from featx.errors import ParameterError
from featx.export.arrays import Affine, constant
from featx.export.encoders import pca_module


def classifier_module(pipeline: Pipeline) -> nn.Module:
    """Build what scores every class for features (n, d), as a fitted Pipeline does.

    Of two classes both have a score. Where the classifier gives probabilities, so does
    the module.

    Raises
    ------
    ParameterError
        If a step is none that can be built.
    """
    steps = []
    for _, step in pipeline.steps:
        if type(step) not in _KINDS:
            raise ParameterError(
                f"Got {type(step).__name__} in a classifier, but expected classifiers of "
                "featx itself: no other is exported. Fit a model with one of them."
            )
        steps.append(_KINDS[type(step)](step))
    return nn.Sequential(*steps)


class Calibrated(nn.Module):
    """Scores of classes -> their probabilities, see `Calibration`."""

    def __init__(self, calibration: Calibration, are_probabilities: bool) -> None:
        super().__init__()
        self.calibration = calibration
        self.are_probabilities = are_probabilities

    def forward(self, scores: Tensor) -> Tensor:
        """(n, n_classes) -> the same shape, in [0, 1]."""
        slope, bonus, floor, smoothing = astuple(self.calibration)
        n_classes = scores.shape[1]
        named = scores.argmax(dim=1, keepdim=True) == torch.arange(n_classes)
        logits = (scores + smoothing).log() if self.are_probabilities else scores
        raised = slope * logits + bonus * named.to(scores.dtype)
        return (1 - floor) * raised.softmax(dim=1) + floor / n_classes


def _linear(model: Any) -> nn.Module:
    return nn.Sequential(_scores(model, torch.float32), _BothClasses())


def _scores(model: Any, dtype: torch.dtype) -> Affine:
    coefficients = np.atleast_2d(model.coef_)
    offset = np.broadcast_to(model.intercept_, len(coefficients))
    return Affine(coefficients.T, 0.0, offset, dtype)


def _logistic(model: Any) -> nn.Module:
    if len(model.classes_) == 2:
        return nn.Sequential(
            _scores(model, torch.float32), nn.Sigmoid(), _OneAndOther()
        )
    return nn.Sequential(_scores(model, torch.float32), nn.Softmax(dim=1))


def _perceptron(model: MLPClassifier) -> nn.Module:
    if model.activation != "relu":
        raise ParameterError(
            f"Got an MLPClassifier with activation={model.activation!r}, but expected "
            "'relu' to export it. Fit the mlp of featx."
        )
    layers: list[nn.Module] = []
    for weights, offset in zip(model.coefs_, model.intercepts_, strict=True):
        layers += [nn.ReLU()] * bool(layers) + [Affine(weights, 0.0, offset)]
    if model.out_activation_ == "logistic":
        return nn.Sequential(*layers, nn.Sigmoid(), _OneAndOther())
    return nn.Sequential(*layers, nn.Softmax(dim=1))


class _BothClasses(nn.Module):
    """The score of the second of two classes -> those of both; of more as they are."""

    def forward(self, scores: Tensor) -> Tensor:
        if scores.shape[1] > 1:
            return scores
        return torch.cat([-scores, scores], dim=1)


class _OneAndOther(nn.Module):
    """The probability of the second of two classes -> those of both."""

    def forward(self, second: Tensor) -> Tensor:
        return torch.cat([1 - second, second], dim=1)


class _Kernel(nn.Module):
    """Radial basis functions around fixed rows."""

    def __init__(self, rows: Any, gamma: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.distances = _SquaredDistances(rows, dtype)
        self.gamma = float(gamma)

    def forward(self, x: Tensor) -> Tensor:
        return (-self.gamma * self.distances(x)).exp()


class _SquaredDistances(nn.Module):
    """Squared Euclidean distances from fixed rows, never below nought."""

    rows: Tensor
    squares: Tensor

    def __init__(self, rows: Any, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        squares = (np.asarray(rows, np.float64) ** 2).sum(axis=1)
        self.register_buffer("rows", constant(rows, torch.float32))
        self.register_buffer("squares", constant(squares, dtype))

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.dtype)
        squares = x.square().sum(dim=1, keepdim=True) + self.squares
        return (squares - 2 * (x @ self.rows.to(self.dtype).T)).clamp(min=0)


class _SupportVectors(nn.Module):
    """An SVC: the logarithm of a probability for each class, see `couple`."""

    coefficients: Tensor
    intercepts: Tensor
    places: Tensor
    pairs_of: Tensor
    is_first: Tensor

    def __init__(self, model: SVC) -> None:
        super().__init__()
        _check_svc(model)
        self.kernel = _Kernel(model.support_vectors_, model._gamma, torch.float32)
        self.register_buffer("coefficients", constant(model.dual_coef_, torch.float32))
        self.register_buffer("intercepts", constant(model.intercept_, torch.float32))
        n = self.n_classes = len(model.classes_)
        self.sizes = model.n_support_.tolist()
        first, second = np.triu_indices(n, 1)
        # of pair (i, j): what class i says, in column j - 1, and class j, in column i
        said = np.stack([first * (n - 1) + second - 1, second * (n - 1) + first])
        # of each class the pairs that it is in, and whether it is the first of them
        pairs = np.zeros((n, n), int)
        pairs[first, second] = pairs[second, first] = np.arange(len(first))
        others = ~np.eye(n, dtype=bool)
        is_first = np.triu(np.ones((n, n), bool))[others].reshape(n, -1)
        self.register_buffer("places", constant(said, torch.int64))
        self.register_buffer(
            "pairs_of", constant(pairs[others].reshape(n, -1), torch.int64)
        )
        self.register_buffer("is_first", constant(is_first, torch.bool))

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.kernel(x)
        if self.n_classes == 2:
            score = kernel @ self.coefficients.T + self.intercepts
            return torch.cat([-score, score], dim=1)
        said, start = [], 0
        for size in self.sizes:
            part = slice(start, start + size)
            said.append(kernel[:, part] @ self.coefficients[:, part].T)
            start += size
        flat = torch.cat(said, dim=1)
        pairs = flat[:, self.places[0]] + flat[:, self.places[1]] + self.intercepts
        own = pairs[:, self.pairs_of]  # (n, n_classes, n_classes - 1)
        won = (own >= 0) == self.is_first
        margins = torch.where(self.is_first, own, -own)
        total = margins.sum(dim=2)
        votes = won.float().sum(dim=2) + total / (3 * (total.abs() + 1))
        scores = -functional.pad(-SHARPNESS * margins, (0, 1)).logsumexp(dim=2)
        return self._named_highest(scores, votes.argmax(dim=1, keepdim=True))

    def _named_highest(self, scores: Tensor, named: Tensor) -> Tensor:
        """Let the class that is named change places with the highest."""
        classes = torch.arange(self.n_classes)
        highest, place = scores.max(dim=1, keepdim=True)
        of_named = scores.gather(1, named)
        scores = torch.where(classes == place, of_named, scores)
        return torch.where(classes == named, highest, scores)


def _check_svc(model: SVC) -> None:
    expected: dict[str, Any] = {"kernel": "rbf", "decision_function_shape": "ovr"}
    if len(model.classes_) > 2:
        expected |= {"break_ties": True}
    for name, value in expected.items():
        if getattr(model, name) != value:
            raise ParameterError(
                f"Got an SVC with {name}={getattr(model, name)!r}, but expected {value!r} "
                "to export it. Fit the svm of featx."
            )
    if hasattr(model, "predict_proba"):
        raise ParameterError(
            "Got an SVC with probability=True, but expected one without, to export it: "
            "featx calibrates it by itself. Fit the svm of featx."
        )


class _Neighbors(nn.Module):
    """Votes of the nearest rows, each weighed by the inverse of its distance."""

    labels: Tensor

    def __init__(self, model: KNeighborsClassifier) -> None:
        super().__init__()
        if model.weights != "distance" or model.effective_metric_ != "euclidean":
            raise ParameterError(
                f"Got a KNeighborsClassifier with weights={model.weights!r} and the metric "
                f"{model.effective_metric_}, but expected 'distance' and Euclidean to "
                "export it. Fit the knn of featx."
            )
        self.n_neighbors, self.n_classes = int(model.n_neighbors), len(model.classes_)
        # in float64: of a row that is there itself the distance is nought
        self.distances = _SquaredDistances(model._fit_X, torch.float64)
        self.register_buffer("labels", constant(model._y, torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        squared, rows = self.distances(x).topk(self.n_neighbors, dim=1, largest=False)
        same = (squared <= _SAME * self.distances.squares.mean()).to(torch.float64)
        weights = 1 / squared.clamp(min=1e-300).sqrt()
        weights = torch.where(same.sum(dim=1, keepdim=True) > 0, same, weights)
        votes = self.labels[rows][..., None] == torch.arange(self.n_classes)
        scores = (weights[..., None] * votes.to(torch.float64)).sum(dim=1)
        return scores / scores.sum(dim=1, keepdim=True)


_SAME = 1e-14  # of the mean square of rows: what rounding leaves of no distance


def _scaler(step: StandardScaler) -> nn.Module:
    mean = step.mean_ if step.with_mean else 0.0
    return _Scaled(mean, step.scale_ if step.with_std else 1.0)


class _Scaled(nn.Module):
    """Columns less their mean, divided by their spread."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Any, scale: Any) -> None:
        super().__init__()
        self.register_buffer("mean", constant(mean, torch.float32))
        self.register_buffer("scale", constant(scale, torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.scale


def _whitened(step: WhitenedPCA) -> nn.Module:
    pca = step.pca_
    return Affine(pca.components_.T * step.scale_, pca.mean_)


def _nystroem(step: Nystroem) -> nn.Module:
    if step.kernel != "rbf":
        raise ParameterError(
            f"Got a Nystroem with kernel={step.kernel!r}, but expected 'rbf' to export it. "
            "Fit the kernel-ridge of featx."
        )
    rows = step.components_
    gamma = 1 / rows.shape[1] if step.gamma is None else step.gamma
    # in float64: what undoes the kernel of near rows is large, and of both signs
    return nn.Sequential(
        _Kernel(rows, gamma, torch.float64),
        Affine(step.normalization_.T, dtype=torch.float64),
    )


def _linear_after_kernel(model: RidgeClassifier) -> nn.Module:
    return nn.Sequential(_scores(model, torch.float64), _BothClasses())


_KINDS: dict[type, Callable[[Any], nn.Module]] = {
    StandardScaler: _scaler,
    WhitenedPCA: _whitened,
    PCA: pca_module,
    Nystroem: _nystroem,
    WideLogisticRegression: _logistic,
    LogisticRegression: _logistic,
    WideLinearSVC: _linear,
    RidgeClassifier: _linear_after_kernel,
    MLPClassifier: _perceptron,
    SVC: _SupportVectors,
    KNeighborsClassifier: _Neighbors,
}
