"""The command `featx predict`."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featx.cli.console import SafeConsole
from featx.cli.fields import option
from featx.cli.image_files import ImageFileOptions, answer
from featx.cli.output import say
from featx.cli.unknown import UnknownOptions
from featx.errors import ParameterError
from featx.names import safe_cell

if TYPE_CHECKING:
    from featx.model import Model
    from featx.prediction import Predictions


@dataclass(frozen=True, kw_only=True)
class PredictOptions(UnknownOptions, ImageFileOptions):
    """Options of `featx predict`."""

    every_class: bool = option(
        False, "Give the probability of every class, too.", "--all"
    )


def predict(options: PredictOptions) -> None:
    """Name the class of each image with a saved model, as CSV on stdout.

    In CSV, a file or class name that begins with =, +, - or @ gets an
    apostrophe before it: a spreadsheet would take it for a formula.
    """
    from featx.prediction import UNKNOWN, predict_files

    model = options.load()
    limits = options.limits(model)
    classes = _classes(model) if options.every_class else []
    columns = _columns(options, model)

    known: list[bool] = []

    def write(batch: Predictions, sink: SafeConsole, first: bool) -> None:
        known.extend((batch.names != UNKNOWN).tolist())
        if options.as_json:
            _write_json(batch, sink, columns, classes)
        else:
            _write_csv(batch, sink, columns, classes, first)

    def count_known(_: SafeConsole) -> None:
        if options.reject is not None or options.unlike is not None:
            least = f", with a probability of at least {limits.least:.3f}"
            say(
                f"{sum(known):,} of {len(known):,} images have a name"
                f"{least if options.reject is not None else ''}; the others are unknown.",
                options.quiet,
            )

    answer(
        options,
        "predict",
        lambda files: predict_files(
            model, files, every_class=options.every_class, limits=limits
        ),
        write,
        count_known,
    )


def _columns(options: PredictOptions, model: Model) -> list[str]:
    """Name what is said of each image, but for the probabilities of other classes."""
    columns = ["id", "class", model.confidence]
    if options.reject is not None or options.unlike is not None:
        columns.append("guess")  # the class that an unknown one would have
    if options.unlike is not None:
        columns.append("likeness")
    return columns


def _classes(model: Model) -> list[str]:
    """Name the classes of which there are probabilities."""
    if not hasattr(model, "predict_proba"):
        raise ParameterError(
            "Got --all, but a model whose scores are no probabilities. Fit and save it "
            "anew with 'featx fit --save', or leave --all out."
        )
    names: list[str] = model.classes_.tolist()
    return names


def _write_csv(
    batch: Predictions,
    sink: SafeConsole,
    columns: list[str],
    classes: list[str],
    first: bool,
) -> None:
    """Write predictions as CSV, the columns first; a column for each of `classes`."""
    lines = csv.writer(sink, lineterminator="\n")
    if first:
        own = [safe_cell(f"probability/{name}") for name in classes]
        lines.writerow([*columns, *own])
    for values in _lines(batch, columns):
        cells = [
            safe_cell(value) if isinstance(value, str) else f"{value:.6g}"
            for value in values
        ]
        lines.writerow(cells)


def _write_json(
    batch: Predictions, sink: SafeConsole, columns: list[str], classes: list[str]
) -> None:
    """Write predictions as a JSON object per line; with `classes`, what each has."""
    for values in _lines(batch, columns):
        row = dict(zip(columns, values, strict=False))
        if classes:
            of_classes = values[len(columns) :]
            row["probabilities"] = dict(zip(classes, of_classes, strict=True))
        sink.write(json.dumps(row) + "\n")


def _lines(batch: Predictions, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """Give the values of the columns, and of all classes where asked for, by image."""
    of = {
        "id": batch.ids,
        "class": batch.names.tolist(),
        "guess": batch.guesses.tolist(),
        "likeness": [] if batch.likeness is None else batch.likeness.tolist(),
    }
    confidence = batch.confidence.tolist()
    values = [of.get(name, confidence) for name in columns]
    if batch.probabilities is not None:
        values += batch.probabilities.T.tolist()
    return zip(*values, strict=True)
