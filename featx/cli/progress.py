"""Progress on stderr: a live bar for people, and lines for log files."""

import sys
import threading
import time
from contextlib import redirect_stdout
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_EVERY_SECONDS = 10.0
SILENT_AT_MOST_SECONDS = 30.0  # a long fit has no steps of its own to tell


class StderrProgress:
    """A context manager that is called with a description, the steps done and in all.

    What libraries print meanwhile goes to stderr too: stdout belongs to the result.
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

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.bar.update(self.task, visible=False)
        self.bar.stop()
        self.stdout.__exit__(None, None, None)

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
