import os
import stat
import threading

import pytest

from featx.errors import CacheError
from featx.output_files import check_folder, check_out, write_whole


@pytest.fixture
def umask():
    """Set the mask of new files; it is as it was afterwards."""
    before = os.umask(0o022)
    os.umask(before)
    yield os.umask
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_honors_the_mask(tmp_path, umask, mask):
    umask(mask)
    write_whole(tmp_path / "new", b"content")
    assert mode(tmp_path / "new") == 0o666 & ~mask


def test_an_existing_file_keeps_its_mode(tmp_path):
    file = tmp_path / "old"
    file.write_bytes(b"old")
    file.chmod(0o600)
    write_whole(file, b"new")
    assert (mode(file), file.read_bytes()) == (0o600, b"new")


def test_the_file_behind_a_link_is_written(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "target"
    for link in (tmp_path / "one", tmp_path / "two"):  # the first to nothing yet
        link.symlink_to(target)
        write_whole(link, link.name.encode())
        assert link.is_symlink() and target.read_bytes() == link.name.encode()
    assert sorted(p.name for p in tmp_path.rglob("*")) == [
        *("elsewhere", "one", "target", "two")
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_whole(pipe, b"content")
    reader.join(10)
    assert got == [b"content"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_name_of_the_longest_length_is_written(tmp_path):
    write_whole(tmp_path / ("n" * 255), b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["n" * 255]


def test_checking_a_folder_leaves_nothing_behind(tmp_path):
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Not a directory"):
        check_folder(tmp_path / "file" / "b")


def test_checking_a_file_leaves_it_alone(tmp_path):
    (tmp_path / "model").write_text("old")
    check_out(tmp_path / "model")
    check_out(tmp_path / "new")
    check_out("s3://bucket/model")
    assert (tmp_path / "model").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    for place, words in {
        tmp_path: "Is a directory",
        tmp_path / "none" / "model": "No such file or directory",
        tmp_path / "model" / "model": "No such file or directory",
    }.items():
        with pytest.raises(CacheError, match=f"Got {words} at .*another path"):
            check_out(place)
