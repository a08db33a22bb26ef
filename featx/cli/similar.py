"""The command `featx similar`."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.cli.console import SafeConsole
from featx.cli.fields import option
from featx.cli.image_files import ImageFileOptions, answer
from featx.cli.output import is_page
from featx.errors import DataError, ParameterError
from featx.names import safe_cell

if TYPE_CHECKING:
    from featx.model import Model
    from featx.prediction import Similar
    from featx.reports.thumbnails import Strip


@dataclass(frozen=True, kw_only=True)
class SimilarOptions(ImageFileOptions):
    """Options of `featx similar`."""

    k: int = option(5, "How many of each.", "-k", min=1)
    images: str | None = option(
        None,
        "The images that the model was fitted on, as 'featx fit' got them: with --out "
        "FILE.html, a page shows them.",
        metavar="DATA",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        shows_images = is_page(self.out, as_json=self.as_json)
        if shows_images != (self.images is not None):
            given, lacking = "--out FILE.html", "--images DATA"
            if self.images is not None:
                given, lacking = lacking, given
            raise ParameterError(
                f"Got {given} without {lacking}, but expected both: a model remembers no "
                "pixels, so a page needs the images that it was fitted on."
            )


def similar(options: SimilarOptions) -> None:
    """Find the training images of a model that are most like others, as CSV on stdout.

    Distances are those of the features, whose variance along each direction is one.
    """
    from featx.prediction import similar_files

    model = options.load()
    known = _Pictures(model, options.images) if options.images else None
    strips: list[Strip] = []

    def write(batch: Similar, sink: SafeConsole, first: bool) -> None:
        if known is not None:
            strips.extend(known.strips(batch))
        elif options.as_json:
            _write_json(batch, sink)
        else:
            _write_csv(batch, sink, first)

    def finish(sink: SafeConsole) -> None:
        from featx.reports.thumbnails import thumbnail_page

        if known is not None:
            lines = [
                "The training images that are most like each image, nearest first."
            ]
            sink.write(thumbnail_page("Similar training images", lines, strips))

    answer(
        options,
        "look for similar images",
        lambda files: similar_files(model, files, options.k),
        write,
        finish,
    )


class _Pictures:
    """The images that a model was fitted on, by the names that it knows them by."""

    def __init__(self, model: Model, place: str) -> None:
        from featx.images import load_dataset
        from featx.known_images import inside

        height, width, _ = model.image_shape
        dataset = load_dataset(place, size=(height, width), fit=model.image_fit)
        self.place = place
        self.parts = [dataset.train.X, dataset.test.X]
        self.where = {
            inside(str(id_)): (part, row)
            for part, images in enumerate((dataset.train, dataset.test))
            for row, id_ in enumerate(images.ids)
        }

    def find(self, id_: str) -> NDArray[np.uint8]:
        """Give the pixels of a training image; DataError if it is not there."""
        if id_ not in self.where:
            raise DataError(
                f"Got {self.place} without the image {id_!r}, but expected the images that "
                "the model was fitted on. Give --images the DATA that 'featx fit' got."
            )
        part, row = self.where[id_]
        return np.asarray(self.parts[part][row])

    def strips(self, batch: Similar) -> list[Strip]:
        """Show each image of a batch, and then those that are like it."""
        from featx.reports.thumbnails import Strip, Thumbnail

        shown = []
        for path, pixels, near in zip(batch.ids, batch.X, batch.near, strict=True):
            like: list[Any] = [
                Thumbnail(
                    self.find(one.id),
                    (one.id, one.label, f"distance {one.distance:.3g}"),
                )
                for one in near
            ]
            shown.append(Strip(path, (Thumbnail(pixels, ("this image",)), *like)))
        return shown


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
