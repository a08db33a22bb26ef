"""A page of thumbnails: rows of pictures with captions, in one HTML file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featx._version import __version__
from featx.names import printable
from featx.reports.html import render
from featx.reports.html.encoders import uri

LONGER_SIDE = 128  # pixels of a thumbnail at most
_SHOWN = 112  # pixels that a smaller one is enlarged to
_LOSSLESS_PIXELS = 4096  # larger ones are JPEG


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A picture with its caption.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, c)
        Of any size, with 1 or 3 channels.
    caption : tuple of str
        Lines below it; the first one is its name.
    """

    image: NDArray[np.uint8]
    caption: tuple[str, ...]


@dataclass(frozen=True)
class Strip:
    """Pictures that belong together.

    Parameters
    ----------
    heading : str
        What they are; empty for none.
    thumbnails : tuple of Thumbnail
        The pictures, in the order shown.
    """

    heading: str
    thumbnails: tuple[Thumbnail, ...]


def thumbnail_page(title: str, lines: Sequence[str], strips: Sequence[Strip]) -> str:
    """Write rows of pictures as one HTML page, which loads nothing and has no script.

    Parameters
    ----------
    title : str
        Of the page.
    lines : sequence of str
        Sentences above the pictures.
    strips : sequence of Strip
        The pictures, row by row; a long row goes on in the next line.

    Returns
    -------
    str
        The page, light or dark as the system is, for wide and narrow screens.

    Examples
    --------
    >>> cat = Thumbnail(np.zeros((8, 8, 1), np.uint8), ("cat.png", "probability 0.9"))
    >>> page = thumbnail_page("Pets", ["One picture."], [Strip("", (cat,))])
    >>> "cat.png" in page, page.count("data:image/png")
    (True, 1)
    """
    return render(
        "thumbnails.html.jinja",
        title=printable(title),
        version=__version__,
        lines=[printable(line) for line in lines],
        strips=[
            {
                "heading": printable(strip.heading),
                "pictures": [_view(one) for one in strip.thumbnails],
            }
            for strip in strips
        ],
    )


def _view(one: Thumbnail) -> dict[str, Any]:
    """Give what the template shows of a picture."""
    height, width = one.image.shape[:2]
    shrink = min(1.0, LONGER_SIDE / max(height, width))
    height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
    zoom = max(1.0, _SHOWN / max(height, width))
    name, *more = (printable(line) for line in one.caption)
    return {
        "uri": uri(_file(one.image, height, width)),
        "height": round(height * zoom),
        "width": round(width * zoom),
        "name": name,
        "more": more,
    }


def _file(image: NDArray[np.uint8], height: int, width: int) -> bytes:
    """Write a picture as a PNG file where it is small, else as JPEG."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    if image.shape[:2] != (height, width):
        picture = picture.resize((width, height), Image.Resampling.BOX)
    buffer = io.BytesIO()
    if height * width <= _LOSSLESS_PIXELS:
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
