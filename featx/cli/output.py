"""What every command prints alike: results to stdout, all else to stderr."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from typer import Exit

from featx._version import __version__
from featx.cli.console import SafeConsole
from featx.errors import FeatxWarning, MissingDataError, ParameterError

if TYPE_CHECKING:
    from featx.images import Dataset, Skipped

out = SafeConsole()
err = SafeConsole(stderr=True)


def say(text: str, quiet: bool) -> None:
    """Tell what is good to know, unless nobody wants to."""
    if not quiet:
        err.print(text, soft_wrap=True)


def print_line(message: object, style: str) -> None:
    """Print an error or a warning in one line."""
    line = f"featx: {' '.join(str(message).split())}"
    err.print(line, style=style, soft_wrap=True)


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Print the warnings of featx like errors; those of others stay as they are."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_line(message: Any, category: type[Warning], *place: Any) -> None:
            if issubclass(category, FeatxWarning):
                print_line(message, "yellow")
            else:
                show(message, category, *place)

        warnings.showwarning = show_line  # type: ignore[assignment]
        yield


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document, with the version of featx."""
    from featx.reports.documents import dumps

    out.write(dumps({"featx": __version__, **document}, indent=2) + "\n")


def tell_dataset(dataset: Dataset, quiet: bool, *, folds: int = 0) -> None:
    """Say what the user should know of the images."""
    if folds:
        dataset = dataset.whole  # and no word of a test part
    for note in dataset.notes:
        say(note, quiet)
    for skipped in dataset.skipped[:20]:
        tell_skipped(skipped)
    if dataset.skipped:
        err.print(f"{len(dataset.skipped):,} images were skipped.")
    height, width, channels = dataset.image_shape
    counts = [
        f"{len(part):,} {name}"
        for part, name in (
            (dataset.unlabeled, "unlabeled"),
            (dataset.train, "labeled" if folds else "training"),
            (dataset.test, "test"),
        )
        if len(part) and not (folds and name == "test")
    ]
    n_classes = len(dataset.class_names)
    say(
        f"{dataset.name}: {' and '.join(', '.join(counts).rsplit(', ', 1))} images, "
        f"{height} x {width} x {channels}"
        + (f", {n_classes} classes" if n_classes else "")
        + (f", judged in {folds} folds." if folds else "."),
        quiet,
    )


def tell_skipped(skipped: Skipped) -> None:
    """Say which image was skipped, and why."""
    err.print(f"skipped {skipped.id}: {skipped.reason}", soft_wrap=True)


def check_some(n_read: int, n_skipped: int) -> None:
    """Tell how many files were skipped; MissingDataError if none was read."""
    if not n_read:
        raise MissingDataError(
            f"Got {n_skipped:,} files, but expected at least one image that can be read. "
            "Check the paths."
        )
    if n_skipped:
        err.print(f"{n_skipped:,} images were skipped.")


def is_page(place: str | None, *, as_json: bool) -> bool:
    """Whether a page is to be written, by the name of the file.

    Raises
    ------
    ParameterError
        If JSON is asked for, too.

    Examples
    --------
    >>> is_page("near.html", as_json=False), is_page("near.csv", as_json=False)
    (True, False)
    """
    if place is None or not place.lower().endswith(".html"):
        return False
    if as_json:
        raise ParameterError(
            f"Got --json with --out {place}, but expected one of them: a page is no JSON. "
            "Name another file, or leave --json out."
        )
    return True


def end(strict: bool, n_skipped: int) -> None:
    """End a command with exit code 3 if images were skipped and that matters."""
    if strict and n_skipped:
        raise Exit(3)
