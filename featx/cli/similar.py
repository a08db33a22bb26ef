"""The command `featx similar`."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featx.cli.console import SafeConsole
from featx.cli.fields import option
from featx.cli.image_files import ImageFileOptions, answer
from featx.names import safe_cell

if TYPE_CHECKING:
    from featx.prediction import Similar


@dataclass(frozen=True, kw_only=True)
class SimilarOptions(ImageFileOptions):
    """Options of `featx similar`."""

    k: int = option(5, "How many of each.", "-k", min=1)


def similar(options: SimilarOptions) -> None:
    """Find the training images of a model that are most like others, as CSV on stdout.

    Distances are those of the features, whose variance along each direction is one.
    """
    from featx.prediction import similar_files

    model = options.load()

    def write(batch: Similar, sink: SafeConsole, first: bool) -> None:
        if options.as_json:
            _write_json(batch, sink)
        else:
            _write_csv(batch, sink, first)

    answer(
        options,
        "look for similar images",
        lambda files: similar_files(model, files, options.k),
        write,
    )


def _write_csv(batch: Similar, sink: SafeConsole, first: bool) -> None:
    lines = csv.writer(sink, lineterminator="\n")
    if first:
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
