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
from typing import TYPE_CHECKING

import typer

from featx.cli.console import SafeConsole
from featx.cli.fields import argument, option
from featx.cli.output import end, err, tell_skipped
from featx.cli.progress import StderrProgress
from featx.errors import MissingDataError
from featx.names import NAMES_AS_BYTES, safe_cell

if TYPE_CHECKING:
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
    from featx.prediction import predict_files, use_device

    if options.out is not None:
        check_out(options.out)
    model = load(options.model)
    use_device(model, options.device)
    files, total = _find(options)
    # stdout as it is now: while there is progress, what libraries print goes to stderr
    sink = SafeConsole(file=sys.stdout if options.out is None else io.StringIO())
    columns = ["id", "class", model.confidence]
    n_named = n_skipped = 0
    start = time.monotonic()
    with StderrProgress(err, options.quiet or sink.file.isatty()) as progress:
        for batch in predict_files(model, files):
            if batch.ids:
                _write(batch, sink, columns, options.as_json, first=not n_named)
            for skipped in batch.skipped:
                tell_skipped(skipped)
            n_named += len(batch.ids)
            n_skipped += len(batch.skipped)
            done = n_named + n_skipped
            if time.monotonic() - start > SILENT_SECONDS:
                what = "predict" if total else f"predict, {done:,} images"
                progress(what, done, total)
    if not n_named:
        raise MissingDataError(
            f"Got {n_skipped:,} files, but expected at least one image that can be read. "
            "Check the paths."
        )
    if options.out is not None:
        text = sink.file.getvalue()  # type: ignore[attr-defined]
        write_out(options.out, text.encode(errors=NAMES_AS_BYTES))
    if n_skipped:
        err.print(f"{n_skipped:,} images were skipped.")
    end(options.strict, n_skipped)


def _find(options: PredictOptions) -> tuple[Iterator[str], int]:
    """Find the files, and how many they are; 0 if a list on stdin is still to come."""
    from featx.images import find_images, read_list

    if "-" not in options.paths:
        found = list(find_images(options.paths))
        return iter(found), len(found)
    files = find_images(path for path in options.paths if path != "-")
    return chain(files, read_list(sys.stdin.buffer, nul=options.nul)), 0


def _write(
    batch: Predictions,
    sink: SafeConsole,
    columns: list[str],
    as_json: bool,
    first: bool,
) -> None:
    """Write predictions as CSV, the columns first, or as a JSON object per line."""
    lines = csv.writer(sink, lineterminator="\n")
    if first and not as_json:
        lines.writerow(columns)
    names, confidence = batch.names.tolist(), batch.confidence.tolist()
    for path, name, value in zip(batch.ids, names, confidence, strict=True):
        if as_json:
            row = dict(zip(columns, (path, name, value), strict=True))
            sink.write(json.dumps(row) + "\n")
        else:
            lines.writerow([safe_cell(path), safe_cell(name), f"{value:.6g}"])
