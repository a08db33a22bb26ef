"""From one image file, in any of Pillow's modes, to gray or RGB pixels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from featx.errors import DataError
from featx.images import heif
from featx.images.jpeg import SmallJpeg

Source = str | PathLike[str] | IO[bytes]
GRAY_MODES = ("1", "L", "LA", "La", "I", "F")  # and I;16 in its byte orders
ORIENTATION = 0x0112  # EXIF tag; 5 to 8 turn the image on its side
WHITE = (255, 255, 255, 255)
_AT_ONCE = 2**20  # pixels that take eight bytes meanwhile
# What an image may be, whatever its name says. Pillow knows forty formats more: some run
# another program (EPS), and each is one more decoder that a stranger's file can reach.
_WANTED = "AVIF BMP GIF JPEG JPEG2000 MPO PNG PPM TIFF WEBP".split()
Image.init()
FORMATS = [name for name in _WANTED if name in Image.OPEN]  # not every build has all


@dataclass(frozen=True)
class Header:
    """What a file says of its image before any pixel is read.

    Parameters
    ----------
    size : tuple of int
        Height and width, as seen after the EXIF orientation.
    gray : bool
        True if the mode has no color.
    """

    size: tuple[int, int]
    gray: bool


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Turn Pillow's warning of decompression bombs into an error, silence its others."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b|pillow_heif\b")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _open(path: Source) -> Image.Image:
    """Open an image of one of `FORMATS`, or HEIC where that can be read."""
    try:
        return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        if not heif.is_heif(_beginning(path)):
            raise
    if not heif.installed():
        raise DataError(f"a HEIC file; {heif.REMEDY} to read it")
    heif.register()
    return Image.open(path, formats=[heif.FORMAT])


def _beginning(path: Source) -> bytes:
    if isinstance(path, str | PathLike):
        with open(path, "rb") as file:
            return file.read(16)
    path.seek(0)
    return path.read(16)


def read_header(path: Source) -> Header:
    """Read size and mode of an image without decoding it.

    Raises whatever Pillow raises for a file it cannot read.
    """
    jpeg = SmallJpeg.read(path)
    if jpeg is not None:
        return Header(jpeg.size, jpeg.gray)
    with _open(path) as image:
        width, height = image.size
        # Asking a PNG without EXIF for it would decode the pixels.
        if "exif" in image.info and image.getexif().get(ORIENTATION, 1) >= 5:
            width, height = height, width
        gray = image.mode in GRAY_MODES or image.mode.startswith("I;16")
        return Header((height, width), gray)


def read_pixels(
    path: Source, size: tuple[int, int], channels: int, fit: str = "stretch"
) -> NDArray[np.uint8]:
    """Decode an image file to the size (height, width) and 1 or 3 channels.

    The EXIF orientation is applied, transparency is laid on white; other sizes are
    resized (Lanczos, antialiased), other shapes as `resize` says. Raises whatever Pillow
    raises for a file it cannot read, cut short or damaged.
    """
    draft = 2 * max(size)
    jpeg = SmallJpeg.read(path)
    # not where Pillow would decode a smaller one, nor where it would mix gray of colors
    if jpeg is not None and min(jpeg.size) < 2 * draft and jpeg.gray == (channels == 1):
        decoded = jpeg.pixels()
        if decoded is not None:
            return resize(Image.fromarray(decoded), size, fit)
    with _open(path) as opened:
        # A large JPEG is decoded at half, a quarter or an eighth of its size, never
        # below twice the wanted one.
        opened.draft(None, (draft, draft))
        image = ImageOps.exif_transpose(eight_bits(opened))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    return resize(image.convert("L" if channels == 1 else "RGB"), size, fit)


def eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and float gray images to 8 bits; leave others alone.

    Modes ``I;16*`` and ``I`` hold 0 to 65535, ``F`` holds 0 to 1 or 0 to 255.

    Raises
    ------
    DataError
        If the values lie outside their range.
    """
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image).reshape(-1)
    low, high = values.min(), values.max()
    if image.mode == "F":
        top, expected = 1.0 if high <= 1 else 255.0, "0 to 1 or 0 to 255"
    else:
        top, expected = 65535.0, "0 to 65535"
    if not (low >= 0 and high <= top):  # NaN fails both
        raise DataError(f"pixels from {low:g} to {high:g}, but expected {expected}")
    scaled = np.empty(len(values), np.uint8)
    for start in range(0, len(values), _AT_ONCE):
        part = values[start : start + _AT_ONCE].astype(np.float64)
        scaled[start : start + _AT_ONCE] = np.rint(part * (255 / top))
    result = Image.fromarray(scaled.reshape(image.height, image.width))
    result.info = {k: v for k, v in image.info.items() if k != "transparency"}
    return result


def resize(
    image: Image.Image, size: tuple[int, int], fit: str = "stretch"
) -> NDArray[np.uint8]:
    """Resize a gray or RGB image to (height, width); return its pixels, (h, w, c).

    An image in another shape is stretched, padded with the mean color of its border, or
    cropped to its middle.
    """
    columns_rows, method = size[::-1], Image.Resampling.LANCZOS
    if image.size != columns_rows and fit == "pad":
        inside = image.resize(_inside(image.size, columns_rows), method)
        image = ImageOps.pad(inside, columns_rows, method, color=_border_color(image))
    elif image.size != columns_rows and fit == "crop":
        image = ImageOps.fit(image, columns_rows, method)
    elif image.size != columns_rows:
        image = image.resize(columns_rows, method)
    pixels = np.asarray(image)
    return pixels.reshape(*size, -1)


def with_channels(X: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Turn images (n, h, w, c) from gray to color or back, as `read_pixels` does.

    Other numbers of channels stay.

    Examples
    --------
    >>> red = np.zeros((1, 2, 2, 3), np.uint8)
    >>> red[..., 0] = 255
    >>> with_channels(red, 1)[0, 0, 0], with_channels(red[..., :1], 3)[0, 0, 0]
    (array([76], dtype=uint8), array([255, 255, 255], dtype=uint8))
    """
    if (X.shape[3], channels) == (1, 3):
        return np.repeat(X, 3, axis=3)
    if (X.shape[3], channels) == (3, 1):
        gray = [np.asarray(Image.fromarray(image).convert("L")) for image in X]
        return np.array(gray, np.uint8).reshape(*X.shape[:3], 1)
    return X


def _inside(size: tuple[int, int], around: tuple[int, int]) -> tuple[int, int]:
    """Find the largest size of the same shape that fits into another, not below 1."""
    (width, height), (columns, rows) = size, around
    if width * rows > height * columns:
        return columns, max(1, round(height / width * columns))
    return max(1, round(width / height * rows)), rows


def _border_color(image: Image.Image) -> tuple[int, ...]:
    """Mean color of the outermost pixels, which blends in where an image is padded."""
    pixels = np.asarray(image)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    ring = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return tuple(np.rint(ring.mean(axis=0)).astype(int).tolist())


def reason(error: BaseException) -> str:
    """Say in one line why an image could not be read."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image that Pillow knows"
    if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
        return "too large to be read safely: " + str(error).split(",")[0]
    text = " ".join(str(error).split())
    return text or type(error).__name__
