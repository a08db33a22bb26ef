"""Where image files lie, and how some of them at once are opened."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Protocol, Self

from featx import remote
from featx.images.pixels import Source

AT_ONCE = 64  # files that are fetched from another machine together


class Places(Protocol):
    """Where the images of a set lie, one after the other; small, for it travels."""

    def __len__(self) -> int: ...

    def take(self, rows: Sequence[int]) -> Self:
        """Return the places at `rows`, in that order."""

    def open(self) -> Iterator[Source | Exception]:
        """Give what Pillow opens for each place, or why that cannot be had."""


class Files:
    """Image files of their own.

    Parameters
    ----------
    paths : list of str
        Paths, or URLs of one storage.

    Examples
    --------
    >>> files = Files(["a.png", "b.png", "c.png"])
    >>> list(files.take([2, 0]).open())
    ['c.png', 'a.png']
    """

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Sequence[int]) -> Files:
        """Return the places at `rows`, in that order."""
        return Files([self.paths[row] for row in rows])

    def open(self) -> Iterator[Source | Exception]:
        """Give paths, or the content of files on other machines, fetched some at once."""
        if not self.paths or not remote.is_remote(self.paths[0]):
            yield from self.paths
            return
        for start in range(0, len(self.paths), AT_ONCE):
            for content in remote.read_files(self.paths[start : start + AT_ONCE]):
                yield io.BytesIO(content) if isinstance(content, bytes) else content
