"""Progress on stderr: a live bar for people, lines for log files."""

from __future__ import annotations

import time
from types import TracebackType
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


class StderrProgress:
    """A context manager that is called with a description, the steps done and in all.

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
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not self.live,
        )
        self.job = ""
        self.last_line = 0.0
        self.start = time.monotonic()

    def __enter__(self) -> Self:
        self.bar.start()
        self.task = self.bar.add_task("", total=None, visible=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.update(self.task, visible=False)
        self.bar.stop()

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
            now = time.monotonic()
            if new or done == total or now - self.last_line >= LINE_EVERY_SECONDS:
                self.last_line = now
                elapsed = int(now - self.start)
                self.console.print(
                    f"[{elapsed // 60}:{elapsed % 60:02}] {what}"
                    + (f": {done:,} of {total:,}" if total else ""),
                    highlight=False,
                    markup=False,
                    soft_wrap=True,
                )
