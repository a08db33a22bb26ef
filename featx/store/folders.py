"""Folders that are whole or absent, and the manifest inside each."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from featx._version import __version__
from featx.errors import CacheError, FeatxError
from featx.store.checksums import check, seal
from featx.system import when_free

FORMAT = 6  # of everything in the cache; a new number makes every entry anew
MANIFEST = "manifest.json"
PARTIAL = ".partial"  # ends the name of a folder that an interrupted process can resume


def default_cache_dir() -> Path:
    """Folder of the cache: ``$FEATX_CACHE``, or where the system keeps caches."""
    named = os.environ.get("FEATX_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("featx"))


@contextmanager
def cache_errors(folder: Path) -> Iterator[None]:
    """Tell what the system says about a cache folder in one line, with the remedy."""
    try:
        yield
    except FeatxError:
        raise
    except OSError as error:
        raise CacheError(
            f"Got {error.strerror or error} at the cache folder {folder}, but expected "
            "room and the right to read and write there. Free some space, or give "
            "another folder with --cache-dir or FEATX_CACHE."
        ) from error


def partial_folder(final: Path) -> Path:
    """Where the parts of an entry are until it is whole."""
    return final.with_name(final.name + PARTIAL)


def whole_folder(folder: Path) -> Path:
    """Where an entry is when it is whole, of its folder or its partial one."""
    return folder.with_name(folder.name.removesuffix(PARTIAL))


def provenance() -> dict[str, Any]:
    """Return what every manifest says of its origin: format, version and time."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"format": FORMAT, "featx": __version__, "created": now}


def write_json(path: Path, value: object) -> None:
    """Write a JSON file that is whole or absent."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    when_free(os.replace, part, path)


def finish_folder(
    work: Path,
    final: Path,
    manifest: Mapping[str, Any],
    known: Mapping[str, str] | None = None,
) -> None:
    """Write the manifest and the checksums of a filled folder, then give it its name.

    `known` is as for `seal`. An entry of that name is kept: entries are named after
    their content, so both are the same.
    """
    write_json(work / MANIFEST, dict(manifest) | provenance())
    seal(work, known)
    rename_folder(work, final)


def rename_folder(work: Path, final: Path) -> None:
    """Give a finished folder its name, unless one of that name is there already."""
    try:
        when_free(os.rename, work, final)
    except OSError as error:
        if (final / MANIFEST).is_file():
            return
        if final.exists() or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        rename_folder(work, final)  # one was there, and was removed just now


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a whole folder; None if there is no such folder.

    Nor is there one if another process removes it while it is read. CacheError if
    anything in the folder changed since it was written.
    """
    with cache_errors(folder.parent):
        if not folder.is_dir():
            return None
        try:
            check(folder)
            text = (folder / MANIFEST).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
    note_use(folder)
    manifest: dict[str, Any] = json.loads(text)
    return manifest


def note_use(folder: Path) -> None:
    """Let the time of a folder say when it was used last, where that can be set."""
    with suppress(
        OSError
    ):  # in a cache that may only be read, nothing is pruned either
        os.utime(folder)
