"""What is printed: results on stdout, progress on stderr, safe on every terminal.

Progress is a live bar for people, and lines for log files.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from types import TracebackType
from typing import IO, Any, Self

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.text import Text

from featx.errors import FeatxError
from featx.names import NAMES_AS_BYTES, printable

ENDLESS = 10_000  # columns of a pipe or a file
LINE_EVERY_SECONDS = 10.0
SILENT_AT_MOST_SECONDS = 30.0  # a long fit has no steps of its own to tell


class SafeConsole(Console):
    """A console that prints names as they are, but for what a terminal would obey.

    Square brackets and colons mean nothing; control characters are escaped. Where stdout
    is no terminal, lines are as long as they are, unless COLUMNS says how long.

    Parameters
    ----------
    stderr : bool, default=False
        Print to stderr, else to stdout.
    **options : Any
        As `rich.console.Console` takes them.
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
            if isinstance(error, BrokenPipeError):
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


class StderrProgress:
    """A context manager that is called with a description, the steps done and in all.

    What libraries print meanwhile goes to stderr too: stdout belongs to the result.

    Parameters
    ----------
    console : rich.console.Console
        Writes to stderr.
    quiet : bool
        Show nothing.
    """

    def __init__(self, console: Console, quiet: bool) -> None:
        self.console = console
        self.quiet = quiet
        self.live = console.is_terminal and not quiet
        self.bar = Progress(
            SpinnerColumn("dots" if console.encoding.startswith("utf") else "line"),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not self.live,
        )
        self.job = ""
        self.text = ""
        self.last_line = 0.0
        self.start = time.monotonic()
        self.stdout = redirect_stdout(sys.stderr)
        self.over = threading.Event()
        self.heart = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        if not self.live and not self.quiet:
            self.heart.start()
        self.stdout.__enter__()
        self.bar.start()
        self.task = self.bar.add_task("", total=None, visible=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        self.bar.update(self.task, visible=False)
        self.bar.stop()
        self.stdout.__exit__(kind, error, trace)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show how far a job is; its name is what stands before the first comma."""
        job, _, _ = what.partition(",")
        known = total or None
        new, self.job = job != self.job, job
        if self.live:
            if new:
                self.bar.reset(self.task, total=known, visible=True)
            self.bar.update(
                self.task, description=what, completed=done, total=known, visible=True
            )
        elif not self.quiet:
            self.text = what + (f": {done:,} of {total:,}" if total else "")
            since = time.monotonic() - self.last_line
            if new or done == total or since >= LINE_EVERY_SECONDS:
                self._line(self.text)

    def _line(self, text: str) -> None:
        self.last_line = time.monotonic()
        elapsed = int(self.last_line - self.start)
        text = f"[{elapsed // 60}:{elapsed % 60:02}] {text}"
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _beat(self) -> None:
        """Repeat the last line where nothing was told for long."""
        while not self.over.wait(1):
            if self.text and time.monotonic() - self.last_line > SILENT_AT_MOST_SECONDS:
                self._line(f"{self.text}, still at it")
