import re
from pathlib import Path

import numpy as np
import pytest

from featx.memory_maps import release_pages


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_released_pages_keep_what_was_written(tmp_path, mode):
    np.save(tmp_path / "x.npy", np.arange(10_000))
    array = np.load(tmp_path / "x.npy", mmap_mode=mode)
    if mode != "r":
        array[5000:] = -1
    before = np.array(array)
    release_pages(array)
    release_pages(array[100:])
    assert np.array_equal(array, before)


def test_arrays_in_memory_are_left_alone():
    array = np.arange(5)
    release_pages(array)
    assert array.tolist() == [0, 1, 2, 3, 4]


def mapped_mib(file):
    """How much of a file is mapped into this process and counted as its memory."""
    found = 0
    for block in Path("/proc/self/smaps").read_text().split("VmFlags"):
        if file.name in block:
            found += int(re.search(r"Rss:\s+(\d+)", block)[1])
    return found / 1024


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs /proc")
def test_pages_of_a_plain_view_are_released(tmp_path):
    np.save(tmp_path / "pages.npy", np.ones((1000, 8192), np.uint8))
    array = np.load(tmp_path / "pages.npy", mmap_mode="r")
    view = np.asarray(array).reshape(1000, 64, 128)[1:]
    assert not isinstance(view, np.memmap)
    assert view.sum() == 999 * 8192
    assert mapped_mib(tmp_path / "pages.npy") > 7
    release_pages(view)
    assert mapped_mib(tmp_path / "pages.npy") < 1
