"""Checksums of folders: every byte is known, every later change is noticed."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from featx.errors import CacheError
from featx.system import when_free

SUMS = "SHA256SUMS"  # as sha256sum writes it, and "sha256sum -c" reads it
_STAMP = ".seen"
_BLOCK = 2**22


def seal(folder: Path, known: Mapping[str, str] | None = None) -> None:
    """Write the checksum of every file of a folder, which will not change, into it.

    `known` are SHA-256 of files whose content need not be read again, by name.
    """
    known = known or {}
    lines = [
        f"{known.get(name) or file_digest(folder / name)}  {name}\n"
        for name in _files(folder)
    ]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    _stamp(folder)


def damage(folder: Path) -> list[str]:
    """Read every byte of a sealed folder; a line for each file not as it was written.

    What is wrong is looked at again: the folder may have been removed meanwhile, or
    removed and made anew, and its files are then of two makings. FileNotFoundError if
    there is no such folder.
    """
    wrong = _damage(folder)
    while wrong and (again := _damage(folder)) != wrong:
        wrong = again
    return wrong


def _damage(folder: Path) -> list[str]:
    found = _files(folder)
    try:
        text = (folder / SUMS).read_bytes().decode("ascii")
    except FileNotFoundError:
        return [f"{SUMS} is missing"]
    except UnicodeDecodeError:
        return [f"{SUMS} has changed"]
    lines = text.split("\n")
    known = {line[66:]: line[:64] for line in lines[:-1] if line[64:66] == "  "}
    if lines[-1] or len(known) != len(lines) - 1:
        return [f"{SUMS} has changed"]
    wrong = [f"{name} is missing" for name in known if name not in found]
    wrong += [f"{name} does not belong there" for name in found if name not in known]
    wrong += [
        f"{name} has changed"
        for name in found
        if name in known and file_digest(folder / name) != known[name]
    ]
    return wrong


def check(folder: Path) -> None:
    """Raise a CacheError for a folder that changed since it was sealed.

    Its bytes are read only if the file system says that a file was touched since they
    were read last; decay that leaves no trace there is found by `damage` alone.
    """
    seen = None
    with suppress(FileNotFoundError, ValueError):
        seen = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    if seen == _states(folder):
        return
    wrong = damage(folder)
    if wrong:
        raise CacheError(
            f"Got a damaged entry in {folder} ({'; '.join(wrong[:3])}), but expected it as "
            f"it was written. Remove it with 'featx cache rm {folder.name[:12]}' and run "
            "again."
        )
    with suppress(OSError):  # a folder that may only be read is read every time
        _stamp(folder)


def file_digest(path: Path) -> str:
    """Hash a file with SHA-256, as 64 hexadecimal digits."""
    return hash_file(path).hexdigest()


def hash_file(path: Path, size: int = sys.maxsize) -> hashlib._Hash:
    """Hash the first `size` bytes of a file, so that more can be added to the hash."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(min(_BLOCK, size)):
            digest.update(block)
            size -= len(block)
    return digest


def _files(folder: Path) -> list[str]:
    names = os.listdir(folder)
    return sorted(n for n in names if n != SUMS and not n.startswith(_STAMP))


def _states(folder: Path) -> dict[str, list[int]]:
    """Size and times of every file; no ordinary program can set the time of change."""
    states = {}
    for name in [*_files(folder), SUMS]:
        with suppress(FileNotFoundError):
            found = (folder / name).stat()
            times = found.st_mtime_ns, found.st_ctime_ns
            states[name] = [found.st_size, *times, found.st_ino]
    return states


def _stamp(folder: Path) -> None:
    part = folder / f"{_STAMP}.{os.getpid()}"
    part.write_text(json.dumps(_states(folder)), encoding="utf-8")
    when_free(os.replace, part, folder / _STAMP)
