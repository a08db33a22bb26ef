"""Sealed folders: every byte that was written is known, every later change is noticed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from featx.errors import CacheError

SUMS = "SHA256SUMS"  # as sha256sum writes it, and "sha256sum -c" reads it
_STAMP = ".seen"
_BLOCK = 2**22


def seal(folder: Path, known: Mapping[str, str] | None = None) -> None:
    """Write the checksum of every file of a folder into it.

    Parameters
    ----------
    folder : Path
        A folder of plain files that will not change any more.
    known : mapping of str to str, optional
        SHA-256 of files whose content need not be read again, by name.
    """
    digests = {name: (known or {}).get(name) for name in _files(folder)}
    lines = [
        f"{digest or file_digest(folder / name)}  {name}\n"
        for name, digest in digests.items()
    ]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    _stamp(folder)


def damage(folder: Path) -> list[str]:
    """Read every byte of a sealed folder and say what is not as it was written.

    What is wrong is looked at again: the folder may have been removed meanwhile, or
    removed and made anew, and its files are then of two makings.

    Parameters
    ----------
    folder : Path
        A folder that was sealed.

    Returns
    -------
    list of str
        A line for each file that changed, is missing or was added; empty if all is
        well.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     _ = (folder / "a.txt").write_text("as it was")
    ...     seal(folder)
    ...     first = damage(folder)
    ...     _ = (folder / "a.txt").write_text("as it wbs")
    ...     first, damage(folder)
    ([], ['a.txt has changed'])
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
    """Refuse a folder that changed since it was sealed.

    Its bytes are read only if the file system says that a file was touched since they
    were read last; decay that leaves no trace there is found by `damage` alone.

    Raises
    ------
    CacheError
        If it changed.
    """
    try:
        seen = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        seen = None
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
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _files(folder: Path) -> list[str]:
    names = os.listdir(folder)
    return sorted(n for n in names if n != SUMS and not n.startswith(_STAMP))


def _states(folder: Path) -> dict[str, list[int]]:
    """Size and times of every file; no ordinary program can set the time of change."""
    states = {}
    for name in [*_files(folder), SUMS]:
        try:
            found = (folder / name).stat()
        except FileNotFoundError:
            continue
        states[name] = [
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
            found.st_ino,
        ]
    return states


def _stamp(folder: Path) -> None:
    part = folder / f"{_STAMP}.{os.getpid()}"
    part.write_text(json.dumps(_states(folder)), encoding="utf-8")
    part.replace(folder / _STAMP)
