"""Where image files lie, and how some of them at once are opened."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from featx import remote
from featx.images.pixels import Source

AT_ONCE = 64  # files that are fetched from another machine together


@dataclass(frozen=True)
class Files:
    """Image files of their own.

    Parameters
    ----------
    paths : list of str
        Paths, or URLs of one storage.
    start : str, default=""
        What they all begin with; it is put before them when they are opened, which most of
        the time they are not.

    Examples
    --------
    >>> files = Files(["a.png", "b.png", "c.png"], "pets/")
    >>> list(files.take([2, 0]).open())
    ['pets/c.png', 'pets/a.png']
    """

    paths: list[str]
    start: str = ""

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Sequence[int]) -> Files:
        """Return the locations at `rows`, in that order."""
        return Files([self.paths[row] for row in rows], self.start)

    def open(self) -> Iterator[Source | Exception]:
        """Give paths, or the content of files on other machines, fetched some at once."""
        whole = [self.start + path for path in self.paths]
        if not whole or not remote.is_remote(whole[0]):
            yield from whole
            return
        for first in range(0, len(whole), AT_ONCE):
            for content in remote.read_files(whole[first : first + AT_ONCE]):
                yield io.BytesIO(content) if isinstance(content, bytes) else content


@dataclass(frozen=True)
class Several:
    """Images of several places, one place after another.

    Parameters
    ----------
    places : tuple of locations
        Each with a length, `take` and `open`.

    Examples
    --------
    >>> both = Several((Files(["a.png", "b.png"], "more/"), Files(["c.png"], "pets/")))
    >>> list(both.take([1, 2]).open())
    ['more/b.png', 'pets/c.png']
    """

    places: tuple[Any, ...]

    def __len__(self) -> int:
        return sum(map(len, self.places))

    def take(self, rows: Sequence[int]) -> Several:
        """Return the locations at `rows`, which are those of earlier places first."""
        taken, start = [], 0
        for place in self.places:
            stop = start + len(place)
            some = [row - start for row in rows if start <= row < stop]
            taken.append(place.take(some))
            start = stop
        return Several(tuple(taken))

    def open(self) -> Iterator[Source | Exception]:
        """Give what the places give."""
        for place in self.places:
            yield from place.open()
