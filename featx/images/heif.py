"""HEIC files, as phones write them, read by pillow-heif where it is installed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from featx.errors import pip_install

EXTENSIONS = (".heic", ".heif", ".hif")
FORMAT = "HEIF"  # Pillow's name for it
REMEDY = pip_install("featx[heic]")
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@cache
def installed() -> bool:
    """Whether HEIC files can be read here."""
    return find_spec("pillow_heif") is not None


@cache
def register() -> None:
    """Teach Pillow to read HEIC files; once a process, and only when one is met."""
    import_module("pillow_heif").register_heif_opener()


def is_heif(start: bytes) -> bool:
    r"""Whether a file that begins so is HEIC.

    Examples
    --------
    >>> is_heif(b"\0\0\0\x18ftypheic\0\0\0\0"), is_heif(b"GIF89a")
    (True, False)
    """
    return start[4:8] == b"ftyp" and start[8:12] in _BRANDS
