import numpy as np
import PIL
import pytest
from PIL import Image, UnidentifiedImageError

from featx.errors import DataError
from featx.images import pixels as pixels_module
from featx.images.pixels import eight_bits, read_header, read_pixels

GRAY = np.arange(0, 240, 15, dtype=np.uint8).reshape(4, 4)
RGB = np.stack([GRAY, GRAY[::-1], 255 - GRAY], axis=2)


def with_alpha(pixels, alpha):
    return np.dstack([pixels, np.full((4, 4), alpha, np.uint8)])


def palette(transparent=False):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.info |= {"transparency": 1} if transparent else {}
    return image


@pytest.mark.parametrize(
    ("image", "suffix", "gray", "expected"),
    [
        (Image.fromarray(GRAY), "png", True, GRAY[..., None]),
        (Image.fromarray(GRAY > 100), "png", True, (GRAY > 100)[..., None] * 255),
        (Image.fromarray(with_alpha(GRAY, 255), "LA"), "png", True, GRAY[..., None]),
        (Image.fromarray(with_alpha(GRAY, 0), "LA"), "png", True, 255),
        (Image.fromarray(GRAY.astype(np.uint16) * 257), "png", True, GRAY[..., None]),
        (Image.fromarray(GRAY.astype(np.uint16) * 257), "tif", True, GRAY[..., None]),
        (Image.fromarray(GRAY.astype(np.int32) * 257), "tif", True, GRAY[..., None]),
        (Image.fromarray(GRAY / np.float32(255)), "tif", True, GRAY[..., None]),
        (Image.fromarray(GRAY.astype(np.float32)), "tif", True, GRAY[..., None]),
        (Image.fromarray(RGB), "png", False, RGB),
        (Image.fromarray(RGB), "ppm", False, RGB),
        (Image.fromarray(RGB), "bmp", False, RGB),
        (Image.fromarray(with_alpha(RGB, 255)), "png", False, RGB),
        (Image.fromarray(with_alpha(RGB, 0)), "png", False, 255),
        (Image.fromarray(with_alpha(RGB * 0, 51)), "png", False, 204),
        (palette(), "png", False, [40, 50, 60]),
        (palette(transparent=True), "png", False, 255),
        (palette(), "gif", False, [40, 50, 60]),
        (Image.new("CMYK", (4, 4)), "tif", False, 255),
        pytest.param(
            *(Image.new("YCbCr", (4, 4), (0, 128, 128)), "tif", False, 0),
            marks=pytest.mark.skipif(
                PIL.__version__.startswith("12."),
                reason="Pillow 12.3 writes what it cannot read",
            ),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:'mode' parameter:DeprecationWarning")
def test_every_mode(tmp_path, image, suffix, gray, expected):
    file = tmp_path / f"image.{suffix}"
    image.save(file)

    assert read_header(file).gray == gray
    assert read_header(file).size == (4, 4)
    pixels = read_pixels(file, (4, 4), 1 if gray else 3)
    np.testing.assert_array_equal(pixels, np.broadcast_to(expected, pixels.shape))
    if gray:  # among color images, a gray one becomes RGB
        color = read_pixels(file, (4, 4), 3)
        np.testing.assert_array_equal(color, np.broadcast_to(pixels, (4, 4, 3)))


def test_many_gray_pixels_are_scaled_in_parts(monkeypatch):
    values = np.random.default_rng(0).integers(0, 65536, (30, 50), np.uint16)
    monkeypatch.setattr(pixels_module, "_AT_ONCE", 64)
    scaled = np.asarray(eight_bits(Image.fromarray(values)))
    np.testing.assert_array_equal(scaled, np.rint(values / 257))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_exif_orientation_is_applied(tmp_path, suffix):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20] = 200  # the left half is bright
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: bright half on top
    file = tmp_path / f"image.{suffix}"
    Image.fromarray(pixels).save(file, exif=exif)

    assert read_header(file).size == (40, 20)
    turned = read_pixels(file, (40, 20), 3)
    assert turned[:15].min() > 180
    assert turned[25:].max() < 20


def test_resizing_averages_and_keeps_height_before_width(tmp_path):
    file = tmp_path / "board.png"
    Image.fromarray(np.tile(np.uint8([[0, 255], [255, 0]]), (50, 100))).save(file)
    small = read_pixels(file, (10, 20), 1)
    assert small.shape == (10, 20, 1)
    assert abs(small[2:-2, 2:-2].astype(int) - 128).max() < 20


def test_a_large_jpeg_is_reduced_while_decoding(tmp_path):
    file = tmp_path / "large.jpg"
    Image.fromarray(np.full((800, 1200, 3), [200, 100, 50], np.uint8)).save(file)
    small = read_pixels(file, (8, 12), 3)
    assert abs(small.astype(int) - [200, 100, 50]).max() < 5


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            np.full((4, 4), -1, np.int32),
            "pixels from -1 to -1, but expected 0 to 65535",
        ),
        (np.full((4, 4), 70000, np.int32), "expected 0 to 65535"),
        (np.full((4, 4), 300, np.float32), "expected 0 to 1 or 0 to 255"),
        (np.full((4, 4), np.nan, np.float32), "pixels from nan"),
    ],
)
def test_values_out_of_range(tmp_path, values, words):
    file = tmp_path / "image.tif"
    Image.fromarray(values).save(file)
    with pytest.raises(DataError, match=words):
        read_pixels(file, (4, 4), 1)


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "PCX"])
def test_other_formats_are_refused_whatever_their_name(tmp_path, kind):
    path = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(path, kind)
    with pytest.raises(UnidentifiedImageError):
        read_pixels(path, (8, 8), 3)
    with pytest.raises(UnidentifiedImageError):
        read_header(path)
