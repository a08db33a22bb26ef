"""Folders of images, on this machine or another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path

from featx import remote
from featx.errors import MissingDataError
from featx.images import heif
from featx.images.stamps import Stamp, digest, stamp_local, stamp_remote

_EXTENSIONS = tuple(
    ".avif .bmp .gif .jfif .jp2 .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split()
)
SHARDS = (".parquet", ".tar")


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


class LocalFolder:
    """A folder on this machine; ``str`` of it is what the user called it.

    Paths below it are relative, with forward slashes; hidden files and folders are left
    out.

    Attributes
    ----------
    key : str
        Its one name, however it was reached.
    """

    def __init__(self, root: Path, called: str = "") -> None:
        self.root = root
        self.key = str(root.resolve())
        self._called = called or str(root)

    def __str__(self) -> str:
        return self._called

    def subfolders(self, folder: str = "") -> list[str]:
        """Names of the folders inside a folder, sorted."""
        with os.scandir(self.root / folder) as entries:
            return sorted(e.name for e in entries if e.is_dir() and e.name[0] != ".")

    def files(self, folder: str) -> Iterator[tuple[str, Stamp | None]]:
        """Path of every file below a folder, at any depth, with an image's stamp.

        Without a folder, of every file. The stamp is None for what is no image. Links to
        folders are not followed: they come with a slash behind their path.
        """
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == ".":
                    continue
                path = f"{folder}/{name}" if folder else name
                if entry.is_dir(follow_symlinks=False):
                    yield from self.files(path)
                elif is_image(name) and entry.is_file():
                    yield path, stamp_local(entry.path, entry.stat())
                else:
                    yield path + "/" if os.path.isdir(entry.path) else path, None

    def count_images(self, folder: str = "") -> int:
        """Count the images right in a folder."""
        with os.scandir(self.root / folder) as entries:
            return sum(
                e.name[0] != "." and is_image(e.name) and e.is_file() for e in entries
            )

    def shards(self, folder: str = "") -> dict[str, Stamp]:
        """Path and stamp of every shard right in a folder, sorted."""
        stamps: dict[str, Stamp] = {}
        with os.scandir(self.root / folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name[0] != "." and is_shard(entry.name) and entry.is_file():
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    stamps[path] = stamp_local(entry.path, entry.stat())
        return stamps

    def stamp(self, path: str) -> Stamp | None:
        """Stamp of a file, whatever it is called; None if there is none."""
        place = self.locate(path)
        try:
            status = os.stat(place)
        except OSError:
            return None
        return stamp_local(place, status) if os.path.isfile(place) else None

    def names(self) -> list[str]:
        """Names of all files, whatever they are."""
        paths = self.root.rglob("*")
        return [p.name for p in paths if p.is_file() and p.name[0] != "."]

    def locate(self, path: str) -> str:
        """Return what to open for a path; of an empty one, what any path is added to."""
        return os.path.join(self.root, path)


class ListedFolder:
    """A folder that was listed whole, with the methods of `LocalFolder`.

    Parameters
    ----------
    key : str
        Its one name.
    start : str
        What a path is added to, to open it.
    stamps : dict of str to tuple
        By path; of a size alone where the storage tells no more.
    """

    def __init__(self, key: str, start: str, stamps: dict[str, Stamp]) -> None:
        self.key = key
        self._start = start
        self._listed = stamps

    def __str__(self) -> str:
        return self.key

    @cached_property
    def _folders(self) -> dict[str, dict[str, None]]:
        """Folders inside each folder."""
        inside: dict[str, dict[str, None]] = {}
        for path in self._listed:
            steps = path.split("/")[:-1]
            for depth, name in enumerate(steps):
                inside.setdefault("/".join(steps[:depth]), {})[name] = None
        return inside

    @cached_property
    def _stamps(self) -> dict[str, Stamp]:
        """Stamps of all images and shards; a file of which nothing is told is read."""
        stamps = {
            path: stamp
            for path, stamp in self._listed.items()
            if is_image(path) or is_shard(path)
        }
        unknown = [path for path, stamp in stamps.items() if len(stamp) == 1]
        with ThreadPoolExecutor() as pool:
            digests = pool.map(digest, map(self.locate, unknown))
            for path, content in zip(unknown, digests, strict=True):
                stamps[path] += (content,)
        return stamps

    @cached_property
    def _below(self) -> dict[str, list[tuple[str, Stamp | None]]]:
        """Files below each folder of the first two levels, where classes are."""
        below: dict[str, list[tuple[str, Stamp | None]]] = {}
        for path in self._listed:
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
        if folder:
            yield from self._below.get(folder, ())
            return
        for path in self._listed:
            yield path, self._stamps.get(path) if is_image(path) else None

    def count_images(self, folder: str = "") -> int:
        """Count the images right in a folder."""
        return sum(
            path.rpartition("/")[0] == folder and is_image(path)
            for path in self._listed
        )

    def shards(self, folder: str = "") -> dict[str, Stamp]:
        """Path and stamp of every shard right in a folder, sorted."""
        return {
            path: self._stamps[path]
            for path in sorted(self._listed)
            if is_shard(path) and path.rpartition("/")[0] == folder
        }

    def stamp(self, path: str) -> Stamp | None:
        """Stamp of a file, whatever it is called; None if there is none."""
        return self._stamps.get(path, self._listed.get(path))

    def names(self) -> list[str]:
        """Names of all files, whatever they are."""
        return [path.rpartition("/")[2] for path in self._listed]

    def locate(self, path: str) -> str:
        """Return what to open for a path; of an empty one, what any path is added to."""
        return f"{self._start}/{path}"


Folder = LocalFolder | ListedFolder


def list_remote(url: str) -> ListedFolder:
    """List a folder on another machine.

    Raises
    ------
    StorageError
        If the storage does not answer.
    MissingDataError
        If there is nothing below the URL.
    """
    key = url.rstrip("/")
    try:
        listed = remote.list_files(key)
    except (FileNotFoundError, PermissionError) as error:
        raise MissingDataError(f"Got {url}, but cannot read it: {error}.") from error
    stamps = {
        path: stamp_remote(info)
        for path, info in listed.items()
        if path and not any(name.startswith(".") for name in path.split("/"))
    }
    if not stamps:
        raise MissingDataError(
            f"Got {url}, but there are no files below it. Check the address."
        )
    return ListedFolder(key, key, stamps)


def list_file(path: str) -> ListedFolder:
    """Take one file, by its path or URL, for a folder that holds nothing else.

    Raises
    ------
    StorageError
        If the storage does not answer.
    MissingDataError
        If there is no such file.
    """
    folder, _, name = path.rpartition("/")
    if not remote.is_remote(path):
        return ListedFolder(path, folder, {name: stamp_local(path, os.stat(path))})
    info = remote.list_files(path).get("")
    if info is None:
        raise MissingDataError(f"Got {path}, but there is no such file.")
    return ListedFolder(path, folder, {name: stamp_remote(info)})
