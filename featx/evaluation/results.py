"""What a comparison leaves behind: plain data, ready for reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from html import escape
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.comparisons import Comparison
from featx.evaluation.evidence import Evidence
from featx.evaluation.scores import ClassScores, Scores


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
        Accuracies over several seeds, this row's own first; empty for a single run.
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

    def to_dict(self) -> dict[str, Any]:
        """Flatten to the documented JSON of one result."""
        plain = asdict(self)
        scores = plain.pop("scores")
        scores["confusion"] = scores["confusion"].tolist()
        head = {k: plain.pop(k) for k in ("encoder", "classifier", "n_features")}
        return head | scores | plain


@dataclass(frozen=True)
class BenchResults:
    """A whole comparison.

    Parameters
    ----------
    version : str
        Version of featx.
    data, protocol, machine : dict
        What was compared on, how, and where; plain data.
    results : list of Result
        The rows, in the order they were asked for.
    comparisons : list of Comparison
        Paired tests between rows.
    ids : ndarray of str, shape (n_test,)
        Test images.
    y_true : ndarray of int64, shape (n_test,)
        Their labels.
    predictions : dict of str to ndarray of int64, shape (n_test,)
        Predicted labels by row name.
    confidences : dict of str to ndarray of float32, shape (n_test,)
        By row name, how clear each prediction was: a probability where the classifier
        gives one, else a score whose order alone means something.
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
        The first test images of a fixed shuffle, for the figures.
    example_rows : ndarray of int64, shape (m,)
        Their rows among the test images.
    evidence : Evidence or None
        What was seen in the features of the best row.
    """

    version: str
    data: dict[str, Any]
    protocol: dict[str, Any]
    machine: dict[str, Any]
    results: list[Result]
    comparisons: list[Comparison]
    ids: NDArray[np.str_]
    y_true: NDArray[np.int64]
    predictions: dict[str, NDArray[np.int64]]
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

    @property
    def best(self) -> Result:
        """The row with the highest test accuracy; the first one among equals."""
        return max(self.results, key=lambda r: r.scores.accuracy)

    def to_dict(self) -> dict[str, Any]:
        """Flatten to the documented JSON document."""
        return {
            "featx": self.version,
            "data": self.data,
            "protocol": self.protocol,
            "machine": self.machine,
            "results": [result.to_dict() for result in self.results],
            "comparisons": [
                asdict(c) | {"verdict": c.verdict} for c in self.comparisons
            ],
        }

    def _repr_html_(self) -> str:
        """Show the table in a notebook, highest accuracy first."""
        heads = ("encoder", "classifier", "accuracy %", "95 % interval", "features")
        lines = []
        for row in sorted(self.results, key=lambda r: -r.scores.accuracy):
            low, high = row.scores.accuracy_ci95
            cells = (
                *(escape(row.encoder), escape(row.classifier)),
                f"{100 * row.scores.accuracy:.1f}",
                f"{100 * low:.1f} to {100 * high:.1f}",
                f"{row.n_features:,}",
            )
            lines.append("".join(f"<td>{cell}</td>" for cell in cells))
        head = "".join(f"<th>{name}</th>" for name in heads)
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        name = escape(str(self.data.get("name", "")))
        caption = f"<caption>{name}, {len(self.y_true):,} test images</caption>"
        head = f"<thead><tr>{head}</tr></thead>"
        return f"<table>{caption}{head}<tbody>{body}</tbody></table>"

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
            results=[_result(one) for one in document["results"]],
            comparisons=[_comparison(one) for one in document["comparisons"]],
            histories=document.get("histories", {}),
            **arrays,
        )


def _result(plain: Mapping[str, Any]) -> Result:
    rest = dict(plain)
    scores = Scores(
        accuracy=rest.pop("accuracy"),
        accuracy_ci95=tuple(rest.pop("accuracy_ci95")),
        balanced_accuracy=rest.pop("balanced_accuracy"),
        macro_f1=rest.pop("macro_f1"),
        per_class={
            name: ClassScores(**one) for name, one in rest.pop("per_class").items()
        },
        confusion=np.array(rest.pop("confusion"), np.int64),
    )
    notes, repeats = tuple(rest.pop("notes", ())), tuple(rest.pop("repeats", ()))
    return Result(scores=scores, notes=notes, repeats=repeats, **rest)


def _comparison(plain: Mapping[str, Any]) -> Comparison:
    return Comparison(**{k: v for k, v in plain.items() if k != "verdict"})


def with_repeats(runs: Sequence[BenchResults]) -> BenchResults:
    """Join runs of one comparison that differ in their seed.

    Parameters
    ----------
    runs : sequence of BenchResults
        The same rows in the same order, on the same test images.

    Returns
    -------
    BenchResults
        The first run; each row says how its accuracy spread over the seeds.
    """
    if len(runs) == 1:
        return runs[0]
    results = []
    for rows in zip(*(run.results for run in runs), strict=True):
        accuracies = tuple(row.scores.accuracy for row in rows)
        percents = 100 * np.array(accuracies)
        spread = (
            f"{percents.mean():.1f} ± {percents.std(ddof=1):.1f} % over {len(runs)} seeds "
            f"({', '.join(f'{p:.1f}' for p in percents)})"
        )
        notes = (*rows[0].notes, spread)
        results.append(replace(rows[0], repeats=accuracies, notes=notes))
    protocol = runs[0].protocol | {"seeds": [run.protocol["seed"] for run in runs]}
    return replace(runs[0], results=results, protocol=protocol)
