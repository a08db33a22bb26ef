"""Options: what a caller may choose about any image source, checked once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from featx.catalog import FITS as FITS
from featx.errors import ParameterError, unknown_name
from featx.images.working_size import longest_side_for
from featx.workers import Executor, map_local

Progress = Callable[[str, int, int], None]
COLUMNS = ("file_name", "label", "group", "split")  # what a table of labels tells
MOST_PIXELS = 65_535  # of a side, as in a JPEG file


def silent(what: str, done: int, total: int) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Options:
    """Choices that every image source understands.

    Parameters
    ----------
    size : tuple of int or None
        Height and width to resize to; None chooses from the images' own sizes.
    longest_side : int or None
        Most pixels of the longer side of a chosen size; None for no limit.
    device : str
        Where encoders run: on a GPU images may be larger.
    fit : {"stretch", "pad", "crop"}
        What becomes of images in another shape.
    limit : int or None
        At most that many training images, and at most that many test images.
    keep : mapping of str to float
        Fraction in (0, 1] of the training images to keep, by class name.
    seed : int
        Seed of `limit`, `keep` and the validation split.
    validation_fraction : float
        Part of the training images, in (0, 1), on which settings are chosen.
    progress : callable
        Called as ``progress(what, done, total)``.
    executor : callable
        Who reads the images, see `make_executor`.
    columns : mapping of str to str
        Of tables of labels: names of columns by what they tell.
    group_by : str or None
        Regular expression that finds the group of an image in its id.
    unlabeled : bool
        Use images without a label.
    need_labels : bool
        Refuse images that all have no label.
    split : bool
        Split a test part off where there is none, and refuse classes that are too small
        for it.

    Raises
    ------
    ParameterError
        If a value is outside its range.
    """

    size: tuple[int, int] | None = None
    longest_side: int | str | None = "auto"
    device: str = "auto"
    fit: str = "stretch"
    limit: int | None = None
    keep: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    validation_fraction: float = 0.1
    progress: Progress = silent
    executor: Executor = map_local
    columns: Mapping[str, str] = field(default_factory=dict)
    group_by: str | None = None
    unlabeled: bool = True
    need_labels: bool = True
    split: bool = True

    def __post_init__(self) -> None:
        if self.size is not None and not (
            1 <= min(self.size) and max(self.size) <= MOST_PIXELS
        ):
            raise ParameterError(
                f"Got size={self.size!r}, but expected a height and a width of 1 to "
                f"{MOST_PIXELS} pixels."
            )
        if self.longest_side not in ("auto", None) and (
            not isinstance(self.longest_side, int) or self.longest_side < 1
        ):
            raise ParameterError(
                f"Got longest_side={self.longest_side!r}, but expected 'auto', None or "
                "at least 1 pixel."
            )
        if self.fit not in FITS:
            raise unknown_name("fit", self.fit, FITS)
        if self.limit is not None and self.limit < 1:
            raise ParameterError(
                f"Got limit={self.limit!r}, but expected at least 1 image."
            )
        if self.seed < 0:
            raise ParameterError(f"Got seed={self.seed!r}, but expected 0 or more.")
        for name, fraction in self.keep.items():
            if not 0 < fraction <= 1:
                raise ParameterError(
                    f"Got keep {name}={fraction!r}, but expected a fraction above 0 "
                    "and at most 1."
                )
        for name in self.columns:
            if name not in COLUMNS:
                raise unknown_name("column", name, COLUMNS)
        try:
            re.compile(self.group_by or "")
        except re.error as error:
            raise ParameterError(
                f"Got group_by={self.group_by!r}, but expected a regular expression "
                f"({error}), such as '(patient[0-9]+)'."
            ) from error
        if not 0 < self.validation_fraction < 1:
            raise ParameterError(
                f"Got validation_fraction={self.validation_fraction!r}, but expected "
                "a number between 0 and 1."
            )

    def most_pixels(self, n_images: int) -> int | None:
        """Most pixels of the longer side, where no size was asked for."""
        if self.longest_side == "auto":
            return longest_side_for(n_images, self.device)
        assert not isinstance(self.longest_side, str)
        return self.longest_side
