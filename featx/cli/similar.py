"""The command `featx similar`."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass

from featx.cli.console import SafeConsole
from featx.cli.fields import argument, option
from featx.cli.output import end, tell_skipped
from featx.errors import MissingDataError
from featx.names import safe_cell


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


def similar(options: SimilarOptions) -> None:
    """Find the training images of a model that are most like others, as CSV on stdout.

    Distances are those of the features, whose variance along each direction is one.
    """
    from featx.bundle import load
    from featx.images import find_images
    from featx.prediction import similar_files, use_device

    model = load(options.model)
    use_device(model, options.device)
    sink = SafeConsole(file=sys.stdout)
    lines = csv.writer(sink, lineterminator="\n")
    n_found = n_skipped = 0
    for batch in similar_files(model, find_images(options.paths), options.k):
        if not n_found and batch.ids and not options.as_json:
            lines.writerow(["id", "rank", "similar", "class", "distance"])
        for path, near in zip(batch.ids, batch.near, strict=True):
            if options.as_json:
                told = [one._asdict() for one in near]
                sink.write(json.dumps({"id": path, "similar": told}) + "\n")
                continue
            for rank, one in enumerate(near, 1):
                names = map(safe_cell, (path, one.id, one.label))
                first, *others = names
                lines.writerow([first, rank, *others, f"{one.distance:.4g}"])
        for skipped in batch.skipped:
            tell_skipped(skipped)
        n_found += len(batch.ids)
        n_skipped += len(batch.skipped)
    if not n_found:
        raise MissingDataError(
            f"Got {n_skipped:,} files, but expected at least one image that can be read. "
            "Check the paths."
        )
    end(options.strict, n_skipped)
