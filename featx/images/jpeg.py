"""Small JPEG files, straight from libjpeg-turbo.

Opening a file of a kilobyte takes Pillow longer than decoding it. simplejpeg calls the
same library, so that pixels are equal to the bit; everything out of the ordinary, damaged
files too, is left to Pillow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from os import PathLike
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_MOST_BYTES = 2**16
_MOST_PIXELS = 2**18
_START = b"\xff\xd8\xff"
_TURNED = (b"Exif", b"Orientation")  # what may say that the image lies on its side
_COLORS = ("YCbCr", "Gray")


@dataclass(frozen=True)
class SmallJpeg:
    """A JPEG file of nothing but gray or YCbCr pixels.

    Parameters
    ----------
    data : bytes
        The file.
    size : tuple of int
        Height and width.
    gray : bool
        True if it has no color.
    """

    data: bytes
    size: tuple[int, int]
    gray: bool

    @classmethod
    def read(cls, source: str | PathLike[str] | IO[bytes]) -> SmallJpeg | None:
        """Read a file, if it is one of these and simplejpeg is installed.

        A binary file is then where it was before. None if it must be read otherwise.
        """
        library = _simplejpeg()
        if library is None:
            return None
        if isinstance(source, str | PathLike):
            with open(source, "rb") as file:
                data = _beginning(file)
        else:
            place = source.tell()
            data = _beginning(source)
            source.seek(place)
        if not data.startswith(_START) or len(data) > _MOST_BYTES:
            return None
        if any(mark in data for mark in _TURNED):
            return None
        try:
            height, width, colors, _ = library.decode_jpeg_header(data)
        except ValueError:  # Pillow will say what is wrong with it
            return None
        if colors not in _COLORS or height * width > _MOST_PIXELS:
            return None
        return cls(data, (height, width), colors == "Gray")

    def pixels(self) -> NDArray[np.uint8] | None:
        """Decode to (h, w) or (h, w, 3); None if it is damaged in any way."""
        library = _simplejpeg()
        assert library is not None
        try:
            mode = "GRAY" if self.gray else "RGB"
            pixels: NDArray[np.uint8] = library.decode_jpeg(self.data, mode)
        except ValueError:  # Pillow will say what is wrong with it
            return None
        return pixels[..., 0] if self.gray else pixels


def _beginning(file: IO[bytes]) -> bytes:
    """Read a small JPEG file whole, a larger one beyond what is small, others hardly."""
    start = file.read(len(_START))
    return start + file.read(_MOST_BYTES) if start == _START else start


@cache
def _simplejpeg() -> Any:
    """Return the module, or None where it is not installed."""
    return import_module("simplejpeg") if find_spec("simplejpeg") else None
