"""Where Windows does otherwise than Linux and macOS: files in use, and words of a shell."""

from __future__ import annotations

import errno
import gc
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

WINDOWS = os.name == "nt"
_PATIENCE = 2.0  # seconds
_PAUSE = 0.05  # seconds
_CONSOLE = "oem"  # the encoding of its programs, as Python calls it there
Done = TypeVar("Done")


def when_free(work: Callable[..., Done], *given: Any) -> Done:
    """Move or remove a file or folder as soon as nobody has it open.

    Windows refuses that while a file is open or mapped into memory, be it by this process,
    or for a moment by a scanner that looks at every new file. There it is tried for two
    seconds; elsewhere once.

    Parameters
    ----------
    work : callable
        Such as ``os.replace``.
    *given : object
        What it is called with.

    Raises
    ------
    OSError
        As `work` raises it in the end.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> when_free(os.rename, folder, folder.with_name(folder.name + "-new"))
    >>> when_free(os.rmdir, folder.with_name(folder.name + "-new"))
    """
    start: float | None = None
    while True:
        try:
            return work(*given)
        except OSError as error:
            late = start is not None and time.monotonic() - start > _PATIENCE
            if late or not is_in_use(error):
                raise
        if start is None:
            gc.collect()  # maps of this process that nobody uses any more
            start = time.monotonic()
        time.sleep(_PAUSE)


def is_in_use(error: OSError) -> bool:
    """Whether an error may say that somebody has a file open; never but on Windows."""
    return WINDOWS and isinstance(error, PermissionError)


def check_replaceable(path: Path) -> None:
    """Raise an OSError for a file that is read-only or open elsewhere, on Windows.

    Other systems replace such a file.
    """
    if WINDOWS and path.is_file():
        path.open("r+b").close()


def is_closed_pipe(error: OSError) -> bool:
    """Whether an error of a pipe says that its reader has gone.

    Examples
    --------
    >>> is_closed_pipe(BrokenPipeError()), is_closed_pipe(OSError(errno.ENOSPC, "full"))
    (True, False)
    """
    if isinstance(error, BrokenPipeError):
        return True
    return WINDOWS and error.errno == errno.EINVAL  # what C says of it there


def decode_path(name: bytes) -> str:
    """Read the name of a file as programs write it into pipes and files.

    On Windows that is UTF-8 or the encoding of the console.

    Examples
    --------
    >>> decode_path(b"cats/1.png")
    'cats/1.png'
    """
    if not WINDOWS:
        return os.fsdecode(name)
    try:
        return name.decode("utf-8-sig")
    except UnicodeDecodeError:
        return name.decode(_CONSOLE, "replace")


def for_shell(command: str) -> str:
    """Write a command line, quoted as `shlex` does it, for the shell of this system.

    Those of Windows take double quotes; PowerShell also wants them around commas.

    Examples
    --------
    >>> for_shell("featx fit 'my pets'")
    "featx fit 'my pets'"
    """
    if not WINDOWS:
        return command
    return " ".join(map(_in_double_quotes, shlex.split(command)))


def _in_double_quotes(word: str) -> str:
    """Quote a word where it needs that.

    >>> print(_in_double_quotes("my pets"), _in_double_quotes("svm,knn"))
    "my pets" "svm,knn"
    """
    quoted = subprocess.list2cmdline([word])
    return f'"{word}"' if quoted == word and set(word) & set(",;&|<>^()") else quoted
