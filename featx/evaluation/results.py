"""What a comparison leaves behind: plain data, ready for reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from featx.errors import unknown_name
from featx.evaluation.comparisons import Comparison
from featx.evaluation.duplicates import Duplicates
from featx.evaluation.feature_diagnostics import FeatureDiagnostics
from featx.evaluation.intervals import interval_of_mean
from featx.evaluation.reliability import Reliability, reliability
from featx.evaluation.result import Result, choose_row
from featx.evaluation.scores import is_uneven
from featx.evaluation.summary import as_html, as_text, summarize

if TYPE_CHECKING:
    import pandas as pd

    from featx.images import Dataset


class Majority(NamedTuple):
    """The class with the most training images, and its share of the test images."""

    name: str
    accuracy: float


class Answer(NamedTuple):
    """Which row to use, and how good that is.

    Parameters
    ----------
    row : Result
        The row.
    accuracy : float
        In [0, 1].
    ci95 : tuple of float
        Its 95 % interval.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> answer = example_results().answer
    >>> answer.row.name, answer.percent
    ('conv + svm', '87.5 % [52.9, 97.8]')
    """

    row: Result
    accuracy: float
    ci95: tuple[float, float]

    @property
    def percent(self) -> str:
        """Accuracy and interval in percent."""
        low, high = self.ci95
        return f"{100 * self.accuracy:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


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
        By row name, how clear each prediction was: a probability where the row is
        calibrated, else a score whose order alone means something. Of several seeds,
        those of the first.
    histories : dict of str to dict of str to list of float
        By encoder: ``"loss"`` and, where there was one, ``"validation_loss"``, a value
        per epoch. Encoders without training are absent.
    reconstructions : dict of str to ndarray of uint8, shape (k, h, w, c)
        By encoder, what the decoder makes of the first k of `examples`; encoders
        without a decoder are absent.
    filters : dict of str to ndarray of uint8, shape (k, h, w, c)
        By encoder, its first learned filters as pictures; gray is nought. Encoders
        without filters that can be looked at are absent.
    examples : ndarray of uint8, shape (m, h, w, c)
        Some test images for the figures, drawn evenly over the classes.
    example_rows : ndarray of int64, shape (m,)
        Their rows among the test images.
    diagnostics : FeatureDiagnostics or None
        What was seen in the features of the best row; of several seeds, of the row that
        was best under the first.
    duplicates : Duplicates or None
        Which test images are copies of training images.
    groups : ndarray of int64, shape (n_test,), or None
        Groups of the test images; None where each is on its own.
    answers : ndarray of int64, shape (n_test,) or (n_seeds, n_test), or None
        With folds, what the row said that was chosen in the fold of each image.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> results = example_results()
    >>> [row.name for row in results.rows]
    ['raw + svm', 'conv + svm']
    >>> results.best.scores.accuracy
    0.875
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
    diagnostics: FeatureDiagnostics | None = None
    duplicates: Duplicates | None = None
    groups: NDArray[np.int64] | None = None
    answers: NDArray[np.int64] | None = None

    @property
    def chosen(self) -> Result:
        """The row to use, see `choose_row`."""
        return choose_row(self.rows)

    @property
    def answer(self) -> Answer:
        """What the chosen row reaches on images that had no part in choosing it.

        With folds, what is reached by choosing a row in each of them.
        """
        said = self.predictions_of(self.chosen.name)
        right = np.atleast_2d(said if self.answers is None else self.answers)
        right = right == self.y_true
        ends = interval_of_mean(right, self.groups, self.n_folds)
        return Answer(self.chosen, float(right.mean()), ends)

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
    def outside_data(self) -> tuple[str, ...]:
        """Names of the encoders that were made elsewhere."""
        return tuple(self.protocol.get("outside_data", ()))

    @property
    def ablated(self) -> dict[str, str]:
        """Encoders that learned from labeled images only, and which they are else."""
        return dict(self.protocol.get("ablated", {}))

    @property
    def n_seeds(self) -> int:
        """Under how many seeds every row was made."""
        return max(1, len(self.best.repeats))

    @property
    def n_folds(self) -> int:
        """In how many folds images were judged; 1 where there is one test part."""
        return max(1, self.protocol.get("folds", 0))

    @property
    def unit(self) -> str:
        """What intervals and tests count: ``"images"`` or ``"groups"`` of them."""
        return "images" if self.groups is None else "groups"

    @property
    def test_name(self) -> str:
        """Name of the paired tests."""
        once = self.n_seeds == 1 and self.groups is None
        return "McNemar" if once else "sign flips"

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

    def row(self, name: str | None = None) -> Result:
        """Give the row of a name, by default the one to use.

        Raises ParameterError if there is none.
        """
        if name is None:
            return self.chosen
        by_name = {row.name: row for row in self.rows}
        if name not in by_name:
            raise unknown_name("row", name, by_name)
        return by_name[name]

    def predictions_of(self, name: str) -> NDArray[np.int64]:
        """Give the labels that a row predicted, of shape (n_seeds, n_test)."""
        return self.repeat_predictions.get(name, self.predictions[name][None])

    def accuracy_without_duplicates(self, name: str) -> float | None:
        """Give the accuracy on the test images that are no copies of training images.

        It is None where copies were not looked for, or where no image is left.
        """
        if self.duplicates is None or (self.duplicates.of >= 0).all():
            return None
        kept = self.duplicates.of < 0
        return float((self.predictions_of(name) == self.y_true)[:, kept].mean())

    def reliability_of(self, name: str) -> Reliability | None:
        """Compare the probabilities of a row with what came true, of the first seed.

        It is None where a row has scores that are no probabilities, or none.

        Examples
        --------
        >>> from dataclasses import replace
        >>> from featx.reports.examples import example_results
        >>> said = {"conv + svm": np.full(8, 0.75)}  # 7 of 8 were right
        >>> results = replace(example_results(), confidences=said)
        >>> results.reliability_of("conv + svm").error
        0.125
        """
        if not self.row(name).calibrated or name not in self.confidences:
            return None
        right = self.predictions[name] == self.y_true
        said = self.confidences[name]
        return reliability(said, right, self.groups, self.n_folds)

    def comparison_of(self, row: str, other: str) -> Comparison | None:
        """Find the test between two rows, seen from the first; None if there is none."""
        for test in self.comparisons:
            if {test.row, test.other} == {row, other}:
                return test.seen_from(row)
        return None

    def save(
        self,
        folder: str | Path,
        dataset: Dataset | None = None,
        *,
        command: str = "",
        figures: bool = False,
    ) -> Path:
        """Write the run folder that ``featx bench`` writes: page, tables, predictions.

        Parameters
        ----------
        folder : str or Path
            Where to write; made where it does not exist. What an earlier run left there
            is removed, other files are not touched.
        dataset : Dataset, optional
            The images that were compared on; without them the page shows only those in
            `examples`.
        command : str, default=""
            The command line that made the comparison, if there was one.
        figures : bool, default=False
            Whether to draw figures too.

        Returns
        -------
        Path
            The page, ``report.html``.

        Raises
        ------
        CacheError
            If the folder cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from featx.reports import load_run
        >>> from featx.reports.examples import example_results
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = example_results().save(folder)
        ...     load_run(folder).results.best.name
        'conv + svm'
        """
        from featx.reports import save_run

        save_run(self, dataset, folder, command, figures=figures)
        return Path(folder, "report.html")

    def to_frame(self) -> pd.DataFrame:
        """Give the table as a data frame of pandas, a line for each row.

        Returns
        -------
        DataFrame
            The columns of ``table.csv``; parameters, notes and repeats as they are.

        Examples
        --------
        >>> from featx.reports.examples import example_results
        >>> example_results().to_frame()[["encoder", "accuracy"]]
          encoder  accuracy
        0     raw     0.750
        1    conv     0.875
        """
        import pandas as pd  # slow

        return pd.DataFrame([row.to_record() for row in self.rows])

    def to_dict(self) -> dict[str, Any]:
        """Flatten to the documented JSON document."""
        return {
            "featx": self.version,
            "data": self.data,
            "protocol": self.protocol,
            "machine": self.machine,
            "rows": [row.to_dict() for row in self.rows],
            "comparisons": [test.to_dict() for test in self.comparisons],
            "reliability": {
                row.name: found.to_dict()
                for row in self.rows
                if (found := self.reliability_of(row.name)) is not None
            },
            "duplicates": self.duplicates
            and self.duplicates.to_dict()
            | {
                "accuracy_without": {
                    row.name: self.accuracy_without_duplicates(row.name)
                    for row in self.rows
                }
            },
        }

    def __repr__(self) -> str:
        return as_text(*summarize(self))

    def _repr_html_(self) -> str:
        """Show the table in a notebook, highest accuracy first."""
        return as_html(*summarize(self))

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], **arrays: Any) -> Self:
        """Build a comparison from its JSON document and the arrays kept beside it.

        Parameters
        ----------
        document : mapping
            As `to_dict` makes it; ``"histories"`` may stand in it too.
        **arrays : Any
            The other parameters by name.
        """
        return cls(
            version=document["featx"],
            data=document["data"],
            protocol=document["protocol"],
            machine=document["machine"],
            rows=[Result.from_dict(one) for one in document["rows"]],
            comparisons=[Comparison.from_dict(one) for one in document["comparisons"]],
            histories=document.get("histories", {}),
            **arrays,
        )
