"""Printing that is safe on every terminal, in every encoding and into every pipe."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from featx.errors import FeatxError
from featx.names import NAMES_AS_BYTES, printable
from featx.system import is_closed_pipe

ENDLESS = 10_000  # columns of a pipe or a file


class SafeConsole(Console):
    """A console that prints names as they are, but for what a terminal would obey.

    Square brackets and colons mean nothing; control characters are escaped. Where stdout
    is no terminal, lines are as long as they are, unless COLUMNS says how long.
    """

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        super().__init__(
            stderr=stderr, highlight=False, markup=False, emoji=False, **options
        )

    @property
    def options(self) -> ConsoleOptions:
        """How to render, with the columns there is room for."""
        options = super().options
        return options.update_width(ENDLESS) if self._endless else options

    @property
    def _endless(self) -> bool:
        return not (self.stderr or self.file.isatty() or "COLUMNS" in os.environ)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a text of a string; control characters are escaped before the layout."""
        return super().render_str(printable(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render with control characters escaped."""
        for segment in super().render(renderable, options):
            safe = segment.control or segment.text.isprintable()
            yield segment if safe else segment._replace(text=printable(segment.text))

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; an stdout that takes nothing more is told in one line."""
        with self._told():
            super().print(*objects, **{"crop": not self._endless} | options)

    def write(self, text: str) -> None:
        """Write a document for programs: as it is, but for a terminal."""
        with self._told():
            self.file.write(printable(text) if self.file.isatty() else text)

    def flush(self) -> None:
        """Hand over what was printed, while there is somebody to tell that it failed."""
        with self._told():
            self.file.flush()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self.stderr:
                raise
            _drop(self.file)
            if is_closed_pipe(error):
                raise SystemExit(1) from None  # whoever read has seen enough
            raise FeatxError(
                f"Got {error.strerror or error} at stdout, but expected room for the "
                "result. Free some space, or send it elsewhere."
            ) from error


def _drop(stream: IO[str]) -> None:
    """Send what is left to nowhere: Python would try again when it ends."""
    with suppress(OSError):  # io.UnsupportedOperation where there is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def prepare_streams() -> None:
    """Let stdout and stderr take every name, whatever their encoding.

    What they cannot show is escaped. In a pipe or a file, names of files that are not text
    are their bytes again.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            piped = stream is sys.stdout and not stream.isatty()
            stream.reconfigure(errors=NAMES_AS_BYTES if piped else "backslashreplace")
