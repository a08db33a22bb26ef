import base64
import io
import re

import numpy as np
from PIL import Image

from featx.reports.thumbnails import LONGER_SIDE, Strip, Thumbnail, thumbnail_page


def pictures(page):
    found = re.findall(r"data:image/\w+;base64,([\w+/=]+)", page)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]


def test_small_pictures_are_kept_and_large_ones_shrunk():
    rng = np.random.default_rng(0)
    shapes = [(8, 8, 1), (20, 40, 3), (300, 600, 3), (1000, 2, 1)]
    images = [rng.integers(0, 256, shape, np.uint8) for shape in shapes]
    strips = [
        Strip("First", tuple(Thumbnail(one, ("a", "b")) for one in images[:2])),
        Strip("Second", tuple(Thumbnail(one, ("c",)) for one in images[2:])),
    ]
    page = thumbnail_page("Title", ["A sentence."], strips)
    small, color, large, thin = pictures(page)
    assert (np.asarray(small) == images[0][..., 0]).all()
    assert (np.asarray(color) == images[1]).all()
    assert large.size == (LONGER_SIDE, LONGER_SIDE // 2) and large.format == "JPEG"
    assert thin.size == (1, LONGER_SIDE)
    assert page.index("First") < page.index(">a<") < page.index("Second")
    assert "prefers-color-scheme:dark" in page and "width=device-width" in page


def test_what_strangers_wrote_is_only_shown():
    image = np.zeros((8, 8, 1), np.uint8)
    odd = Thumbnail(image, ('"><script>alert(1)</script>', "\x1b[2J"))
    page = thumbnail_page("<i>", ["&copy;"], [Strip("<u>", (odd,))])
    assert "<script" not in page and "\x1b" not in page
    assert "<i>" not in page and "<u>" not in page and "&amp;copy;" in page
