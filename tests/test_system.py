"""What other systems do, played on this one; docs/platforms.md lists it."""

import errno
import io
import os
import shutil
import sys
import time
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import featx
from featx import system
from featx.autoencoders import layers
from featx.cli import main
from featx.cli.console import SafeConsole
from featx.errors import CacheError, FeatxWarning, ParameterError, pip_install
from featx.experiment import bench
from featx.features import FeatureCache
from featx.images import ImageSet, load_dataset, read_list
from featx.images.stamps import stamp_local
from featx.memory_maps import reserve
from featx.names import file_name
from featx.output_files import check_out, write_whole
from featx.remote import is_remote
from featx.reports import load_run
from featx.store import Store


@pytest.fixture
def windows(monkeypatch):
    """Let featx take this system for Windows, and find out at once that all is in vain."""
    monkeypatch.setattr(system, "WINDOWS", True)
    monkeypatch.setattr(system, "_PATIENCE", 0.2)


@pytest.fixture
def in_use(windows, monkeypatch):
    """Refuse to move or remove mapped files and folders with some, as Windows does."""
    if not Path("/proc/self/maps").exists():
        pytest.skip("needs /proc")

    def refusing(work):
        def refuse(*places, **options):
            mapped = Path("/proc/self/maps").read_text()
            for place in (p for p in places if isinstance(p, str | Path)):
                if f"{place}\n" in mapped or f"{place}/" in mapped:
                    raise PermissionError(errno.EACCES, "Access is denied", str(place))
            return work(*places, **options)

        return refuse

    for name in ("rename", "replace", "unlink", "remove"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    monkeypatch.setattr(shutil, "rmtree", refusing(shutil.rmtree))


def some_images(n=20, side=8, seed=0):
    X = np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), np.uint8)
    y, ids = np.arange(n) % 2, np.array([f"{i}.png" for i in range(n)])
    return ImageSet(X, y, ids, ("cat", "dog"))


def test_a_mapped_file_is_refused(tmp_path, in_use):
    np.save(tmp_path / "x.npy", np.ones(9))
    held = np.load(tmp_path / "x.npy", mmap_mode="r")
    for refused in (os.replace, os.rename):
        with pytest.raises(PermissionError):
            refused(tmp_path / "x.npy", tmp_path / "y.npy")
        with pytest.raises(PermissionError):
            refused(tmp_path, tmp_path.with_name("other"))
    with pytest.raises(PermissionError):
        (tmp_path / "x.npy").unlink()
    del held
    os.replace(tmp_path / "x.npy", tmp_path / "y.npy")


def test_a_file_is_moved_as_soon_as_it_is_free(tmp_path, windows):
    tries = []

    def move():
        tries.append(1)
        if len(tries) < 3:
            raise PermissionError(errno.EACCES, "Access is denied")
        return "moved"

    assert system.when_free(move) == "moved" and len(tries) == 3
    start = time.monotonic()
    with pytest.raises(FileNotFoundError):
        system.when_free(os.replace, tmp_path / "none", tmp_path / "other")
    assert time.monotonic() - start < 0.2  # which no waiting would mend


def test_other_systems_do_not_wait(monkeypatch):
    monkeypatch.setattr(system, "WINDOWS", False)
    tries = []

    def refused():
        tries.append(1)
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        system.when_free(refused)
    assert len(tries) == 1


def test_maps_that_only_the_collector_finds_do_not_hinder(tmp_path, in_use):
    np.save(tmp_path / "x.npy", np.ones(9))
    cycle = [np.load(tmp_path / "x.npy", mmap_mode="r")]
    cycle.append(cycle)
    del cycle
    system.when_free(os.replace, tmp_path / "x.npy", tmp_path / "y.npy")
    assert (tmp_path / "y.npy").exists()


def test_the_cache_moves_no_file_that_is_mapped(tmp_path, in_use, monkeypatch):
    monkeypatch.setattr("featx.features.chunks.CHUNK_ROWS", 8)
    cache = FeatureCache(tmp_path)
    raw = cache.fit(featx.RawPixels(), some_images())
    first = cache.encode(raw, some_images(), name="raw")
    more = some_images(40)  # the first 20 are other images, some of them
    again = cache.encode(raw, more, name="raw")
    assert (first.n_encoded, again.X.shape) == (20, (40, 192))
    partial = Path(again.file).parent
    rest = partial.with_name(partial.name + ".partial")
    del again
    os.rename(partial, rest)  # as if it had been killed just before it got its name
    resumed = cache.encode(raw, more, name="raw")
    assert resumed.X.shape == (40, 192) and not rest.exists()


def test_a_beginning_that_is_damaged_is_removed(tmp_path, in_use, monkeypatch):
    monkeypatch.setattr("featx.features.chunks.CHUNK_ROWS", 8)
    cache = FeatureCache(tmp_path)
    raw = cache.fit(featx.RawPixels(), some_images())
    whole = Path(cache.encode(raw, some_images()).file).parent
    rest = whole.with_name(whole.name + ".partial")
    os.rename(whole, rest)
    with (rest / "features.npy").open("r+b") as file:
        file.seek(200)
        file.write(b"damage")
    assert cache.encode(raw, some_images()).n_encoded == 20


def test_folders_of_images_and_encoders_side_by_side(tmp_path, in_use):
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(12)]:
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    whole = (tmp_path / "pets/cat/0.png").read_bytes()
    (tmp_path / "pets/cat/0.png").write_bytes(whole[:-40])  # a row is dropped again
    dataset = load_dataset(tmp_path / "pets", cache_dir=tmp_path / "cache")
    assert len(dataset.skipped) == 1
    encoders = featx.make_encoders(["raw+pca"], n_images=20, n_pixels=192)
    cache = FeatureCache(tmp_path / "cache")
    encoded = featx.encode(dataset, encoders["raw+pca"].set_params(), cache=cache)
    assert encoded.train.X.shape[1] > 192


def test_an_entry_that_is_used_stays(tmp_path, in_use):
    cache = FeatureCache(tmp_path)
    raw = cache.fit(featx.RawPixels(), some_images())
    held = cache.encode(raw, some_images())
    with pytest.warns(FeatxWarning, match="another process is making or using"):
        assert Store(tmp_path).remove(held.key) == []
    del held, raw
    assert len(Store(tmp_path).prune(max_size=0)) == 2


def test_an_entry_that_cannot_be_moved_elsewhere_is_an_error(tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path)
    raw = cache.fit(featx.RawPixels(), some_images())
    key = cache.encode(raw, some_images()).key

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(CacheError, match="Permission denied"):
        Store(tmp_path).remove(key)


def test_paths_in_the_cache_leave_room_for_that_of_its_folder(tmp_path):
    dataset = load_dataset("digits", limit=60, cache_dir=tmp_path)
    bench(dataset, ["raw", "pca"], ["knn"], cache=FeatureCache(tmp_path))
    longest = max(len(str(path.relative_to(tmp_path))) for path in tmp_path.rglob("*"))
    # of 260 characters; while it is made, an entry's name is longer by eight
    assert 64 < longest + len(".partial") + len(".part") < 120


def test_images_are_known_by_content_without_a_time_of_change(tmp_path, windows):
    file, stamps = tmp_path / "a.png", []
    for content in (b"one", b"two"):
        file.write_bytes(content)
        stamps.append(stamp_local(str(file), file.stat())[-1])
    assert stamps == [sha256(b"one").hexdigest(), sha256(b"two").hexdigest()]


def test_a_full_disk_is_noticed_where_space_cannot_be_taken(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    reserve(tmp_path / "small.npy", (3, 5), np.float32)
    assert np.load(tmp_path / "small.npy").shape == (3, 5)
    with pytest.raises(CacheError, match="No space left"):
        reserve(tmp_path / "large.npy", (2**40, 2**10), np.float32)
    assert not (tmp_path / "large.npy").exists()


def test_a_table_that_another_program_shows_is_told_of(tmp_path, windows, monkeypatch):
    (tmp_path / "table.csv").write_text("old")

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Access is denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        write_whole(tmp_path / "table.csv", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CacheError, match="close the program that has the file open"):
        check_out(tmp_path / "table.csv")


@pytest.mark.parametrize(
    ("place", "remote"),
    [
        (r"C:\images", False),
        ("C:/images", False),
        ("c://images", False),
        ("s3://images", True),
        ("simplecache::s3://images", True),
    ],
)
def test_a_drive_is_no_storage(place, remote):
    assert is_remote(place) is remote


def test_a_class_in_a_file_on_a_drive_is_found(tmp_path):
    (tmp_path / "C:").mkdir()
    file = tmp_path / "C:" / "nets.py"
    file.write_text("from sklearn.preprocessing import StandardScaler as Own\n")
    made = featx.make_encoders([f"{file}:Own"], n_images=9, n_pixels=64)
    assert "Scaler" in str(made)


def test_a_row_named_after_a_path_is_read_back(tmp_path, monkeypatch):
    name = r"C:\nets.py:Net"
    dataset = load_dataset("digits", limit=60, cache_dir=tmp_path)
    cache = FeatureCache(tmp_path)
    results = bench(dataset, {name: featx.RawPixels()}, ["knn"], cache=cache)
    monkeypatch.setattr(zipfile.os, "sep", "\\")  # names of members lose it
    results.save(tmp_path / "run", dataset)
    run = load_run(tmp_path / "run")
    assert run.results.predictions.keys() == {f"{name} + knn"}
    assert run.results.confidences.keys() == {f"{name} + knn"}
    assert run.results.reconstructions.keys() == results.reconstructions.keys()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("torchvision:resnet18", "torchvision-resnet18"),
        ("patch+predictive", "patch-predictive"),
        ("x.tar?token=a*b|c", "x.tar-token-a-b-c"),
        ("pets. ", "pets"),
        ("???", "data"),
        ("κύκνος", "κύκνος"),
    ],
)
def test_names_of_folders_are_taken_everywhere(text, name):
    assert file_name(text) == name
    assert len(file_name(text * 100)) <= 100


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        ("featx fit pets", "featx fit pets"),
        (r"featx fit 'C:\my pets'", r'featx fit "C:\my pets"'),
        (
            r"featx bench 'C:\pets' --clf svm,knn",
            r'featx bench C:\pets --clf "svm,knn"',
        ),
        ("featx fit a --group-by '^(p\\d)'", 'featx fit a --group-by "^(p\\d)"'),
    ],
)
def test_commands_are_quoted_as_the_shell_wants_it(windows, command, typed):
    assert system.for_shell(command) == typed


def test_a_library_is_installed_by_a_command_without_single_quotes(windows):
    assert pip_install("featx[ray]") == "pip install featx[ray]"


def test_names_come_in_the_encoding_of_the_console(windows, monkeypatch):
    monkeypatch.setattr(system, "_CONSOLE", "cp850")
    lines = "\ufeffä.png\r\n".encode() + "ö.png\r\n".encode("cp850")
    assert list(read_list(io.BytesIO(lines))) == ["ä.png", "ö.png"]


def test_a_table_is_drawn_with_what_the_encoding_has(tmp_path, monkeypatch):
    streams = {}
    for name in ("stdout", "stderr"):
        streams[name] = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
        monkeypatch.setattr(sys, name, streams[name])
    words = ["--limit", "60", "--encoders", "raw", "--clf", "knn", "--quiet"]
    words += ["--cache-dir", str(tmp_path / "cache"), "--out", str(tmp_path / "run")]
    assert main(["bench", *words]) == 0 and main(["cache", "ls", *words[-4:-2]]) == 0
    shown = b"".join(one.buffer.getvalue() for one in streams.values()).decode("cp1252")
    assert "raw" in shown and "--+--" in shown and "\\u" not in shown


def test_a_reader_that_has_gone_is_no_error_of_the_result(windows):
    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(errno.EINVAL, "Invalid argument")

    with pytest.raises(SystemExit) as stop:
        SafeConsole(file=Gone()).write("text")
    assert stop.value.code == 1


def test_a_url_is_no_folder_of_this_machine():
    from featx.cli.parsing import check_here

    with pytest.raises(ParameterError, match="a path on this machine"):
        check_here(r"s3:\bucket\run")  # what Windows makes of the path
    check_here(r"C:\runs")


class _AppleGPU(TorchDispatchMode):
    """Refuses float64, as the GPU of a Mac does."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for one in result if isinstance(result, tuple | list) else [result]:
            made = isinstance(one, torch.Tensor) and one.dtype == torch.float64
            if made and function != torch.ops.aten.lift_fresh.default:  # an array's own
                raise TypeError(f"{function} gives float64")
        return result


@pytest.mark.parametrize(
    "encoder",
    [
        featx.PatchAutoencoder(8, n_patches=500, max_epochs=1),
        featx.CompactAutoencoder(8, n_filters=8, n_views=2),
        featx.PredictiveAutoencoder(16, n_filters=8, n_channels=4, max_epochs=1),
        featx.ConvAutoencoder(4, max_epochs=1),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_no_encoder_needs_float64_of_a_device(encoder):
    with _AppleGPU(), pytest.raises(TypeError, match="float64"):
        torch.ones(1).double()
    images = some_images(40, side=12).X
    with _AppleGPU():
        encoder = encoder.set_params(random_state=0, precision="float32").fit(images)
        code = encoder.transform(images)
    assert np.isfinite(code).all()


@pytest.mark.parametrize("grid", [2, (2, 3)])
def test_cells_of_several_sizes_are_averaged_where_a_device_cannot(monkeypatch, grid):
    x = torch.arange(70.0).reshape(1, 2, 5, 7)
    expected = layers.average_cells(x, grid)
    monkeypatch.setattr(layers, "_EVEN_CELLS_ONLY", ("cpu",))
    assert torch.equal(layers.average_cells(x, grid), expected)
