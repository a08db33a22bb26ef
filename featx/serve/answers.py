"""What a model says of images, as plain data for JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.model import Model
from featx.prediction import Limits, named_neighbors

Answer = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """What a model says of images.

    Parameters
    ----------
    model : Model
        As `featx fit --save` wrote it.
    limits : Limits
        Which images get no name.
    similar : int, default=5
        How many similar training images are named, if the model remembers any.

    Examples
    --------
    >>> from featx import Model, RawPixels, make_classifier
    >>> images = np.arange(256, dtype=np.uint8).reshape(-1, 2, 2)
    >>> raw, labels = RawPixels().fit(images), np.arange(64) // 32
    >>> knn = make_classifier("knn", n_features=4, n_images=64)
    >>> model = Model.of(raw, knn.fit(raw.transform(images), labels), ["dark", "light"])
    >>> Answers(model).of(images[:1, :, :, None])
    [{'class': 'dark', 'probability': 1.0, 'probabilities': {'dark': 1.0, 'light': 0.0}}]
    """

    model: Model
    limits: Limits = field(default_factory=Limits)
    similar: int = 5

    @property
    def n_similar(self) -> int:
        """How many similar training images are named of each image."""
        known = self.model.known
        return 0 if known is None else min(self.similar, len(known.points))

    @property
    def has_probabilities(self) -> bool:
        """Whether every class has a probability."""
        return hasattr(self.model, "predict_proba")

    def of(self, images: NDArray[np.uint8]) -> list[Answer]:
        """Say of images (n, height, width, channels) what `featx predict --json` says.

        Raises
        ------
        DataError
            If the model has no finite scores for one of them.
        """
        sight = self.model.look(
            images,
            every_class=self.has_probabilities,
            likeness=self.limits.unlike > 0,
            similar=self.n_similar,
        )
        columns: dict[str, list[Any]] = {
            "class": self.limits.names(sight).tolist(),
            self.model.confidence: sight.confidence.tolist(),
        }
        if self.limits != Limits():
            columns["guess"] = sight.names.tolist()
        if sight.likeness is not None:
            columns["likeness"] = sight.likeness.tolist()
        if sight.scores is not None:
            classes = self.model.classes_.tolist()
            columns["probabilities"] = [
                dict(zip(classes, row, strict=True)) for row in sight.scores.tolist()
            ]
        if sight.near is not None:
            columns["similar"] = [
                [{"id": n.id, "class": n.label, "distance": n.distance} for n in near]
                for near in named_neighbors(self.model, sight.near)
            ]
        rows = zip(*columns.values(), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def description(self) -> Answer:
        """Say what the model is and what it tells of an image."""
        model = self.model
        height, width, channels = model.image_shape
        steps = [type(step).__name__ for _, step in model.pipeline.steps]
        return {
            "classes": model.classes_.tolist(),
            "image": {
                "height": height,
                "width": width,
                "channels": channels,
                "fit": model.image_fit,
            },
            "encoder": steps[0],
            "classifier": steps[-1],
            "confidence": model.confidence,
            "has_unknown": self.limits != Limits(),
            "similar": self.n_similar,
        }
