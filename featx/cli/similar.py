"""The command `featx similar`."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featx.cli.console import SafeConsole
from featx.cli.fields import argument, option
from featx.cli.output import check_some, end, err, tell_skipped
from featx.cli.progress import StderrProgress
from featx.names import safe_cell

if TYPE_CHECKING:
    from featx.prediction import Similar


@dataclass(frozen=True, kw_only=True)
class SimilarOptions:
    """Options of `featx similar`."""

    model: str = argument("A model that 'featx fit --save' wrote.")
    paths: list[str] = argument("Image files, folders or patterns.", metavar="PATH...")
    k: int = option(5, "How many of each.", "-k", min=1)
    as_json: bool = option(False, "Print a JSON object per image.", "--json")
    strict: bool = option(
        False, "End with exit code 3 if images were skipped.", "--strict"
    )
    device: str = option(
        "auto", "Where the encoder runs: auto, cpu, cuda, cuda:1 or mps."
    )
    quiet: bool = option(False, "Show no progress.", "--quiet", "-q")


def similar(options: SimilarOptions) -> None:
    """Find the training images of a model that are most like others, as CSV on stdout.

    Distances are those of the features, whose variance along each direction is one.
    """
    from featx.bundle import load
    from featx.images import find_images
    from featx.prediction import similar_files, use_device

    model = load(options.model)
    use_device(model, options.device)
    files = list(find_images(options.paths))
    sink = SafeConsole(file=sys.stdout)
    n_found = n_skipped = 0
    with StderrProgress(err, options.quiet or sink.file.isatty()) as progress:
        for batch in similar_files(model, files, options.k):
            if options.as_json:
                _write_json(batch, sink)
            else:
                _write_csv(batch, sink, first=not n_found)
            for skipped in batch.skipped:
                tell_skipped(skipped)
            n_found += len(batch.ids)
            n_skipped += len(batch.skipped)
            if len(files) > n_found + n_skipped:
                progress("look for similar images", n_found + n_skipped, len(files))
    check_some(n_found, n_skipped)
    end(options.strict, n_skipped)


def _write_csv(batch: Similar, sink: SafeConsole, first: bool) -> None:
    lines = csv.writer(sink, lineterminator="\n")
    if first and batch.ids:
        lines.writerow(["id", "rank", "similar", "class", "distance"])
    for path, near in zip(batch.ids, batch.near, strict=True):
        for rank, one in enumerate(near, 1):
            names = safe_cell(one.id), safe_cell(one.label)
            lines.writerow([safe_cell(path), rank, *names, f"{one.distance:.4g}"])


def _write_json(batch: Similar, sink: SafeConsole) -> None:
    for path, near in zip(batch.ids, batch.near, strict=True):
        told = [
            {"id": one.id, "class": one.label, "distance": one.distance} for one in near
        ]
        sink.write(json.dumps({"id": path, "similar": told}) + "\n")
