"""A saved model and image files -> the names of their classes, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError, ParameterError
from featx.images import Skipped, read_images
from featx.known_images import Neighbors
from featx.model import Model, Sight

UNKNOWN = "unknown"  # instead of the name of a class


@dataclass(frozen=True)
class Predictions:
    """What a model says of some image files."""

    ids: list[str]  # their paths
    names: NDArray[np.str_]  # of their classes, or `UNKNOWN`, shape (n,)
    guesses: NDArray[np.str_]  # of their classes, even so
    confidence: NDArray[np.float64]  # as `Model.predict_with_confidence` gives it
    probabilities: NDArray[np.float64] | None  # of every class, where asked for
    likeness: NDArray[np.float64] | None  # to the training images, where asked for
    skipped: list[Skipped]  # files that cannot be read, and why


@dataclass(frozen=True)
class Limits:
    """Which images get no name, but `UNKNOWN`.

    Parameters
    ----------
    least : float
        Those of which the model is less sure than this.
    unlike : float
        Those that are as unlike the training images as this share of these is unlike the
        others; 0 for none.
    """

    least: float = -math.inf
    unlike: float = 0.0

    @classmethod
    def of(
        cls, model: Model, reject: float | None = None, unlike: float | None = None
    ) -> Self:
        """Choose limits for a model.

        Parameters
        ----------
        model : Model
            As `featx fit --save` wrote it.
        reject : float, optional
            Share of the named images whose names may be wrong.
        unlike : float, optional
            Share of images like the training images that may be taken for unlike ones.

        Raises
        ------
        ParameterError
            If a share is none, or such that no images or all would be unknown.
        DataError
            If the model was not saved with what this takes.
        """
        if reject is None and unlike is None:
            return cls()
        if UNKNOWN in model.class_names:
            raise DataError(
                f"Got a model with a class named {UNKNOWN!r}, but that is what images are "
                "called that get no name. Rename the class, or leave the limits out."
            )
        least = -math.inf if reject is None else _least(model, reject)
        if unlike is not None:
            _check_share(model, unlike)
        return cls(least, unlike or 0.0)

    def names(self, sight: Sight) -> NDArray[np.str_]:
        """Give the names of images, `UNKNOWN` among them, shape (n,)."""
        unknown = sight.confidence < self.least
        if sight.likeness is not None:
            unknown |= sight.likeness <= self.unlike
        return np.where(unknown, UNKNOWN, sight.names)


def _least(model: Model, rate: float) -> float:
    """Find the confidence from which on a model names images."""
    if model.risk is None:
        raise DataError(
            "Got a model without images held out, but expected one that 'featx fit "
            "--save' wrote, of images that could be split, to reject by them."
        )
    least = model.risk.threshold(rate)
    if least == math.inf:
        raise ParameterError(
            f"Got a rate of {rate:g}, but of {len(model.risk.right):,} images held out at "
            f"least {_rounded_up(model.risk.least_rate)} of the names would be wrong. Ask "
            "for a higher rate."
        )
    return least


def _check_share(model: Model, unlike: float) -> None:
    smallest = 1 / (1 + len(model.remembered().usual))
    if not smallest <= unlike < 1:
        raise ParameterError(
            f"Got a share of {unlike:g}, but expected one from {_rounded_up(smallest)}, "
            "which so many training images can tell, to below 1."
        )


def _rounded_up(share: float) -> str:
    """Write a share with two digits, and not as less than it is.

    Examples
    --------
    >>> _rounded_up(1 / 70), _rounded_up(0.25), _rounded_up(0.996)
    ('0.015', '0.25', '1')
    """
    unit = 10 ** (math.floor(math.log10(share)) - 1)
    return f"{math.ceil(share / unit - 1e-9) * unit:.2g}"


def predict_files(
    model: Model,
    paths: Iterable[str],
    *,
    every_class: bool = False,
    limits: Limits = Limits(),
) -> Iterator[Predictions]:
    """Name the classes of image files, in their order, as soon as a batch is read.

    With `every_class` there are the probabilities of all; the model must have some.
    """
    for batch in read_images(paths, model.image_shape, model.image_fit):
        sight = model.look(batch.X, every_class=every_class, likeness=limits.unlike > 0)
        yield Predictions(
            batch.ids,
            limits.names(sight),
            sight.names,
            sight.confidence,
            sight.scores,
            sight.likeness,
            batch.skipped,
        )


class Near(NamedTuple):
    """A training image that is like another."""

    id: str
    label: str  # the name of its class
    distance: float


@dataclass(frozen=True)
class Similar:
    """Training images that are like some image files."""

    ids: list[str]  # paths of the files
    X: NDArray[np.uint8]  # their pixels, shape (n, h, w, c)
    near: list[list[Near]]  # of each, the nearest first
    skipped: list[Skipped]  # files that cannot be read, and why


def similar_files(model: Model, paths: Iterable[str], k: int) -> Iterator[Similar]:
    """Find the k training images that are most like each image file, batch by batch."""
    model.remembered()  # refused before the first file is read
    for batch in read_images(paths, model.image_shape, model.image_fit):
        near = named_neighbors(model, model.similar(batch.X, k))
        yield Similar(batch.ids, batch.X, near, batch.skipped)


def named_neighbors(model: Model, found: Neighbors) -> list[list[Near]]:
    """Give the names and classes of the training images that are like others."""
    known = model.remembered()
    return [
        [
            Near(str(known.ids[row]), model.class_names[known.labels[row]], distance)
            for row, distance in zip(rows.tolist(), distances.tolist(), strict=True)
        ]
        for rows, distances in zip(found.rows, found.distances, strict=True)
    ]


def use_device(model: Model, device: str) -> None:
    """Let the encoder of a model run on a device; ``"auto"`` leaves it as it is."""
    if device == "auto":
        return
    from featx.autoencoders.device import choose_device

    choose_device(device)  # refused here, even where the encoder needs none
    encoder = model.pipeline[0]
    if "device" in encoder.get_params():
        encoder.set_params(device=device)
