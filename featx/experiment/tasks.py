"""A row of the table that is to be fitted, and the key it is cached under."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from featx._version import __version__
from featx.classifiers import CHOICE, accelerated, make_classifier, search_space
from featx.features import EncodedDataset
from featx.features.digest import (
    UnknownContentError,
    digest_array,
    digest_json,
    digest_params,
)
from featx.machine import rows_in_memory
from featx.store import FORMAT

MOST_HELD_OUT = 10_000  # images to fit on, to judge others: so many tell rows apart


def _not_here() -> BaseEstimator:
    raise RuntimeError("The encoder of a row stays where it was fitted.")


@dataclass(frozen=True)
class FitTask:
    """A row of the table that is to be fitted: all that a worker needs to know.

    Parameters
    ----------
    encoder, classifier : str
        Their names.
    encoded : EncodedDataset
        The features; they travel as names of files.
    validation : ndarray of bool, shape (n_train,)
        The validation part.
    train_groups, groups : ndarray of int64 or None
        Groups of the training and of the test images.
    tune : bool
        Search the classifier's space on the validation part first.
    uneven : bool
        The class counts differ: choose class weights, too, and all settings so that rare
        classes count; see `merit`.
    device : str, default=None
        As for `SharedReduction`.
    own : estimator or None
        The classifier, where it is none of featx.
    calibrate_fully : bool
        Hold images out from a fit on all others, with the settings of the row: its scores
        then mean the same. Otherwise at most 10,000 are fitted on, with settings of their
        own, so that nothing of held-out images is known where rows are chosen by them.
    """

    encoder: str
    classifier: str
    encoded: EncodedDataset
    class_names: tuple[str, ...]
    validation: NDArray[np.bool_]
    tune: bool = False
    uneven: bool = False
    seed: int = 0
    device: str | None = None
    train_groups: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    own: BaseEstimator | None = None
    calibrate_fully: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """Give what travels to a worker: not the encoder, which has encoded already."""
        encoder = replace(self.encoded.encoder, load=_not_here)
        return vars(self) | {"encoded": replace(self.encoded, encoder=encoder)}

    @property
    def n_features(self) -> int:
        """Number of columns of the feature array."""
        return int(self.encoded.train.X.shape[1])

    @property
    def n_images(self) -> int:
        """Number of training images."""
        return len(self.encoded.train.y)

    @property
    def n_in_memory(self) -> int:
        """Most training images whose features fit into memory."""
        return rows_in_memory(self.n_features)

    @property
    def most_held_out(self) -> int:
        """Most images that are fitted on to judge held-out ones."""
        most = self.n_images if self.calibrate_fully else MOST_HELD_OUT
        return min(most, self.n_in_memory)

    @property
    def fit_device(self) -> str | None:
        """The device; None if the features exceed memory, and so the device's."""
        return self.device if self.n_images <= self.n_in_memory else None

    def make(self, n_images: int) -> Pipeline:
        """Build the unfitted classifier for this number of training images."""
        return make_classifier(
            self.classifier,
            n_features=self.n_features,
            n_images=n_images,
            balanced=self.uneven,
            random_state=self.seed,
            on_device=self.fit_device is not None,
            own=self.own,
        )

    def space(self, n_images: int) -> dict[str, list[Any]]:
        """List the settings that a search on this number of images tries."""
        if self.own is not None:
            return {}
        return search_space(
            self.classifier,
            n_features=self.n_features,
            n_images=n_images,
            uneven=self.uneven,
        )

    @cached_property
    def _content(self) -> str:
        return digest_params(self.make(self.n_images))

    @cached_property
    def unknown(self) -> str:
        """Why the classifier could not be found again; empty if it can be."""
        try:
            self._content  # noqa: B018, it is found out whether there is one
        except UnknownContentError as error:
            return str(error)
        return ""

    @cached_property
    def key(self) -> str:
        """A digest of all that the predictions depend on, 64 hexadecimal digits.

        UnknownContentError where there is something `unknown`.
        """
        train, test = self.encoded.train, self.encoded.test
        in_memory = self.n_in_memory if self.n_images > self.n_in_memory else None
        return digest_json(
            {
                "format": FORMAT,
                "holds": ["predicted", "confidence", "held_out", "calibrated"],
                "featx": __version__,
                "scikit-learn": version("scikit-learn"),
                "intelex": version("scikit-learn-intelex") if accelerated() else None,
                "features": [train.key, test.key],
                "labels": digest_array(train.y),
                "groups": None
                if self.train_groups is None
                else digest_array(self.train_groups),
                "in_memory": in_memory,
                "most_held_out": min(self.most_held_out, self.n_images),
                "calibrate_fully": self.calibrate_fully,
                "classifier": self._content,
                "device": self.fit_device,
                "uneven": self.uneven,
                "choice": self.space(self.n_images) if self.tune else CHOICE,
                "validation": digest_array(self.validation) if self.tune else None,
            }
        )
