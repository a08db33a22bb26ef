"""What the commands have in common that ask a model about image files."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Protocol, TypeVar

import typer

from featx.cli.console import SafeConsole
from featx.cli.fields import argument, option
from featx.cli.output import check_some, end, err, tell_skipped
from featx.cli.progress import StderrProgress
from featx.errors import MissingDataError
from featx.names import NAMES_AS_BYTES

if TYPE_CHECKING:
    from featx.images import Skipped
    from featx.model import Model

SILENT_SECONDS = 2.0  # what takes longer shows its progress


@dataclass(frozen=True, kw_only=True)
class ImageFileOptions:
    """Options of a command that asks a model about image files."""

    model: str = argument("A model that 'featx fit --save' wrote.")
    paths: list[str] = argument(
        "Image files, folders, patterns, or - for a list of paths on stdin.",
        metavar="PATH...",
    )
    as_json: bool = option(False, "Print a JSON object per line.", "--json")
    strict: bool = option(
        False, "End with exit code 3 if images were skipped.", "--strict"
    )
    out: str | None = option(
        None,
        "Write to this file or URL, whole or not at all, instead of stdout.",
        metavar="FILE",
    )
    nul: bool = option(
        False,
        "Paths on stdin end with NUL, as 'find -print0' writes them. Usually that is "
        "recognized without this option.",
        "-0",
        "--null",
    )
    device: str = option(
        "auto", "Where the encoder runs: auto, cpu, cuda, cuda:1 or mps."
    )
    quiet: bool = option(False, "Show no progress.", "--quiet", "-q")

    def __post_init__(self) -> None:
        if self.nul and "-" not in self.paths:
            raise typer.BadParameter(
                "-0 is about a list on stdin; give - as a path, too"
            )
        if "-" in self.paths and sys.stdin is None:
            raise MissingDataError(
                "Got a closed stdin, but expected a list of paths there."
            )

    def load(self) -> Model:
        """Read the model, once it is clear that the answer can be written."""
        from featx.bundle import load
        from featx.output_files import check_out
        from featx.prediction import use_device

        if self.out is not None:
            check_out(self.out)
        model = load(self.model)
        use_device(model, self.device)
        return model

    def find(self) -> tuple[Iterator[str], int]:
        """Find the files, and how many they are; 0 if a list is still to come."""
        from featx.images import find_images, read_list

        if "-" not in self.paths:
            found = list(find_images(self.paths))
            return iter(found), len(found)
        files = find_images(path for path in self.paths if path != "-")
        return chain(files, read_list(sys.stdin.buffer, nul=self.nul)), 0


class Batch(Protocol):
    """What is said of some image files."""

    @property
    def ids(self) -> list[str]:
        """Paths of those that were read."""

    @property
    def skipped(self) -> list[Skipped]:
        """The others, and why."""


_Batch = TypeVar("_Batch", bound=Batch)


def answer(
    options: ImageFileOptions,
    what: str,
    ask: Callable[[Iterable[str]], Iterator[_Batch]],
    write: Callable[[_Batch, SafeConsole, bool], None],
    finish: Callable[[SafeConsole], None] = lambda _: None,
) -> None:
    """Ask about the files batch by batch, and write what is said of them.

    `write` gets each batch that has images, where it goes, and whether it is the first;
    `finish` writes what comes after all of them.
    """
    from featx.output_files import write_out

    files, total = options.find()
    # stdout as it is now: while there is progress, what libraries print goes to stderr
    sink = SafeConsole(file=sys.stdout if options.out is None else io.StringIO())
    n_read = n_skipped = 0
    start = time.monotonic()
    with StderrProgress(err, options.quiet or sink.file.isatty()) as progress:
        for batch in ask(files):
            if batch.ids:
                write(batch, sink, not n_read)
            for skipped in batch.skipped:
                tell_skipped(skipped)
            n_read += len(batch.ids)
            n_skipped += len(batch.skipped)
            done = n_read + n_skipped
            if time.monotonic() - start > SILENT_SECONDS:
                progress(what if total else f"{what}, {done:,} images", done, total)
    check_some(n_read, n_skipped)
    finish(sink)
    if options.out is not None:
        text = sink.file.getvalue()  # type: ignore[attr-defined]
        write_out(options.out, text.encode(errors=NAMES_AS_BYTES))
    end(options.strict, n_skipped)
