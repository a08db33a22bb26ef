import numpy as np
import pytest
from PIL import Image

from featx import load_dataset
from featx.errors import ParameterError
from featx.images.pixels import read_pixels, resize
from featx.images.working_size import size_notes, working_size


def photos(root, sizes):
    """Two classes of smooth pictures of these sizes (width, height)."""
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        for i, size in enumerate(sizes):
            small = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
            picture = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
            picture.save(root / label / f"{i}.jpg")
    return root


def test_large_photographs_are_used_small_and_it_is_said(tmp_path):
    root = photos(tmp_path / "photos", [(600, 400)] * 6)
    data = load_dataset(root, cache_dir=tmp_path / "cache")
    assert data.train.image_shape == (32, 48, 3)
    assert any("400 x 600 pixels are used at 32 x 48" in note for note in data.notes)
    files = sum(f.stat().st_size for f in root.rglob("*.jpg"))
    decoded = sum(f.stat().st_size for f in (tmp_path / "cache").rglob("images.npy"))
    assert decoded < 10 * files


def test_a_size_that_was_asked_for_overrules(tmp_path):
    root = photos(tmp_path / "photos", [(600, 400)] * 6)
    data = load_dataset(root, cache_dir=tmp_path / "cache", size=(100, 150))
    assert data.train.image_shape == (100, 150, 3)
    assert not any("are used at" in note for note in data.notes)


def test_small_images_are_never_enlarged(tmp_path):
    root = photos(tmp_path / "photos", [(20, 14)] * 6)
    data = load_dataset(root, cache_dir=tmp_path / "cache")
    assert data.train.image_shape == (14, 20, 3)


def test_arrays_in_memory_are_used_small_too(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (20, 90, 60), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", X_train=X, y_train=np.arange(20) % 2)
    data = load_dataset(tmp_path / "a.npz", cache_dir=tmp_path / "cache")
    assert data.train.image_shape == (48, 32, 1)
    assert any("90 x 60 pixels are used at 48 x 32" in note for note in data.notes)


def test_another_limit_is_another_decoding(tmp_path):
    root = photos(tmp_path / "photos", [(600, 400)] * 6)
    shapes = [
        load_dataset(root, cache_dir=tmp_path / "cache", **how).train.image_shape
        for how in ({}, {"longest_side": 24}, {"device": "cuda"}, {})
    ]
    assert shapes == [(32, 48, 3), (16, 24, 3), (64, 96, 3), (32, 48, 3)]


@pytest.mark.parametrize("side", [0, -1, "big", 2.5])
def test_impossible_limits_are_refused(tmp_path, side):
    with pytest.raises(ParameterError, match="longest_side"):
        load_dataset("digits", cache_dir=tmp_path, longest_side=side)


def test_an_unknown_fit_names_the_known_ones(tmp_path):
    with pytest.raises(ParameterError, match="stretch, pad, crop"):
        load_dataset("digits", cache_dir=tmp_path, fit="squeeze")


def test_sizes_without_a_majority_give_their_middle():
    assert working_size({(10, 10): 1, (20, 30): 1, (40, 20): 1}, None) == (20, 20)
    assert working_size({(1000, 10): 5}, 48) == (48, 1)


def test_nothing_is_said_where_nothing_changes():
    assert size_notes({(8, 8): 3}, (8, 8), False, "stretch") == ()


@pytest.fixture
def tall(tmp_path):
    """A picture of 20 x 10 pixels: red above, blue below, a white frame."""
    pixels = np.full((20, 10, 3), 255, np.uint8)
    pixels[1:10, 1:9] = (255, 0, 0)
    pixels[10:19, 1:9] = (0, 0, 255)
    path = tmp_path / "tall.png"
    Image.fromarray(pixels).save(path)
    return path


def test_stretch_uses_all_of_it(tall):
    pixels = read_pixels(tall, (10, 10), 3, "stretch").astype(int)
    assert pixels[3, 5, 0] > 200 > 50 > pixels[3, 5, 2]
    assert pixels[7, 5, 2] > 200 > 50 > pixels[7, 5, 0]


def test_pad_keeps_the_shape_and_blends_in(tall):
    pixels = read_pixels(tall, (10, 10), 3, "pad").astype(int)
    assert (pixels[:, 0] == 255).all() and (pixels[:, -1] == 255).all()
    assert pixels[3, 5, 0] > 200 > 50 > pixels[3, 5, 2]


def test_of_a_thin_image_one_pixel_is_left():
    across = Image.new("L", (300, 3), 40)
    across.paste(200, (0, 1, 300, 2))  # a bright line amid two dark ones
    pixels = resize(across, (12, 10), "pad")[..., 0].astype(int)
    down = resize(across.transpose(Image.Transpose.ROTATE_90), (10, 12), "pad")
    border = np.delete(pixels, 6, axis=0)
    assert (border == border[0, 0]).all() and (pixels[6] != border[0, 0]).all()
    np.testing.assert_array_equal(down[..., 0].T, pixels)


def test_crop_keeps_the_middle(tall):
    pixels = read_pixels(tall, (10, 10), 3, "crop").astype(int)
    assert pixels[0, 5, 0] > 200 > 50 > pixels[0, 5, 2]  # no frame above
    assert pixels[9, 5, 2] > 200 > 50 > pixels[9, 5, 0]


def test_a_fit_is_part_of_what_is_kept(tmp_path):
    root = photos(tmp_path / "photos", [(30, 20)] * 6 + [(90, 20)])
    pixels = {
        fit: load_dataset(root, cache_dir=tmp_path / "cache", fit=fit).train.X.tobytes()
        for fit in ("stretch", "pad", "crop")
    }
    assert len(set(pixels.values())) == 3
