"""The time that a comparison has left, and the share of each encoder in it."""

from __future__ import annotations

import time
from collections.abc import Mapping


class TimeLeft:
    """How long a comparison will still take, judging by its parts so far.

    `seconds` are those that each encoder and its `n_classifiers` rows are expected to take.

    Examples
    --------
    >>> left = TimeLeft({"raw": 1.0, "patch": 240.0}, 1)
    >>> left.done("raw")
    >>> str(left)
    'about 4 min left'
    """

    def __init__(self, seconds: Mapping[str, float], n_classifiers: int) -> None:
        # a second more for each: even what costs nothing must be read and written
        self._seconds = {name: (s + 1) / n_classifiers for name, s in seconds.items()}
        self._expected = sum(self._seconds.values()) * n_classifiers
        self._done = 0.0
        self._start = time.perf_counter()

    def done(self, encoder: str) -> None:
        """Count a row of an encoder as finished."""
        self._done += self._seconds[encoder]

    def __str__(self) -> str:
        passed = time.perf_counter() - self._start
        # the expected time counts, too, so that one slow row does not decide
        prior = self._expected / 2
        pace = (passed + prior) / (self._done + prior)
        left = pace * (self._expected - self._done)
        minutes = round(left / 60)
        return f"about {minutes} min left" if minutes else "less than a minute left"


class TimeShares:
    """The seconds of a comparison, divided among its encoders as it goes.

    `weights` say how much of the time each encoder and its classifiers should have,
    relative to the others.

    Examples
    --------
    >>> shares = TimeShares(90.0, {"raw": 1, "conv": 2})
    >>> round(shares.share("raw"))
    30
    >>> round(shares.share("conv"))  # raw is done, and took no time
    90
    """

    def __init__(self, seconds: float, weights: dict[str, float]) -> None:
        self._end = time.perf_counter() + seconds
        self._weights = dict(weights)

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - time.perf_counter())

    def share(self, name: str) -> float:
        """Seconds for an encoder and its classifiers, which must be the next to run."""
        total = sum(self._weights.values())
        return self.left * self._weights.pop(name) / total
