import numpy as np
import pytest

from featx.storage import release_pages


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
