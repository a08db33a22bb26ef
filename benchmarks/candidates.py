"""Encoders as they are named on the command line of a benchmark, with parameters."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from featx.autoencoders.registry import make_encoder


@dataclass(frozen=True)
class Candidate:
    """An encoder by name, with parameters.

    ``compact:encoder=random-patches`` has pieces of the images as filters.

    Examples
    --------
    >>> Candidate.read("patch:n_components=64,augment=None").parameters
    {'n_components': 64, 'augment': None}
    """

    text: str
    name: str
    parameters: dict[str, Any]

    @classmethod
    def read(cls, text: str) -> Candidate:
        """Read what stands on the command line."""
        name, _, rest = text.partition(":")
        pairs = [pair.split("=", 1) for pair in rest.split(",") if pair]
        return cls(text, name, {key: _value(value) for key, value in pairs})

    def build(self, images: NDArray[Any], seed: int = 0) -> BaseEstimator:
        """Make the encoder, unfitted, for such images; all that is random has the seed."""
        encoder = make_encoder(self.name, n_images=len(images), n_pixels=images[0].size)
        names = [
            name
            for name in encoder.get_params()
            if name.split("__")[-1] == "random_state"
        ]
        seeded = encoder.set_params(**dict.fromkeys(names, seed))
        parameters = dict(self.parameters)
        if parameters.get("encoder") == "random-patches":
            own = seeded._unfitted(len(images), images.shape[1:])
            parameters["encoder"] = own.set_params(max_epochs=0, random_state=seed)
        return seeded.set_params(**parameters)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except ValueError:
        return text
