import io
import os
import threading
import time
import warnings

import numpy as np
import pytest
from PIL import Image

from featx.errors import MissingDataError
from featx.images import files, find_images, read_images, read_list


@pytest.fixture
def tree(tmp_path):
    """Files of every kind, named by the red of their pixels."""
    (tmp_path / "b" / ".hidden").mkdir(parents=True)
    for name, red in {
        "b/2.png": 2,
        "b/1.PNG": 1,
        "3.png": 3,
        "b/.hidden/4.png": 4,
        "b/.5.png": 5,
    }.items():
        pixels = np.full((4, 6, 3), [red, 0, 0], np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "b" / "notes.txt").write_text("no image")
    return tmp_path


def test_folders_are_searched_and_sorted_and_places_keep_their_order(tree):
    found = list(find_images([f"{tree}/3.png", f"{tree}/b", f"{tree}/*.png"]))
    assert found == [
        str(tree / name) for name in ("3.png", "b/1.PNG", "b/2.png", "3.png")
    ]


def test_a_name_with_the_letters_of_a_pattern_is_a_name(tree):
    odd = tree / "x[1].png"
    odd.write_bytes((tree / "3.png").read_bytes())
    assert list(find_images([str(odd)])) == [str(odd)]


def test_places_none_of_which_is_there_are_told_before_anything_is_read(tree):
    with pytest.raises(MissingDataError, match=r"none\*\.png', '.*gone"):
        find_images([str(tree / "none*.png"), str(tree / "gone")])


def test_one_place_that_is_not_there_is_handed_on_to_be_skipped(tree):
    places = [str(tree / name) for name in ("3.png", "none*.png", "b/2.png")]
    assert list(find_images(places)) == places
    ((batch),) = read_images(places, (4, 6, 3))
    assert batch.ids == [places[0], places[2]]
    assert [(s.id, s.reason) for s in batch.skipped] == [(places[1], "no file")]


class Slow(io.BytesIO):
    """Hands out a list in small pieces, as a pipe may."""

    def read1(self, size=-1):
        return super().read1(3)


@pytest.mark.parametrize("stream", [io.BytesIO, Slow])
@pytest.mark.parametrize(
    ("content", "nul", "names"),
    [
        (b"", False, []),
        (b"a.png\nb c.png", False, ["a.png", "b c.png"]),
        (b"a.png\r\n\r\nb.png\r\n", False, ["a.png", "b.png"]),
        (b"one.png\r", False, ["one.png"]),
        (b"a.png\0b.png\0", False, ["a.png", "b.png"]),
        (b"a\nb.png\0c\r\0", True, ["a\nb.png", "c\r"]),
        (b"\xff.png\n", False, ["\udcff.png"]),
    ],
)
def test_lists_are_read_whatever_ends_their_names(stream, content, nul, names):
    assert list(read_list(stream(content), nul=nul)) == names


def test_a_list_is_read_while_it_arrives():
    reader, writer = os.pipe()
    with open(reader, "rb") as stream, open(writer, "wb", buffering=0) as pipe:
        names = read_list(stream)
        for name in ("a.png", "b.png"):
            pipe.write(name.encode() + b"\n")
            assert next(names) == name


def test_images_come_in_order_whatever_the_batches(tree, monkeypatch):
    monkeypatch.setattr("featx.images.files._AT_ONCE", 2)
    paths = [str(tree / name) for name in ("3.png", "b/1.PNG", "b/2.png")] * 3
    read = list(read_images(paths, (4, 6, 3)))
    assert [len(batch.ids) for batch in read] == [2, 2, 2, 2, 1]
    assert np.concatenate([b.X for b in read])[:, 0, 0, 0].tolist() == [3, 1, 2] * 3


def test_other_sizes_and_modes_are_made_to_fit(tree):
    ((batch),) = read_images([str(tree / "3.png")], (8, 5, 1))
    assert batch.X.shape == (1, 8, 5, 1) and batch.X.dtype == np.uint8


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_links_to_nothing_and_text_are_skipped_with_a_reason(tree):
    os.mkfifo(tree / "pipe.png")
    (tree / "loop.png").symlink_to(tree / "loop.png")
    names = ("pipe.png", "loop.png", "b/notes.txt", "none\n.png", "3.png")
    ((batch),) = read_images([str(tree / name) for name in names], (4, 6, 3))
    assert [os.path.basename(id_) for id_ in batch.ids] == ["3.png"]
    assert [s.reason for s in batch.skipped] == [
        *["no file"] * 2,
        "not an image that Pillow knows",
        "no file",
    ]


def test_no_files_give_no_batches():
    assert list(read_images([], (4, 6, 3))) == []


@pytest.fixture
def many(tmp_path):
    """Paths of 600 images, which are three batches."""
    for red in range(100):
        pixels = np.full((2, 2, 3), [red, 0, 0], np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{red:02}.png")
    return sorted(map(str, tmp_path.glob("*.png"))) * 6


def test_a_batch_is_read_while_the_one_before_it_is_used(many, monkeypatch):
    began = threading.Event()

    def read(path, **kwargs):
        if path == "last":
            began.set()
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr(files, "_read", read)
    batches = read_images([*many[:511], "last", *many[:88]], (2, 2, 3))
    assert len(next(batches).ids) == 256
    assert began.wait(10)  # though nobody asked for the second
    assert [len(batch.ids) for batch in batches] == [256, 88]


def test_who_stops_early_waits_for_no_file(many, monkeypatch):
    read, counted = files._read, []

    def counting(path, **kwargs):
        counted.append(path)
        time.sleep(0.01)
        return read(path, **kwargs)

    monkeypatch.setattr(files, "_read", counting)
    batches = read_images(many, (2, 2, 3))
    next(batches)
    batches.close()
    assert 256 <= len(counted) < 400


def test_warnings_of_others_are_heard_between_batches(many):
    before = list(warnings.filters)
    with pytest.warns(UserWarning, match="of somebody"):
        for _ in read_images(many[:300], (2, 2, 3)):
            warnings.warn("of somebody", UserWarning, stacklevel=1)
    assert warnings.filters == before


def test_pixels_of_batches_stay_with_their_files(many):
    for batch in read_images(many, (2, 2, 3)):
        reds = [int(path[-6:-4]) for path in batch.ids]
        assert batch.X[:, 0, 0, 0].tolist() == reds
