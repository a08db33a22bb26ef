"""A saved model and image files -> the names of their classes, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featx.images import Skipped, read_images
from featx.model import Model


@dataclass(frozen=True)
class Predictions:
    """What a model says of some image files."""

    ids: list[str]  # their paths
    names: NDArray[np.str_]  # of their classes, shape (n,)
    confidence: NDArray[np.float64]  # as `Model.predict_with_confidence` gives it
    probabilities: (
        NDArray[np.float64] | None
    )  # of every class, where they are asked for
    skipped: list[Skipped]  # files that cannot be read, and why


def predict_files(
    model: Model, paths: Iterable[str], *, every_class: bool = False
) -> Iterator[Predictions]:
    """Name the classes of image files, in their order, as soon as a batch is read.

    With `every_class` there are the probabilities of all; the model must have some.
    """
    for batch in read_images(paths, model.image_shape, model.image_fit):
        probabilities = None
        if every_class:
            names, probabilities = model.predict_with_probabilities(batch.X)
            named = names[:, None] == model.classes_
            confidence = probabilities[named]
        else:
            names, confidence = model.predict_with_confidence(batch.X)
        yield Predictions(batch.ids, names, confidence, probabilities, batch.skipped)


def use_device(model: Model, device: str) -> None:
    """Let the encoder of a model run on a device; ``"auto"`` leaves it as it is."""
    if device == "auto":
        return
    from featx.autoencoders.device import choose_device

    choose_device(device)  # refused here, even where the encoder needs none
    encoder = model.pipeline[0]
    if "device" in encoder.get_params():
        encoder.set_params(device=device)
