"""One row of a comparison: plain data, ready for reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.scores import ClassScores, Scores

DENSE = 20  # classes; of more, most cells of a confusion matrix are empty
NAMES = ("encoder", "classifier", "n_features")  # what a row is, before its scores
MEASURED = (
    "train_seconds",
    "encode_seconds",
    "encode_images_per_second",
    "fit_seconds",
    "predict_seconds",
)


class HeldOut(NamedTuple):
    """An accuracy on training images that the classifier was not fitted on.

    Parameters
    ----------
    accuracy : float
        In [0, 1].
    n_images : int
        How many there were.

    Examples
    --------
    >>> from featx.evaluation import HeldOut
    >>> round(HeldOut(0.9, 100).error, 3)
    0.031
    """

    accuracy: float
    n_images: int

    @property
    def error(self) -> float:
        """Standard error of the accuracy, with one image more right and one more wrong.

        So it is not nought where all were right.
        """
        share = (self.accuracy * self.n_images + 1) / (self.n_images + 2)
        return (share * (1 - share) / self.n_images) ** 0.5


@dataclass(frozen=True)
class Result:
    """One row of the table: an encoder, a classifier and their scores.

    Parameters
    ----------
    encoder, classifier : str
        Their names on the command line.
    n_features : int
        Columns of the feature array.
    scores : Scores
        On the test part.
    train_seconds, encode_seconds, fit_seconds, predict_seconds : float
        Wall time; for what came from the cache, the time it took when it was made.
    encode_images_per_second : float
        Throughput of the encoding.
    encoder_params, classifier_params : dict
        Every parameter as it was used.
    cached : dict of str to bool
        Whether ``"encoder"``, ``"features"`` and ``"classifier"``, that is its
        predictions, came from the cache.
    notes : tuple of str
        Anything the reader should know of this row.
    repeats : tuple of float
        The accuracy under each of several seeds; empty for a single run.
    held_out : HeldOut or None
        How the row did on held-out training images, by which rows are chosen. None where
        there were too few.
    calibrated : bool
        Whether its confidences are probabilities that were made to hold on held-out images.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> row = example_results().best
    >>> row.name, row.n_features, row.seconds
    ('conv + svm', 8192, 1238.0)
    """

    encoder: str
    classifier: str
    n_features: int
    scores: Scores
    train_seconds: float
    encode_seconds: float
    encode_images_per_second: float
    fit_seconds: float
    predict_seconds: float
    encoder_params: dict[str, Any]
    classifier_params: dict[str, Any]
    cached: dict[str, bool]
    notes: tuple[str, ...] = ()
    repeats: tuple[float, ...] = ()
    held_out: HeldOut | None = None
    calibrated: bool = False

    @property
    def name(self) -> str:
        """Name of the row, ``"encoder + classifier"``."""
        return f"{self.encoder} + {self.classifier}"

    @property
    def seconds(self) -> float:
        """What the row costs: training, encoding, fitting and predicting."""
        return (
            self.train_seconds
            + self.encode_seconds
            + self.fit_seconds
            + self.predict_seconds
        )

    @property
    def spread(self) -> float | None:
        """Standard deviation of the accuracy over the seeds; None for a single run."""
        return float(np.std(self.repeats, ddof=1)) if self.repeats else None

    @property
    def percent(self) -> str:
        """The accuracy in percent, with its spread over the seeds if there are several.

        Examples
        --------
        >>> from featx.reports.examples import example_results
        >>> example_results().best.percent
        '87.5'
        """
        text = f"{100 * self.scores.accuracy:.1f}"
        return text if self.spread is None else f"{text} ± {100 * self.spread:.1f}"

    def class_intervals(self) -> NDArray[np.float64]:
        """Give the 95 % interval of each class's recall, shape (2, n_classes)."""
        return np.array([one.recall_ci95 for one in self.scores.per_class.values()]).T

    def never_named(self) -> list[str]:
        """List the classes that have test images but were never predicted."""
        confusion = self.scores.confusion
        missed = (confusion.sum(axis=0) == 0) & (confusion.sum(axis=1) > 0)
        return [
            name for name, one in zip(self.scores.per_class, missed, strict=True) if one
        ]

    def to_dict(self) -> dict[str, Any]:
        """Flatten to the documented JSON of one result.

        The confusion matrix is a list of its rows; of more than 20 classes it is a list
        of ``[true, predicted, count]``, one for each cell that is not empty.
        """
        plain = asdict(self)
        plain["held_out"] = self.held_out and self.held_out._asdict()
        scores = plain.pop("scores")
        confusion = scores["confusion"]
        if len(confusion) > DENSE:
            cells = np.nonzero(confusion)
            confusion = np.stack([*cells, confusion[cells]], axis=1)
        scores["confusion"] = confusion.tolist()
        head = {name: plain.pop(name) for name in NAMES}
        return head | scores | plain

    def to_record(self) -> dict[str, Any]:
        """Flatten to one line of a table: numbers, names, parameters and notes.

        Examples
        --------
        >>> from featx.reports.examples import example_results
        >>> list(example_results().best.to_record())[:4]
        ['encoder', 'classifier', 'n_features', 'accuracy']
        """
        low, high = self.scores.accuracy_ci95
        scores = {
            "accuracy": self.scores.accuracy,
            "accuracy_ci95_low": low,
            "accuracy_ci95_high": high,
            "accuracy_std": self.spread,
            "held_out_accuracy": self.held_out and self.held_out.accuracy,
            "balanced_accuracy": self.scores.balanced_accuracy,
            "macro_f1": self.scores.macro_f1,
        }
        cached = {
            f"cached_{part}": bool(self.cached.get(part, False))
            for part in ("encoder", "features", "classifier")
        }
        last = ("encoder_params", "classifier_params", "notes", "repeats")
        return (
            {name: getattr(self, name) for name in NAMES}
            | scores
            | {name: getattr(self, name) for name in MEASURED}
            | cached
            | {name: getattr(self, name) for name in last}
        )

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Build a row of what `to_dict` made."""
        rest = dict(plain)
        n_classes = len(rest["per_class"])
        confusion = np.array(rest.pop("confusion"), np.int64)
        if n_classes > DENSE:
            true, predicted, count = confusion.T
            confusion = np.zeros((n_classes, n_classes), np.int64)
            confusion[true, predicted] = count
        scores = Scores(
            accuracy=rest.pop("accuracy"),
            accuracy_ci95=tuple(rest.pop("accuracy_ci95")),
            balanced_accuracy=rest.pop("balanced_accuracy"),
            macro_f1=rest.pop("macro_f1"),
            per_class={
                name: ClassScores(**one | {"recall_ci95": tuple(one["recall_ci95"])})
                for name, one in rest.pop("per_class").items()
            },
            confusion=confusion,
        )
        notes, repeats = tuple(rest.pop("notes", ())), tuple(rest.pop("repeats", ()))
        held_out = rest.pop("held_out", None)
        return cls(
            scores=scores,
            notes=notes,
            repeats=repeats,
            held_out=held_out and HeldOut(**held_out),
            **rest,
        )


def choose_row(rows: Sequence[Result]) -> Result:
    """Choose the row to use: the best on held-out training images, of equals the narrowest.

    The test part has no say in it, so that its accuracy is not that of the luckiest of many
    rows. Where rows were not judged on held-out images, it is that of the highest test
    accuracy.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> raw, conv = example_results().rows
    >>> choose_row([raw, conv]).name
    'conv + svm'
    >>> from dataclasses import replace
    >>> raw = replace(raw, held_out=HeldOut(0.9, 20))
    >>> conv = replace(conv, held_out=HeldOut(0.8, 20))
    >>> choose_row([raw, conv]).name
    'raw + svm'
    """
    judged = all(row.held_out is not None for row in rows)

    def merit(row: Result) -> tuple[float, int]:
        if not judged or row.held_out is None:
            return row.scores.accuracy, 0
        return row.held_out.accuracy, -row.n_features

    return max(rows, key=merit)
