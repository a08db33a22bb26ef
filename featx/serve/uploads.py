"""The body of a request -> files in memory -> pixels."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, parse_options_header

from featx.errors import DataError
from featx.images.pixels import read_header, read_pixels, reason
from featx.serve.refusals import Refused

_AT_ONCE = 2**20  # bytes that the parser is given


class Upload(NamedTuple):
    """A file of a request.

    Parameters
    ----------
    name : str
        As the request has it; nothing is opened by it.
    data : bytes
        Its content.
    """

    name: str
    data: bytes


def boundary_of(content_type: str) -> bytes:
    """Read what separates the parts of a form.

    Raises
    ------
    Refused
        If it is no form with files.

    Examples
    --------
    >>> boundary_of("multipart/form-data; boundary=abc")
    b'abc'
    >>> boundary_of("image/png")
    Traceback (most recent call last):
    featx.serve.refusals.Refused: Got a body of the type 'image/png', but expected
    multipart/form-data with images. Send it as 'curl -F images=@photo.jpg' does.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Refused(
            415,
            f"Got a body of the type {content_type[:100]!r}, but expected "
            "multipart/form-data with images. Send it as 'curl -F images=@photo.jpg' does.",
        )
    return options[b"boundary"]


def parse_uploads(body: bytearray, boundary: bytes, most: int) -> list[Upload]:
    r"""Take the files out of a form, in memory.

    Parameters
    ----------
    body : bytearray
        Of the request.
    boundary : bytes
        As `boundary_of` reads it.
    most : int
        Most files that are taken.

    Raises
    ------
    Refused
        If the form is damaged or cut short, or holds no file, too many files, or fields
        that are none.

    Examples
    --------
    >>> part = 'Content-Disposition: form-data; name="images"; filename="a.png"'
    >>> body = f"--x\r\n{part}\r\n\r\nabc\r\n--x--\r\n".encode()
    >>> parse_uploads(bytearray(body), b"x", 1)
    [Upload(name='a.png', data=b'abc')]
    """
    found: list[Upload] = []
    ended: list[bool] = []

    def take(file: File) -> None:
        if len(found) == most:
            raise Refused(
                413,
                f"Got more than {most:,} images in a request, but expected at most so "
                "many. Send them in several requests.",
            )
        file.file_object.seek(0)
        name = (file.file_name or b"").decode(errors="replace")
        found.append(Upload(name, file.file_object.read()))
        file.close()

    def refuse(field: Field) -> None:
        name = (field.field_name or b"").decode(errors="replace")[:100]
        raise Refused(
            400,
            f"Got the field {name!r} without a file, but expected files alone. Send images "
            "as 'curl -F images=@photo.jpg' does.",
        )

    try:
        parser = FormParser(
            "multipart/form-data",
            refuse,
            take,
            on_end=lambda: ended.append(True),
            boundary=boundary,
            config={"MAX_MEMORY_FILE_SIZE": len(body)},  # nothing goes to the disk
        )
        for start in range(0, len(body), _AT_ONCE):
            parser.write(bytes(body[start : start + _AT_ONCE]))
        parser.finalize()
    except FormParserError as error:
        raise Refused(
            400,
            f"Got a form that cannot be read ({error}), but expected multipart/form-data. "
            "Send it as 'curl -F images=@photo.jpg' does.",
        ) from error
    if not (found and ended):
        what = "a form without an image" if ended else "a form that is cut short"
        raise Refused(
            400,
            f"Got {what}, but expected at least one, and its end. Send it as "
            "'curl -F images=@photo.jpg' does.",
        )
    return found


def decode(
    data: bytes, shape: tuple[int, int, int], fit: str, most_pixels: int
) -> NDArray[np.uint8] | str:
    """Decode an image file as `featx predict` does; or say in one line why it cannot be.

    Pillow's warning of decompression bombs must be an error, see `strict_pillow`.

    Parameters
    ----------
    data : bytes
        The file.
    shape : tuple of int
        Height, width and channels (1 or 3) that it gets.
    fit : {"stretch", "pad", "crop"}
        What becomes of an image in another shape.
    most_pixels : int
        Of the file; one with more is not decoded.

    Examples
    --------
    >>> decode(b"no image", (8, 8, 3), "stretch", 10**6)
    'not an image that Pillow knows'
    """
    try:
        height, width = read_header(io.BytesIO(data)).size
        if height * width > most_pixels:
            raise DataError(
                f"{width:,} x {height:,} pixels, but expected at most "
                f"{most_pixels / 1e6:g} million"
            )
        return read_pixels(io.BytesIO(data), shape[:2], shape[2], fit)
    except Exception as error:  # a damaged file makes Pillow raise anything
        return reason(error)
