"""Folders of images, on this machine or another."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path
from typing import IO, Any, Protocol

from featx import remote
from featx.errors import MissingDataError
from featx.images import heif

_EXTENSIONS = (
    *(".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg"),
    *(".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"),
)
# What storages call a hash of the content, and what they tell otherwise.
_HASHES = (
    *("ETag", "etag", "md5Hash", "content_md5", "md5", "sha256", "sha", "blob_id"),
    "CRC",
)
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "created", "ino")
_COARSE = 10**7  # nanoseconds; a clock that no program can set ticks between these
_BLOCK = 2**20  # bytes
SHARDS = (".parquet", ".tar")
Stamp = tuple[int | str, ...]  # bytes, and what changes with the content


@cache
def extensions() -> tuple[str, ...]:
    """Extensions of the image files that can be read here."""
    return _EXTENSIONS + heif.EXTENSIONS if heif.installed() else _EXTENSIONS


def is_image(name: str) -> bool:
    """Whether a file that is not hidden has the extension of an image."""
    return name.lower().endswith(extensions())  # millions are asked: no splitting


def is_shard(name: str) -> bool:
    """Whether a file has the extension of a shard, which holds many images."""
    return os.path.splitext(name)[1].lower() in SHARDS


class Tree(Protocol):
    """A folder of images; ``str`` of it is what the user called it.

    Paths below it are relative, with forward slashes; hidden files and folders are left
    out.

    Attributes
    ----------
    key : str
        Its one name, however it was reached.
    """

    key: str

    def subfolders(self, folder: str = "") -> list[str]:
        """Names of the folders inside a folder, sorted."""

    def files(self, folder: str) -> Iterator[tuple[str, Stamp | None]]:
        """Path of every file below a folder, at any depth, with an image's stamp.

        The stamp is None for what is no image. Links to folders are not followed: they
        come with a slash behind their path.
        """

    def loose(self, folder: str = "") -> int:
        """How many images lie right in a folder."""

    def shards(self, folder: str = "") -> dict[str, Stamp]:
        """Path and stamp of every shard right in a folder, sorted."""

    def names(self) -> list[str]:
        """Names of all files, whatever they are."""

    def place(self, path: str) -> str:
        """Return what to open for a path; of an empty one, what any path is added to."""


class LocalTree:
    """A folder on this machine.

    Parameters
    ----------
    root : Path
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = str(root.resolve())

    def __str__(self) -> str:
        return str(self.root)

    def subfolders(self, folder: str = "") -> list[str]:
        """Names of the folders inside a folder, sorted."""
        with os.scandir(self.root / folder) as entries:
            return sorted(e.name for e in entries if e.is_dir() and e.name[0] != ".")

    def files(self, folder: str) -> Iterator[tuple[str, Stamp | None]]:
        """Path of every file below a folder, at any depth, with an image's stamp."""
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == ".":
                    continue
                path = f"{folder}/{name}"
                if entry.is_dir(follow_symlinks=False):
                    yield from self.files(path)
                elif is_image(name) and entry.is_file():
                    yield path, _stamp_here(entry.path, entry.stat())
                else:
                    yield path + "/" if os.path.isdir(entry.path) else path, None

    def loose(self, folder: str = "") -> int:
        """How many images lie right in a folder."""
        with os.scandir(self.root / folder) as entries:
            return sum(
                e.name[0] != "." and is_image(e.name) and e.is_file() for e in entries
            )

    def shards(self, folder: str = "") -> dict[str, Stamp]:
        """Path and stamp of every shard right in a folder, sorted."""
        found: dict[str, Stamp] = {}
        with os.scandir(self.root / folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name[0] != "." and is_shard(entry.name) and entry.is_file():
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    found[path] = _stamp_here(entry.path, entry.stat())
        return found

    def names(self) -> list[str]:
        """Names of all files, whatever they are."""
        every = self.root.rglob("*")
        return [p.name for p in every if p.is_file() and p.name[0] != "."]

    def place(self, path: str) -> str:
        """Return what to open for a path."""
        return os.path.join(self.root, path)


class RemoteTree:
    """A folder on another machine; it is listed once.

    Parameters
    ----------
    url : str
        Of the folder.

    Raises
    ------
    StorageError
        If the storage does not answer.
    MissingDataError
        If there is nothing below the URL.
    """

    def __init__(self, url: str) -> None:
        self.key = url.rstrip("/")
        try:
            found = remote.list_files(self.key)
        except (FileNotFoundError, PermissionError) as error:
            raise MissingDataError(
                f"Got {url}, but cannot read it: {error}."
            ) from error
        self._info = {
            path: info
            for path, info in found.items()
            if path and not any(name.startswith(".") for name in path.split("/"))
        }
        if not self._info:
            raise MissingDataError(
                f"Got {url}, but there are no files below it. Check the address."
            )

    def __str__(self) -> str:
        return self.key

    @cached_property
    def _folders(self) -> dict[str, dict[str, None]]:
        """Folders inside each folder."""
        inside: dict[str, dict[str, None]] = {}
        for path in self._info:
            steps = path.split("/")[:-1]
            for depth, name in enumerate(steps):
                inside.setdefault("/".join(steps[:depth]), {})[name] = None
        return inside

    @cached_property
    def _stamps(self) -> dict[str, Stamp]:
        """Stamps of all images and shards; a file of which nothing is told is read."""
        stamps = {
            path: _stamp_there(info)
            for path, info in self._info.items()
            if is_image(path) or is_shard(path)
        }
        unknown = [path for path, stamp in stamps.items() if len(stamp) == 1]
        with ThreadPoolExecutor() as pool:
            digests = pool.map(_digest, map(self.place, unknown))
            for path, digest in zip(unknown, digests, strict=True):
                stamps[path] += (digest,)
        return stamps

    @cached_property
    def _below(self) -> dict[str, list[tuple[str, Stamp | None]]]:
        """Files below each folder of the first two levels, where classes are."""
        below: dict[str, list[tuple[str, Stamp | None]]] = {}
        for path in self._info:
            stamp = self._stamps[path] if is_image(path) else None
            steps = path.split("/")[:-1]
            for depth in (1, 2):
                if len(steps) >= depth:
                    below.setdefault("/".join(steps[:depth]), []).append((path, stamp))
        return below

    def subfolders(self, folder: str = "") -> list[str]:
        """Names of the folders inside a folder, sorted."""
        return sorted(self._folders.get(folder, ()))

    def files(self, folder: str) -> Iterator[tuple[str, Stamp | None]]:
        """Path of every file below a folder, at any depth, with an image's stamp."""
        return iter(self._below.get(folder, ()))

    def loose(self, folder: str = "") -> int:
        """How many images lie right in a folder."""
        return sum(
            path.rpartition("/")[0] == folder and is_image(path) for path in self._info
        )

    def shards(self, folder: str = "") -> dict[str, Stamp]:
        """Path and stamp of every shard right in a folder, sorted."""
        return {
            path: self._stamps[path]
            for path in sorted(self._info)
            if is_shard(path) and path.rpartition("/")[0] == folder
        }

    def names(self) -> list[str]:
        """Names of all files, whatever they are."""
        return [path.rpartition("/")[2] for path in self._info]

    def place(self, path: str) -> str:
        """Return what to open for a path."""
        return f"{self.key}/{path}"


class OneFile:
    """A single file, as a folder that holds nothing else.

    Parameters
    ----------
    place : str
        Path or URL.

    Raises
    ------
    StorageError
        If the storage does not answer.
    MissingDataError
        If there is no such file.
    """

    def __init__(self, place: str) -> None:
        self.key = place
        self._folder, _, self.name = place.rpartition("/")
        if remote.is_remote(place):
            info = remote.list_files(place).get("")
            if info is None:
                raise MissingDataError(f"Got {place}, but there is no such file.")
            self.stamp = _stamp_there(info)
            if len(self.stamp) == 1:
                self.stamp += (_digest(place),)
        else:
            self.stamp = _stamp_here(place, os.stat(place))

    def __str__(self) -> str:
        return self.key

    def subfolders(self, folder: str = "") -> list[str]:
        """Return an empty list."""
        return []

    def files(self, folder: str) -> Iterator[tuple[str, Stamp | None]]:
        """Return an empty iterator."""
        return iter(())

    def loose(self, folder: str = "") -> int:
        """Return 0."""
        return 0

    def shards(self, folder: str = "") -> dict[str, Stamp]:
        """Path and stamp of the file."""
        return {self.name: self.stamp}

    def names(self) -> list[str]:
        """Name of the file."""
        return [self.name]

    def place(self, path: str) -> str:
        """Return what to open for a path."""
        return f"{self._folder}/{path}"


def _stamp_here(path: str, found: os.stat_result) -> Stamp:
    """Tell a file of this machine from what it was, or will be, under its name.

    Size and time of modification can be what they were, after tar or ``touch -r``, or
    two folders that changed their names. No ordinary program sets a file's number and
    its time of change. Some file systems keep neither (FAT, squashfs; Windows): their
    clocks stand at whole hundredths of seconds, and the content says it.
    """
    stamp = (found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns)
    if found.st_ino and found.st_ctime_ns % _COARSE and os.name == "posix":
        return stamp
    return (*stamp, _digest(path))


def _stamp_there(info: dict[str, Any]) -> Stamp:
    """Size, and the hash or else the times that a storage tells of a file."""
    told = [info[key] for key in _HASHES if info.get(key)][:1]
    told = told or [info[key] for key in _TIMES if info.get(key)]
    return int(info.get("size") or 0), *map(str, told)


def _digest(place: str) -> str:
    """Hash the content of a file, or say why it cannot be read."""

    def read(file: IO[bytes]) -> str:
        digest = hashlib.sha256()
        while block := file.read(_BLOCK):
            digest.update(block)
        return digest.hexdigest()

    try:
        return remote.read_from(place, read)
    except OSError as error:  # whoever decodes it will name it as skipped
        return str(error)
