"""Files that are written for the user: whole or as they were, here or elsewhere."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from featx import remote, system
from featx.errors import CacheError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step: it is there whole, or as it was before.

    A new file gets the mode that the process gives to new files, an existing one keeps
    its own. The file behind a symbolic link is replaced, not the link. Pipes and devices
    are written to as they are. OSError if it cannot be written.
    """
    mode = path.stat().st_mode if path.exists() else None
    if mode is not None and not stat.S_ISREG(mode):
        with path.open("wb") as special:
            special.write(content)
        return
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name[:16]}-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            # on Windows it says read-only or not, and what is read-only stays
            if mode is not None and not system.WINDOWS:
                os.chmod(temporary, stat.S_IMODE(mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        system.when_free(os.replace, temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Raise an OSError if no files can be written in a folder, which is left as it was.

    Where the folder does not exist, it is made and removed again.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".featx-"):
            pass
    finally:
        for place in made:
            with suppress(OSError):  # not made, or another process uses it by now
                place.rmdir()


def check_out(place: str | os.PathLike[str]) -> None:
    """Find out whether `write_out` can write a file, before there is anything to write.

    CacheError if the folder of the file is not there or cannot be written, or the place is
    a folder itself. Of a URL nothing is known before it is written.
    """
    if remote.is_remote(place):
        return
    path = Path(place)
    with _told_out(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not path.is_file():  # a pipe or a device
            return
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        check_folder(folder)
        system.check_replaceable(path)


def write_out(place: str | os.PathLike[str], content: bytes) -> None:
    """Write a file at a path or URL, whole or not at all; one of that name is replaced.

    CacheError if it cannot be written here, StorageError if the storage of a URL does not
    answer or refuses.
    """
    if remote.is_remote(place):
        remote.write_file(str(place), content)
        return
    path = Path(place)
    with _told_out(path):
        write_whole(path, content)


@contextmanager
def _told_out(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"Got {error.strerror or error} at {path}, but expected room and the right to "
            "write there. Free some space, close the program that has the file open, or "
            "give another path."
        ) from error
