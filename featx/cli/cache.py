"""The commands `featx cache ls`, `rm`, `verify` and `prune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.filesize import decimal

from featx.cli.output import err, out, print_json
from featx.cli.parsing import check_here, parse_bytes, parse_time
from featx.cli.progress import StderrProgress

if TYPE_CHECKING:
    from featx.store import Entry, Store

cache_app = typer.Typer(
    help="List, check and remove what is cached.", no_args_is_help=True
)
CACHE_DIR = typer.Option(None, help="Where images, encoders and features are kept.")


@cache_app.command("ls")
def cache_ls(
    cache_dir: Path | None = CACHE_DIR,
    as_json: bool = typer.Option(
        False, "--json", help="Print one JSON document instead of text."
    ),
) -> None:
    """List what is cached, oldest first."""
    from featx.reports import cache_table

    store = _open(cache_dir)
    entries = store.entries()
    if as_json:
        print_json({"folder": store.folder, "entries": [vars(one) for one in entries]})
    else:
        out.print(cache_table(store.folder, entries))


@cache_app.command("rm")
def cache_rm(
    keys: list[str] = typer.Argument(
        metavar="KEY...", help="First digits of keys, at least four."
    ),
    cache_dir: Path | None = CACHE_DIR,
) -> None:
    """Remove entries by the first digits of their keys."""
    store = _open(cache_dir)
    for key in keys:
        for entry in store.remove(key):
            out.print(f"removed {_line(entry)}")


@cache_app.command("verify")
def cache_verify(
    keys: list[str] | None = typer.Argument(
        None, metavar="[KEY...]", help="First digits of keys; by default all entries."
    ),
    cache_dir: Path | None = CACHE_DIR,
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Show no progress."),
) -> None:
    """Read every byte of the cache and name what is not as it was written."""
    with StderrProgress(err, quiet) as progress:
        damaged = _open(cache_dir).verify(keys or (), progress=progress)
    for entry, wrong in damaged:
        out.print(f"damaged {_line(entry)}: {'; '.join(wrong)}", soft_wrap=True)
    if damaged:
        raise typer.Exit(1)
    out.print("All entries are as they were written.")


@cache_app.command("prune")
def cache_prune(
    max_size: str | None = typer.Option(
        None, help="Keep at most this many bytes, such as 500M or 20G."
    ),
    older_than: str | None = typer.Option(
        None, help="Remove what was not used for this long, such as 30d or 12h."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Only say what would be removed."
    ),
    cache_dir: Path | None = CACHE_DIR,
) -> None:
    """Remove entries that were not used for long, the longest unused first."""
    if max_size is None and older_than is None:
        raise typer.BadParameter("give --max-size, --older-than or both")
    removed = _open(cache_dir).prune(
        max_size=None if max_size is None else parse_bytes(max_size),
        older_than=None if older_than is None else parse_time(older_than),
        dry_run=dry_run,
    )
    verb = "would remove" if dry_run else "removed"
    for entry in removed:
        out.print(f"{verb} {_line(entry)}", soft_wrap=True)
    size = decimal(sum(entry.size for entry in removed))
    out.print(f"{size} in {len(removed)} entries")


def _open(folder: Path | None) -> Store:
    from featx.store import Store

    if folder is not None:
        check_here(folder)
    return Store(folder)


def _line(entry: Entry) -> str:
    return f"{entry.kind} {entry.key[:12]} {entry.what}"
