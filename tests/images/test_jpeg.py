import io

import numpy as np
import pytest
from PIL import Image

from featx.images import jpeg
from featx.images.pixels import read_header, read_pixels, reason, strict_pillow

pytest.importorskip("simplejpeg")


def encoded(size=(24, 32), gray=False, **options):
    """A JPEG file of a soft picture, (height, width) pixels."""
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (6, 6) if gray else (6, 6, 3), dtype=np.uint8)
    soft = Image.fromarray(rough).resize(size[::-1], Image.Resampling.BICUBIC)
    file = io.BytesIO()
    soft.save(file, "JPEG", **options)
    return file.getvalue()


def outcome(data, size, channels):
    """What reading gives: header and pixels, or why not."""
    try:
        with strict_pillow():
            header = read_header(io.BytesIO(data))
            return header, read_pixels(io.BytesIO(data), size, channels).tolist()
    except Exception as error:
        return reason(error)


@pytest.fixture
def by_pillow(monkeypatch):
    """The same, as it is where simplejpeg is not installed."""

    def run(*args):
        with monkeypatch.context() as patch:
            patch.setattr(jpeg, "_simplejpeg", lambda: None)
            return outcome(*args)

    return run


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("shape", [(24, 32), (1, 1), (7, 9), (101, 33), (131, 250)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 20}])
def test_pixels_are_those_of_pillow(
    by_pillow, channels, gray, shape, subsampling, options
):
    data = encoded(shape, gray, subsampling=subsampling, **options)
    for size in (shape, (16, 20)):
        ours = outcome(data, size, channels)
        assert ours == by_pillow(data, size, channels)
        assert ours[0].size == shape and ours[0].gray == gray


@pytest.mark.parametrize("shape", [(63, 80), (64, 64), (65, 64), (200, 400)])
def test_larger_images_are_reduced_as_pillow_does(by_pillow, shape):
    data = encoded(shape)
    assert outcome(data, (16, 16), 3) == by_pillow(data, (16, 16), 3)


def test_small_files_are_read_without_pillow(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("opened by Pillow")

    data = encoded()
    file = tmp_path / "picture.png"  # whatever its name says
    file.write_bytes(data)
    monkeypatch.setattr(Image, "open", refuse)
    stream = io.BytesIO(b"before" + data)
    stream.seek(6)
    for source in (file, str(file), stream):
        assert read_header(source).size == (24, 32)
        assert read_pixels(source, (24, 32), 3).shape == (24, 32, 3)
    with pytest.raises(AssertionError, match="opened by Pillow"):
        read_header(io.BytesIO(data + b"\0" * 2**16))


def xmp(orientation):
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/" '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/">'
        b"<tiff:Orientation>%d</tiff:Orientation></x:xmpmeta>" % orientation
    )


def claiming(data, side):
    """The same file, its header saying that it is side x side pixels large."""
    start = data.index(b"\xff\xc0") + 5
    return data[:start] + side.to_bytes(2, "big") * 2 + data[start + 4 :]


@pytest.mark.parametrize(
    "data",
    [
        encoded(xmp=xmp(6)),
        encoded()[:300],
        encoded()[:-2],
        encoded()[:-40],
        encoded()[:-40] + b"\xff\xd9",
        encoded() + b"more",
        claiming(encoded(), 60_000),
        claiming(encoded(), 500),
        claiming(encoded(), 8),
        b"\xff\xd8\xff",
        b"\xff\xd8\xff" + bytes(500),
        b"",
    ],
    ids=range(12),
)
def test_what_is_out_of_the_ordinary_is_left_to_pillow(by_pillow, data):
    assert outcome(data, (24, 32), 3) == by_pillow(data, (24, 32), 3)


def test_any_byte_may_be_damaged(by_pillow):
    whole = encoded((40, 40))
    rng = np.random.default_rng(0)
    for place in rng.choice(len(whole), 300, replace=False).tolist():
        data = bytearray(whole)
        data[place] ^= int(rng.integers(1, 256))
        ours, theirs = outcome(bytes(data), (40, 40), 3), by_pillow(data, (40, 40), 3)
        assert ours == theirs, place
