"""What is in the cache, for listings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from featx.errors import ParameterError
from featx.store.folders import MANIFEST, PARTIAL, whole_folder

KINDS = ("images", "encoders", "features", "rows", "diagnostics", "pictures")


@dataclass(frozen=True)
class Entry:
    """One line of ``featx cache ls``.

    Parameters
    ----------
    kind : str
        One of `KINDS`, such as ``"features"``.
    key : str
        Its name, 64 hexadecimal digits.
    size : int
        Bytes on disk.
    created, used : str
        When it was made and when it was opened last; ISO 8601, UTC.
    what : str
        What it holds, for people.
    complete : bool
        False for a training or an encoding that was interrupted and can be resumed.
    """

    kind: str
    key: str
    size: int
    created: str
    used: str
    what: str
    complete: bool


def look_at(folder: Path) -> Entry | None:
    """Describe an entry by its folder; None if another process removes it meanwhile."""
    manifest = _peek(folder)
    size = 0
    with suppress(FileNotFoundError):
        for file in folder.rglob("*"):
            with suppress(FileNotFoundError):  # the maker of a part replaces files
                size += file.stat().st_size if file.is_file() else 0
    try:
        used = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    if str(_peek(folder)) != str(manifest):  # made anew meanwhile
        return look_at(folder)
    return Entry(
        kind=folder.parent.name,
        key=whole_folder(folder).name,
        size=size,
        created=str(manifest.get("created", "")),
        used=used.isoformat(timespec="seconds"),
        what=str(manifest.get("what", "")),
        complete=not folder.name.endswith(PARTIAL),
    )


def _peek(folder: Path) -> dict[str, Any]:
    """Read what a manifest says; of a damaged one, nothing."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def choose(entries: Sequence[Entry], key: str) -> list[Entry]:
    """Choose the entries whose key begins with `key`.

    ParameterError if there are none, or it has fewer than 4 digits.
    """
    chosen = [e for e in entries if len(key) > 3 and e.key.startswith(key)]
    if not chosen:
        raise ParameterError(
            f"Got key {key!r}, but expected the first 4 or more digits of a key "
            "that 'featx cache ls' lists."
        )
    return chosen
