"""A comparison small enough to be printed whole, for the examples of this package."""

from __future__ import annotations

import numpy as np

from featx.evaluation.comparisons import compare
from featx.evaluation.learning_curve import (
    CurveRow,
    LearningCurve,
    compare_by_labels,
)
from featx.evaluation.result import Result
from featx.evaluation.results import BenchResults
from featx.evaluation.scores import score


def example_results() -> BenchResults:
    """Build a comparison of two rows on eight images of two classes.

    The control raw + svm has 6 images right, conv + svm has 7.

    Examples
    --------
    >>> example_results().best.name
    'conv + svm'
    """
    y_true = np.repeat(np.arange(2), 4)
    predictions = {
        "raw + svm": np.array([0, 0, 0, 0, 1, 1, 0, 0]),
        "conv + svm": np.array([0, 0, 0, 1, 1, 1, 1, 1]),
    }
    results = []
    for name, y_pred in predictions.items():
        encoder, classifier = name.split(" + ")
        learned = encoder == "conv"
        results.append(
            Result(
                encoder=encoder,
                classifier=classifier,
                n_features=8192 if learned else 3072,
                scores=score(y_true, y_pred, ["cat", "dog"]),
                train_seconds=1234.5 if learned else 0.0,
                encode_seconds=2.5,
                encode_images_per_second=3.2,
                fit_seconds=0.75,
                predict_seconds=0.25,
                encoder_params={"max_epochs": 2} if learned else {},
                classifier_params={"C": 10.0},
                cached={"encoder": learned, "features": False},
                calibrated=True,
            )
        )
    right = {name: y_pred == y_true for name, y_pred in predictions.items()}
    return BenchResults(
        version="0",
        data={
            "name": "pets",
            "n_test": 8,
            "class_names": ["cat", "dog"],
            "train_per_class": [20, 20],
            "test_per_class": [4, 4],
        },
        protocol={"seed": 0, "controls": ["raw"]},
        machine={"cores": 2},
        rows=results,
        comparisons=compare(right, [("conv + svm", "raw + svm")]),
        ids=np.array([f"{row}.png" for row in range(8)]),
        y_true=y_true,
        predictions=predictions,
        histories={"conv": {"loss": [0.5, 0.25], "validation_loss": [0.5, 0.375]}},
    )


def example_curve() -> LearningCurve:
    """Build learning curves of two rows on 200 test images of two classes.

    Examples
    --------
    >>> print(example_curve().sentence())
    With all labels conv + svm is the highest of 2, 92.5 %. The last 100 labels gave +0.5
    points, and 100 more may give +0.3 (+0.2 to +0.4), if the curve goes on as a power law.
    """
    rng, n_labels = (
        np.random.default_rng(0),
        np.array([10, 20, 50, 100, 200, 500]),
    )
    rows, times_right = [], []
    for encoder, steepness in (("raw", 1.2), ("conv", 0.8)):
        chance = 0.95 - steepness * n_labels**-0.5
        right = [rng.random((10, 200)) < p for p in chance]
        accuracies = [one.mean(axis=1) for one in right]
        rows.append(CurveRow(encoder, "svm", n_labels, accuracies))
        times_right.append(np.array([one.sum(axis=0) for one in right]))
    return LearningCurve(
        version="0",
        data={
            "name": "pets",
            "class_names": ["cat", "dog"],
            "train_per_class": [250, 250],
            "test_per_class": [100, 100],
        },
        protocol={"draws": 10},
        machine={"cores": 2},
        labels=[5, 10, 25, 50, 100, 0],
        rows=rows,
        controls=("raw",),
        comparisons=compare_by_labels(rows, times_right, ("raw",)),
        command="featx curve pets",
    )
