"""What a comparison leaves behind: plain data, ready for reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from featx.errors import missing_library
from featx.evaluation.comparisons import Comparison
from featx.evaluation.duplicates import Duplicates
from featx.evaluation.evidence import Evidence
from featx.evaluation.intervals import wilson
from featx.evaluation.scores import ClassScores, Scores, is_uneven

if TYPE_CHECKING:
    import pandas as pd

DENSE = 20  # classes; of more, most cells of a confusion matrix are empty


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
        """Give the 95 % interval of each class's recall, after Wilson.

        Returns
        -------
        ndarray of float64, shape (2, n_classes)
            Of several seeds, as if their mean had been found once. A class without test
            images counts as one image that was predicted wrong.
        """
        n_seeds = max(1, len(self.repeats))
        confusion = self.scores.confusion
        support = np.maximum(confusion.sum(axis=1), 1)
        return wilson(confusion.diagonal() / n_seeds, support / n_seeds)

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
        scores = plain.pop("scores")
        confusion = scores["confusion"]
        if len(confusion) > DENSE:
            cells = np.nonzero(confusion)
            confusion = np.stack([*cells, confusion[cells]], axis=1)
        scores["confusion"] = confusion.tolist()
        head = {k: plain.pop(k) for k in ("encoder", "classifier", "n_features")}
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
        return {
            "encoder": self.encoder,
            "classifier": self.classifier,
            "n_features": self.n_features,
            "accuracy": self.scores.accuracy,
            "accuracy_ci95_low": low,
            "accuracy_ci95_high": high,
            "accuracy_std": self.spread,
            "balanced_accuracy": self.scores.balanced_accuracy,
            "macro_f1": self.scores.macro_f1,
            "train_seconds": self.train_seconds,
            "encode_seconds": self.encode_seconds,
            "encode_images_per_second": self.encode_images_per_second,
            "fit_seconds": self.fit_seconds,
            "predict_seconds": self.predict_seconds,
            "cached_encoder": bool(self.cached.get("encoder", False)),
            "cached_features": bool(self.cached.get("features", False)),
            "cached_classifier": bool(self.cached.get("classifier", False)),
            "encoder_params": self.encoder_params,
            "classifier_params": self.classifier_params,
            "notes": self.notes,
            "repeats": self.repeats,
        }


class Majority(NamedTuple):
    """What a classifier that always says one class would reach.

    Parameters
    ----------
    name : str
        The class with the most training images.
    accuracy : float
        The share of it among the test images.
    """

    name: str
    accuracy: float


@dataclass(frozen=True, repr=False)
class BenchResults:
    """A whole comparison.

    Parameters
    ----------
    version : str
        Version of featx.
    data, protocol, machine : dict
        What was compared on, how, and where; plain data.
    rows : list of Result
        The rows, in the order they were asked for.
    comparisons : list of Comparison
        Paired tests between rows.
    ids : ndarray of str, shape (n_test,)
        Test images.
    y_true : ndarray of int64, shape (n_test,)
        Their labels.
    predictions : dict of str to ndarray of int64, shape (n_test,)
        Predicted labels by row name; of several seeds, those of the first.
    repeat_predictions : dict of str to ndarray of int64, shape (n_seeds, n_test)
        By row name, the labels predicted under each of several seeds; empty for a single
        run.
    confidences : dict of str to ndarray of float32, shape (n_test,)
        By row name, how clear each prediction was: a probability where the classifier
        gives one, else a score whose order alone means something. Of several seeds,
        those of the first.
    histories : dict of str to dict of str to list of float
        By encoder: ``"loss"`` and, where there was one, ``"validation_loss"``, a value
        per epoch. Encoders without training are absent.
    reconstructions : dict of str to ndarray of uint8, shape (k, h, w, c)
        By encoder, what the decoder makes of the first k of `examples`; encoders
        without a decoder are absent.
    filters : dict of str to ndarray of uint8, shape (k, h, w, c)
        By encoder, its first learned filters as pictures; grey is nought. Encoders
        without filters that can be looked at are absent.
    examples : ndarray of uint8, shape (m, h, w, c)
        Some test images for the figures, drawn evenly over the classes.
    example_rows : ndarray of int64, shape (m,)
        Their rows among the test images.
    evidence : Evidence or None
        What was seen in the features of the best row; of several seeds, of the row that
        was best under the first.
    duplicates : Duplicates or None
        Which test images are copies of training images.
    """

    version: str
    data: dict[str, Any]
    protocol: dict[str, Any]
    machine: dict[str, Any]
    rows: list[Result]
    comparisons: list[Comparison]
    ids: NDArray[np.str_]
    y_true: NDArray[np.int64]
    predictions: dict[str, NDArray[np.int64]]
    repeat_predictions: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    confidences: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    histories: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    reconstructions: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    filters: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    examples: NDArray[np.uint8] = field(
        default_factory=lambda: np.empty((0, 1, 1, 1), np.uint8)
    )
    example_rows: NDArray[np.int64] = field(
        default_factory=lambda: np.empty(0, np.int64)
    )
    evidence: Evidence | None = None
    duplicates: Duplicates | None = None

    @property
    def best(self) -> Result:
        """The row with the highest test accuracy; the first one among equals."""
        return max(self.rows, key=lambda r: r.scores.accuracy)

    @property
    def ranked(self) -> list[Result]:
        """The rows by accuracy, the best first."""
        return sorted(self.rows, key=lambda row: -row.scores.accuracy)

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the encoders that the others were tested against."""
        return tuple(self.protocol.get("controls", ()))

    @property
    def n_seeds(self) -> int:
        """Under how many seeds every row was made."""
        return max(1, len(self.best.repeats))

    @property
    def uneven(self) -> bool:
        """Whether some classes have clearly more images than others.

        In the training or in the test part; classes that the test part lacks aside.
        """
        _, tested = np.unique(self.y_true, return_counts=True)
        return is_uneven(tested) or is_uneven(np.array(self.data["train_per_class"]))

    @property
    def majority(self) -> Majority:
        """The most frequent class of the training part, and what naming it would reach."""
        label = int(np.argmax(self.data["train_per_class"]))
        share = float((self.y_true == label).mean())
        return Majority(self.data["class_names"][label], share)

    def predictions_of(self, name: str) -> NDArray[np.int64]:
        """Give the labels that a row predicted under every seed.

        Parameters
        ----------
        name : str
            Name of the row.

        Returns
        -------
        ndarray of int64, shape (n_seeds, n_test)
            One line for a single run.
        """
        return self.repeat_predictions.get(name, self.predictions[name][None])

    def accuracy_without_duplicates(self, name: str) -> float | None:
        """Give the accuracy on the test images that are no copies of training images.

        Parameters
        ----------
        name : str
            Name of the row.

        Returns
        -------
        float or None
            In [0, 1]; of several seeds, their mean. None where copies were not looked
            for, or where no image is left.
        """
        if self.duplicates is None or (self.duplicates.of >= 0).all():
            return None
        kept = self.duplicates.of < 0
        return float((self.predictions_of(name) == self.y_true)[:, kept].mean())

    def comparison_of(self, row: str, other: str) -> Comparison | None:
        """Find the test between two rows, seen from the first; None if there is none."""
        for test in self.comparisons:
            if {test.row, test.other} == {row, other}:
                return test.seen_from(row)
        return None

    def to_frame(self) -> pd.DataFrame:
        """Give the table as a data frame of pandas, a line for each row.

        Returns
        -------
        DataFrame
            The columns of ``table.csv``; parameters, notes and repeats as they are.

        Raises
        ------
        DependencyError
            If pandas is not installed.

        Examples
        --------
        >>> from featx.reports.examples import example_results
        >>> example_results().to_frame()[["encoder", "accuracy"]]
          encoder  accuracy
        0     raw     0.750
        1    conv     0.875
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise missing_library(
                "A data frame needs pandas", error, "pandas"
            ) from error
        return pd.DataFrame([row.to_record() for row in self.rows])

    def to_dict(self) -> dict[str, Any]:
        """Flatten to the documented JSON document."""
        return {
            "featx": self.version,
            "data": self.data,
            "protocol": self.protocol,
            "machine": self.machine,
            "rows": [row.to_dict() for row in self.rows],
            "comparisons": [
                asdict(c) | {"verdict": c.verdict} for c in self.comparisons
            ],
            "duplicates": self._duplicates(),
        }

    def _duplicates(self) -> dict[str, Any] | None:
        if self.duplicates is None:
            return None
        accuracy = {
            row.name: self.accuracy_without_duplicates(row.name) for row in self.rows
        }
        return self.duplicates.to_dict() | {"accuracy_without": accuracy}

    def _short(self) -> tuple[str, list[list[str]]]:
        """Say what was compared, and what matters of each row, highest accuracy first."""
        title = f"{self.data.get('name', '')}, {len(self.y_true):,} test images"
        if self.n_seeds > 1:
            title += f", mean over {self.n_seeds} seeds"
        balanced = ["balanced %"] if self.uneven else []
        lines = [["encoder", "classifier", "accuracy %", "95 % interval", *balanced]]
        for row in self.ranked:
            low, high = row.scores.accuracy_ci95
            interval = f"{100 * low:.1f} to {100 * high:.1f}"
            line = [row.encoder, row.classifier, row.percent, interval]
            lines.append(
                line + [f"{100 * row.scores.balanced_accuracy:.1f}"] * self.uneven
            )
        return title.removeprefix(", "), lines

    def __repr__(self) -> str:
        title, lines = self._short()
        marks = ["  ", "* ", *["  "] * len(lines)]  # the first line is the head
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = [
            "  ".join(
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        table = [mark + line.rstrip() for mark, line in zip(marks, shown, strict=False)]
        return "\n".join([title, *table])

    def _repr_html_(self) -> str:
        """Show the table in a notebook, highest accuracy first."""
        title, (heads, *lines) = self._short()
        head = "".join(f"<th>{name}</th>" for name in heads)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>"
            for line in lines
        )
        head = f"<caption>{escape(title)}</caption><thead><tr>{head}</tr></thead>"
        return f"<table>{head}<tbody>{body}</tbody></table>"

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], **arrays: Any) -> Self:
        """Build a comparison from its JSON document and the arrays kept beside it.

        Parameters
        ----------
        document : mapping
            As `to_dict` makes it; ``"histories"`` may stand in it too.
        **arrays : Any
            The other parameters by name; `ids`, `y_true` and `predictions` must be
            among them.

        Returns
        -------
        BenchResults
            The comparison.

        Raises
        ------
        KeyError, TypeError
            If something is missing.
        """
        return cls(
            version=document["featx"],
            data=document["data"],
            protocol=document["protocol"],
            machine=document["machine"],
            rows=[_result(one) for one in document["rows"]],
            comparisons=[_comparison(one) for one in document["comparisons"]],
            histories=document.get("histories", {}),
            **arrays,
        )


def _result(plain: Mapping[str, Any]) -> Result:
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
            name: ClassScores(**one) for name, one in rest.pop("per_class").items()
        },
        confusion=confusion,
    )
    notes, repeats = tuple(rest.pop("notes", ())), tuple(rest.pop("repeats", ()))
    return Result(scores=scores, notes=notes, repeats=repeats, **rest)


def _comparison(plain: Mapping[str, Any]) -> Comparison:
    return Comparison(**{k: v for k, v in plain.items() if k != "verdict"})
