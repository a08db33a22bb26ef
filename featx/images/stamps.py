"""Stamps of files: their size, and what changes with their content."""

from __future__ import annotations

import hashlib
import os
from typing import IO, Any

from featx import remote, system

Stamp = tuple[int | str, ...]  # bytes, and what changes with the content

# What storages call a hash of the content, and what they tell otherwise.
_HASHES = tuple("ETag etag md5Hash content_md5 md5 sha256 sha blob_id CRC".split())
_TIMES = tuple("mtime LastModified last_modified updated created ino".split())
_COARSE = 10**7  # nanoseconds; a clock that no program can set ticks between these
_BLOCK = 2**20  # bytes


def stamp_local(path: str, status: os.stat_result) -> Stamp:
    """Tell a file of this machine from what it was, or will be, under its name.

    Size and time of modification can be what they were, after tar or ``touch -r``, or
    two folders that changed their names. No ordinary program sets a file's number and
    its time of change. Some file systems keep neither (FAT, squashfs; Windows): their
    clocks stand at whole hundredths of seconds, and the content says it.
    """
    stamp = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
    if status.st_ino and status.st_ctime_ns % _COARSE and not system.WINDOWS:
        return stamp
    return (*stamp, digest(path))


def stamp_remote(info: dict[str, Any]) -> Stamp:
    """Size, and the hash or else the times that a storage tells of a file."""
    marks = [info[key] for key in _HASHES if info.get(key)][:1]
    marks = marks or [info[key] for key in _TIMES if info.get(key)]
    return int(info.get("size") or 0), *map(str, marks)


def digest(path: str) -> str:
    """Hash the content of a file or URL, or say why it cannot be read."""

    def read(file: IO[bytes]) -> str:
        sha = hashlib.sha256()
        while block := file.read(_BLOCK):
            sha.update(block)
        return sha.hexdigest()

    try:
        return remote.read_from(path, read)
    except OSError as error:  # whoever decodes it will name it as skipped
        return str(error)
