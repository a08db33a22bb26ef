"""The command `featx predict`."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import typer

from featx.cli.console import SafeConsole
from featx.cli.fields import argument, option
from featx.cli.output import check_some, end, err, tell_skipped
from featx.cli.progress import StderrProgress
from featx.errors import MissingDataError, ParameterError
from featx.names import NAMES_AS_BYTES, safe_cell

if TYPE_CHECKING:
    from featx.model import Model
    from featx.prediction import Predictions

SILENT_SECONDS = 2.0  # a prediction that takes longer shows its progress


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Options of `featx predict`."""

    model: str = argument("A model that 'featx fit --save' wrote.")
    paths: list[str] = argument(
        "Image files, folders, patterns, or - for a list of paths on stdin.",
        metavar="PATH...",
    )
    every_class: bool = option(
        False, "Give the probability of every class, too.", "--all"
    )
    reject: float | None = option(
        None,
        "Call images 'unknown', the least clear ones first, until at most this share of "
        "the others is named wrongly, as far as images held out can tell; such as 0.05.",
        metavar="RATE",
    )
    unlike: float | None = option(
        None,
        "Call images 'unknown' that are farther from all training images than this share "
        "of these is from the others; such as 0.01.",
        metavar="SHARE",
    )
    as_json: bool = option(False, "Print a JSON object per line.", "--json")
    strict: bool = option(
        False, "End with exit code 3 if images were skipped.", "--strict"
    )
    out: str | None = option(
        None,
        "Write to this file or URL, whole or not at all, instead of stdout.",
        metavar="FILE",
    )
    nul: bool = option(
        False,
        "Paths on stdin end with NUL, as 'find -print0' writes them. Usually that is "
        "recognized without this option.",
        "-0",
        "--null",
    )
    device: str = option(
        "auto", "Where the encoder runs: auto, cpu, cuda, cuda:1 or mps."
    )
    quiet: bool = option(False, "Show no progress.", "--quiet", "-q")

    def __post_init__(self) -> None:
        if self.nul and "-" not in self.paths:
            raise typer.BadParameter(
                "-0 is about a list on stdin; give - as a path, too"
            )
        if "-" in self.paths and sys.stdin is None:
            raise MissingDataError(
                "Got a closed stdin, but expected a list of paths there."
            )


def predict(options: PredictOptions) -> None:
    """Name the class of each image with a saved model, as CSV on stdout.

    In CSV, a file or class name that begins with =, +, - or @ gets an
    apostrophe before it: a spreadsheet would take it for a formula.
    """
    from featx.bundle import load
    from featx.output_files import check_out, write_out
    from featx.prediction import Limits, predict_files, use_device

    if options.out is not None:
        check_out(options.out)
    model = load(options.model)
    use_device(model, options.device)
    limits = Limits.of(model, options.reject, options.unlike)
    files, total = _find(options)
    # stdout as it is now: while there is progress, what libraries print goes to stderr
    sink = SafeConsole(file=sys.stdout if options.out is None else io.StringIO())
    classes = _classes(model) if options.every_class else []
    columns = _columns(options, model)
    n_named = n_skipped = 0
    start = time.monotonic()
    with StderrProgress(err, options.quiet or sink.file.isatty()) as progress:
        for batch in predict_files(
            model, files, every_class=options.every_class, limits=limits
        ):
            if batch.ids and options.as_json:
                _write_json(batch, sink, columns, classes)
            elif batch.ids:
                _write_csv(batch, sink, columns, classes, first=not n_named)
            for skipped in batch.skipped:
                tell_skipped(skipped)
            n_named += len(batch.ids)
            n_skipped += len(batch.skipped)
            done = n_named + n_skipped
            if time.monotonic() - start > SILENT_SECONDS:
                what = "predict" if total else f"predict, {done:,} images"
                progress(what, done, total)
    check_some(n_named, n_skipped)
    if options.out is not None:
        text = sink.file.getvalue()  # type: ignore[attr-defined]
        write_out(options.out, text.encode(errors=NAMES_AS_BYTES))
    end(options.strict, n_skipped)


def _find(options: PredictOptions) -> tuple[Iterator[str], int]:
    """Find the files, and how many they are; 0 if a list on stdin is still to come."""
    from featx.images import find_images, read_list

    if "-" not in options.paths:
        found = list(find_images(options.paths))
        return iter(found), len(found)
    files = find_images(path for path in options.paths if path != "-")
    return chain(files, read_list(sys.stdin.buffer, nul=options.nul)), 0


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
