import io
import json
import os

import numpy as np
import pytest
from PIL import Image

from featx.errors import CacheError, DataError, ParameterError
from featx.images import backends, decode, decoded, heif, load_dataset
from featx.images.pixels import read_header, read_pixels
from featx.store import FORMAT, Store
from featx.store.locks import remove_entry


def save(path, value, size=(6, 8), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).convert(mode).save(path)


def make_tree(root, counts, **how):
    """Images whose pixels tell class and number: value = 50 * class + number."""
    for c, (name, count) in enumerate(counts.items()):
        for i in range(count):
            save(root / name / f"{i:03}.png", 50 * c + i, **how)
    return root


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def tree(tmp_path):
    return make_tree(tmp_path / "tree", {"cat": 20, "dog": 10})


@pytest.fixture
def parted(tmp_path):
    root = tmp_path / "parted"
    make_tree(root / "train", {"cat": 20, "dog": 10})
    make_tree(root / "test", {"cat": 5, "dog": 5})
    return root


def assert_aligned(images, values=50):
    """Every row holds the pixels that its id and label promise."""
    for x, y, id_ in zip(images.X, images.y, images.ids, strict=True):
        name, number = id_.split("/")[-2:]
        assert images.class_names[y] == name
        assert (x == values * y + int(number.split(".")[0])).all(), id_


def damage(path):
    path.write_bytes(path.read_bytes()[:45])  # four bytes of pixels


def entries(cache):
    return sorted(p.name for p in (cache / "images").iterdir())


def test_a_tree_without_parts(tree, cache):
    data = load_dataset(tree, cache_dir=cache)

    assert data.class_names == ("cat", "dog")
    assert data.test.class_counts.tolist() == [4, 2]
    assert data.train.class_counts.tolist() == [16, 8]
    assert np.bincount(data.train.y[data.validation]).tolist() == [2, 1]
    assert "20 % of each class" in data.notes[0]
    assert data.train.X.shape == (24, 6, 8, 3)
    assert data.train.ids[0].startswith("cat/")
    assert sorted(data.train.ids) == data.train.ids.tolist()
    assert not set(data.train.ids) & set(data.test.ids)
    assert_aligned(data.train)
    assert_aligned(data.test)


def test_the_split_off_test_part_is_the_same_for_every_seed(tree, cache):
    first, second = (load_dataset(tree, cache_dir=cache, seed=s) for s in (0, 1))
    assert first.test.ids.tolist() == second.test.ids.tolist()
    assert (first.validation != second.validation).any()
    assert len(entries(cache)) == 1


def test_images_are_slices_of_one_memory_map(tree, cache):
    data = load_dataset(tree, cache_dir=cache)
    for images in (data.train, data.test):
        assert isinstance(images.X, np.memmap)
        assert not images.X.flags.owndata
        assert not images.X.flags.writeable


@pytest.mark.parametrize("name", ["val", "validation", "Val"])
def test_part_folders(parted, cache, name):
    make_tree(parted / name, {"cat": 3, "dog": 2})
    data = load_dataset(parted, cache_dir=cache)
    assert (len(data.train), len(data.test)) == (35, 10)
    assert np.flatnonzero(data.validation).tolist() == [30, 31, 32, 33, 34]
    assert data.train.ids[-1] == f"{name}/dog/001.png"
    assert data.notes == ()
    assert_aligned(data.train)


def test_a_train_folder_alone_is_split(parted, cache):
    (parted / "test").rename(parted / "extra")
    data = load_dataset(parted, cache_dir=cache)
    assert len(data.test) == 6
    assert any("left out" in n and "extra" in n for n in data.notes)


def test_nested_hidden_and_foreign_files(tree, cache):
    save(tree / "cat" / "deep" / "er" / "030.PNG", 30)
    save(tree / "cat" / ".hidden.png", 0)
    save(tree / ".git" / "x.png", 0)
    (tree / "cat" / "notes.txt").write_text("no image")
    (tree / "empty").mkdir()
    data = load_dataset(tree, cache_dir=cache)
    ids = [*data.train.ids, *data.test.ids]
    assert len(ids) == 31
    assert "cat/deep/er/030.PNG" in ids
    assert "left out, no class with images: empty" in data.notes


def notes_of(tree, cache):
    return load_dataset(tree, cache_dir=cache).notes[:-1]  # the last: no test part


@pytest.fixture
def large(tmp_path):
    return make_tree(tmp_path / "large", {"cat": 30, "dog": 30})


def test_folders_inside_a_class_are_told(large, cache):
    for name in ("cat/2021/a", "cat/2021/b", "cat/2022/c"):
        save(large / f"{name}.png", 7)
    assert notes_of(large, cache) == (
        "cat: 3 images in 2 folders inside it were counted as cat",
    )


def test_files_that_are_left_out_are_counted_by_kind(large, cache, monkeypatch):
    without_heif(monkeypatch)
    data = load_dataset(large, cache_dir=cache)
    for i in range(3):
        (large / "cat" / f"{i}.HEIC").write_bytes(b"x")
    (large / "dog" / "film.mov").write_bytes(b"x")
    (large / "dog" / "IMG_1").write_bytes(b"x")
    (large / "dog" / "Thumbs.db").write_bytes(b"x")
    (large / "dog" / "gone.png").symlink_to(large / "nowhere")
    assert notes_of(large, cache) == (  # though the decoded images are in the cache
        "6 files were left out: 3 .heic, 1 .mov, 1 .png that is no file, "
        "1 without extension; pip install 'featx[heic]' to read .heic",
    )
    assert len(entries(cache)) == 1 and len(data.notes) == 1


def test_linked_folders_inside_a_class_are_told(large, cache, tmp_path):
    make_tree(tmp_path / "more", {"x": 2})
    (large / "cat" / "more").symlink_to(tmp_path / "more" / "x")
    assert notes_of(large, cache) == ("left out, links to folders: cat/more/",)


def test_images_beside_the_classes_are_told(large, cache):
    save(large / "loose.png", 1)
    assert notes_of(large, cache) == (
        f"left out, in no folder of a class: 1 image right in {large}",
    )


def test_a_flat_test_folder_is_told(large, cache):
    (large / "train").mkdir()
    for name in ("cat", "dog"):
        (large / name).rename(large / "train" / name)
    save(large / "test" / "1.png", 1)
    assert notes_of(large, cache) == (
        "left out, in no folder of a class: 1 image right in test",
    )


def test_a_class_may_be_called_train(tmp_path, cache):
    root = make_tree(tmp_path / "tree", {"bus": 30, "car": 30, "train": 30})
    data = load_dataset(root, cache_dir=cache)
    assert data.class_names == ("bus", "car", "train")
    assert data.notes[0].startswith("train: taken for a class, not for a part")
    assert_aligned(data.train)


def test_few_images_are_told(tmp_path, cache):
    root = make_tree(tmp_path / "tree", {"a": 30, "b": 11, "c": 3, "d": 12, "e": 13})
    note = load_dataset(root, cache_dir=cache).notes[-1]
    assert note.startswith(
        "few images: 'c' has 2 training images and 1 test image, 'b' has 9 training "
        "images and 2 test images, 'd' has 2 test images, and 1 more; figures of such "
    )


def test_jfif_is_jpeg(large, cache):
    Image.new("RGB", (8, 6)).save(large / "cat" / "x.jfif", "JPEG")
    data = load_dataset(large, cache_dir=cache)
    assert len(data.train) + len(data.test) == 61 and not data.skipped


def without_heif(monkeypatch):
    monkeypatch.setattr(heif, "installed", lambda: False)
    backends.extensions.cache_clear()
    monkeypatch.setattr(backends, "extensions", backends.extensions.__wrapped__)


@pytest.mark.parametrize("alone", [True, False])
def test_phone_pictures_without_their_library(tmp_path, cache, monkeypatch, alone):
    without_heif(monkeypatch)
    start = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    root = make_tree(tmp_path / "tree", {} if alone else {"cat": 30, "dog": 30})
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "1.heic").write_bytes(start)
    if alone:
        with pytest.raises(DataError, match=r"\(2 .heic; pip install 'featx\[heic\]'"):
            load_dataset(root, cache_dir=cache)
        return
    (root / "cat" / "2.jpg").write_bytes(start)
    (skipped,) = load_dataset(root, cache_dir=cache).skipped
    assert skipped.reason == "a HEIC file; pip install 'featx[heic]' to read it"


def test_phone_pictures_with_their_library(large, cache):
    pytest.importorskip("pillow_heif").register_heif_opener()  # to write them
    plain = Image.new("RGB", (8, 6), (200, 100, 50))
    plain.save(large / "cat" / "a.heic", quality=-1)
    plain.save(large / "dog" / "b.HEIF", quality=-1)
    plain.save(large / "dog" / "c.jpg", "HEIF", quality=-1)
    Image.new("RGB", (6, 8), 90).save(large / "dog" / "d.hif", "HEIF", quality=-1)
    (large / "dog" / "e.heic").write_bytes((large / "cat" / "a.heic").read_bytes()[:99])
    data = load_dataset(large, cache_dir=cache)
    assert [one.id for one in data.skipped] == ["dog/e.heic"]
    assert len(data.train) + len(data.test) == 64
    rows = {
        id_: x
        for part in (data.train, data.test)
        for id_, x in zip(part.ids, part.X, strict=True)
    }
    for id_ in ("cat/a.heic", "dog/b.HEIF", "dog/c.jpg"):
        assert abs(rows[id_].astype(int) - [200, 100, 50]).max() < 8
    assert read_header(large / "dog" / "d.hif").size == (8, 6)
    stream = io.BytesIO((large / "cat" / "a.heic").read_bytes())
    assert read_pixels(stream, (6, 8), 3).shape == (6, 8, 3)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_channels(tmp_path, cache, mode, channels):
    root = make_tree(tmp_path / "tree", {"cat": 5, "dog": 5}, mode=mode)
    data = load_dataset(root, cache_dir=cache)
    assert data.train.image_shape == (6, 8, channels)


def test_one_color_image_makes_all_rgb(tmp_path, cache):
    root = make_tree(tmp_path / "tree", {"cat": 5, "dog": 5}, mode="L")
    save(root / "cat" / "009.png", 9)
    data = load_dataset(root, cache_dir=cache)
    assert data.train.image_shape == (6, 8, 3)
    assert_aligned(data.train)


def test_sizes(tree, cache):
    save(tree / "cat" / "020.png", 20, size=(30, 30))
    data = load_dataset(tree, cache_dir=cache)
    assert data.train.image_shape == (6, 8, 3)
    assert (
        "images of 2 sizes, 6 x 8 to 30 x 30 pixels, are used at 6 x 8, stretched where "
        "their shape differs (--fit); --size asks for another size"
    ) in data.notes
    assert_aligned(data.train)

    assert load_dataset(tree, cache_dir=cache, size=5).train.image_shape == (5, 5, 3)
    data = load_dataset(tree, cache_dir=cache, size=(4, 10))
    assert data.test.image_shape == (4, 10, 3)
    assert_aligned(data.test)


def test_damaged_images_are_skipped_and_rows_stay_aligned(tree, cache, monkeypatch):
    monkeypatch.setattr(decode, "CHUNK", 4)
    damage(tree / "cat" / "003.png")  # cut short: found while decoding
    damage(tree / "dog" / "005.png")
    (tree / "cat" / "007.png").write_text("no image at all")  # found in the header
    (tree / "dog" / "001.png").write_bytes(b"")
    for _ in range(2):  # decoded, then from the cache
        data = load_dataset(tree, cache_dir=cache)
        assert len(data.train) + len(data.test) == 26
        skipped = {s.id: s.reason for s in data.skipped}
        assert sorted(skipped) == [
            "cat/003.png",
            "cat/007.png",
            "dog/001.png",
            "dog/005.png",
        ]
        assert "truncated" in skipped["cat/003.png"]
        assert skipped["cat/007.png"] == "not an image that Pillow knows"
        assert all("\n" not in reason for reason in skipped.values())
        assert_aligned(data.train)
        assert_aligned(data.test)


@pytest.mark.parametrize(("pixels", "skips"), [(48, 0), (47, 1), (20, 1)])
def test_decompression_bombs_are_skipped(tree, cache, monkeypatch, pixels, skips):
    for path in tree.rglob("*.png"):
        save(path, 0, size=(2, 2))
    save(tree / "cat" / "bomb.png", 0, size=(6, 8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels)
    data = load_dataset(tree, cache_dir=cache)
    assert len(data.skipped) == skips
    if skips:
        assert data.skipped[0].id == "cat/bomb.png"
        assert data.skipped[0].reason.startswith("too large to be read safely")


def test_a_hit_decodes_and_hashes_nothing(tree, cache, monkeypatch):
    first = load_dataset(tree, cache_dir=cache)
    for home, name in [
        (decode, "survey"),
        (decode, "decode"),
        (decoded, "content_digest"),
        (decoded.ImageSet, "digest"),
    ]:
        monkeypatch.delattr(home, name)
    second = load_dataset(tree, cache_dir=cache)
    np.testing.assert_array_equal(first.train.X, second.train.X)
    assert first.describe()["train_digest"] == second.train.__dict__["digest"]


def test_stored_digests_are_the_content(tree, cache):
    data = load_dataset(tree, cache_dir=cache)
    for images in (data.train, data.test):
        assert images.digest == images.take(np.arange(len(images))).digest


def test_a_rewritten_file_is_decoded_anew(tree, cache):
    first = load_dataset(tree, cache_dir=cache)
    changed = tree / first.train.ids[0]
    before = changed.stat()
    save(changed, 99)
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    second = load_dataset(tree, cache_dir=cache)
    assert (second.train.X[0] == 99).all()
    assert second.train.digest != first.train.digest
    assert second.test.digest == first.test.digest
    assert len(entries(cache)) == 2


def test_manifest(tree, cache):
    damage(tree / "cat" / "003.png")
    data = load_dataset(tree, cache_dir=cache)
    (key,) = entries(cache)
    manifest = json.loads((cache / "images" / key / "manifest.json").read_text())
    assert manifest["what"] == str(tree)
    assert manifest["class_names"] == ["cat", "dog"]
    assert (manifest["n_train"], manifest["n_test"]) == (len(data.train), 6)
    assert (manifest["size"], manifest["channels"]) == ([6, 8], 3)
    assert manifest["format"] == FORMAT
    assert manifest["skipped"][0][0] == "cat/003.png"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["decode", "survey"])
def test_nothing_half_written_stays(tree, cache, monkeypatch, step, error):
    def fail(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(decode, step, fail)
        with pytest.raises(error):
            load_dataset(tree, cache_dir=cache)
    assert entries(cache) == []
    assert_aligned(load_dataset(tree, cache_dir=cache).train)


def test_images_removed_as_soon_as_they_are_made_are_there(tree, cache, monkeypatch):
    make = Store.get_or_make_alone

    def removing(store, kind, key, *args, **kwargs):
        made = make(store, kind, key, *args, **kwargs)
        assert remove_entry(store.path(kind, key))
        return made

    monkeypatch.setattr(Store, "get_or_make_alone", removing)
    assert_aligned(load_dataset(tree, cache_dir=cache).train)
    assert entries(cache) == []


@pytest.mark.parametrize("file", ["manifest.json", "rows.npz", "images.npy"])
@pytest.mark.parametrize("how", ["cut", "remove"])
def test_an_unusable_entry_is_made_anew(tree, cache, file, how):
    load_dataset(tree, cache_dir=cache)
    (key,) = entries(cache)
    path = cache / "images" / key / file
    if how == "cut":
        path.write_bytes(path.read_bytes()[:40])
    else:
        path.unlink()
    assert_aligned(load_dataset(tree, cache_dir=cache).train)
    assert entries(cache) == [key]


def full_disk(*args, **kwargs):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("home", "name"),
    [(os, "posix_fallocate"), (np, "savez"), (os, "replace"), (os, "rename")],
)
def test_a_full_disk(tree, cache, monkeypatch, home, name):
    damage(tree / "cat" / "003.png")
    monkeypatch.setattr(home, name, full_disk)
    with pytest.raises(CacheError, match=r"No space left .*cache/images.*--cache-dir"):
        load_dataset(tree, cache_dir=cache)
    assert entries(cache) == []


def test_a_cache_that_cannot_be_made(tree, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"--cache-dir"):
        load_dataset(tree, cache_dir=tmp_path / "file")


def test_many_images_are_decoded_in_processes(tree, cache, monkeypatch):
    monkeypatch.setattr(decode, "SERIAL", 0)
    monkeypatch.setattr(decode, "CHUNK", 7)
    damage(tree / "cat" / "003.png")
    calls = []
    data = load_dataset(tree, cache_dir=cache, progress=lambda *a: calls.append(a))
    assert_aligned(data.train)
    assert len(data.skipped) == 1
    assert ("reading headers", 30, 30) in calls
    assert calls[-1] == ("decoding images", 30, 30)


def test_limit_and_keep_choose_before_decoding(parted, cache):
    data = load_dataset(parted, cache_dir=cache, limit=6, keep={"cat": 0.5})
    assert data.train.class_counts.tolist() == [3, 3]
    assert data.test.class_counts.tolist() == [3, 3]
    assert_aligned(data.train)
    again = load_dataset(parted, cache_dir=cache, limit=6, keep={"cat": 0.5})
    assert again.train.ids.tolist() == data.train.ids.tolist()
    other = load_dataset(parted, cache_dir=cache, limit=6, keep={"cat": 0.5}, seed=1)
    assert other.train.ids.tolist() != data.train.ids.tolist()


def empty(root):
    root.mkdir()


def loose(root):
    save(root / "a.png", 0)


def text_only(root):
    root.mkdir()
    (root / "a.txt").write_text("a")


def one_class(root):
    make_tree(root, {"cat": 9})


def too_few(root):
    make_tree(root, {"cat": 9, "dog": 2})


def test_only(root):
    make_tree(root / "test", {"cat": 9, "dog": 2})


test_only.__test__ = False


def different(root):
    make_tree(root / "train", {"cat": 4, "dog": 4})
    make_tree(root / "test", {"cat": 4, "cow": 4})


def all_damaged(root):
    for path in make_tree(root, {"cat": 4, "dog": 4}).rglob("*.png"):
        damage(path)


def no_image_at_all(root):
    for path in make_tree(root, {"cat": 4, "dog": 4}).rglob("*.png"):
        path.write_text("x")


def class_damaged(root):
    for path in (make_tree(root, {"cat": 4, "dog": 4}) / "dog").iterdir():
        damage(path)


def test_damaged(root):
    make_tree(root / "train", {"cat": 4, "dog": 4})
    for path in make_tree(root / "test", {"cat": 1, "dog": 1}).rglob("*.png"):
        damage(path)


test_damaged.__test__ = False


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (empty, r"Got an empty folder .*tree, but expected CLASS/\*\.png"),
        (loose, "Got 1 images in .* but no folder per class.*Move the images"),
        (text_only, "Got 1 files but no images in .*Known extensions: .avif .bmp"),
        (one_class, r"Got 1 class \(cat\) in .*, but expected at least 2"),
        (
            too_few,
            "Got 2 training images of class 'dog' in .*, but expected at least 3",
        ),
        (test_only, "Got a folder test but no folder train"),
        (different, r"different classes .*\(only in test: cow; not in test: dog\)"),
        (all_damaged, "Got 8 images in .*, but none can be read .*truncated"),
        (no_image_at_all, "none can be read .*not an image that Pillow knows"),
        (class_damaged, "damaged images were skipped, such as dog/"),
        (test_damaged, "Got no readable test image"),
    ],
)
def test_bad_trees(tmp_path, cache, make, words):
    make(tmp_path / "tree")
    with pytest.raises(DataError, match=words) as caught:
        load_dataset(tmp_path / "tree", cache_dir=cache)
    assert "\n" not in str(caught.value)
    assert not (cache / "images").exists() or entries(cache) == []


def test_too_few_after_thinning(parted, cache):
    with pytest.raises(DataError, match="Got 1 training images of class 'dog'"):
        load_dataset(parted, cache_dir=cache, keep={"dog": 0.1})
    with pytest.raises(ParameterError, match=r"Did you mean 'dog'"):
        load_dataset(parted, cache_dir=cache, keep={"dogs": 0.1})


@pytest.mark.skipif(
    "FEATX_CIFAR10_JPEG" not in os.environ,
    reason="FEATX_CIFAR10_JPEG does not say where the unpacked images are",
)
def test_cifar10_jpeg(cache):
    keep = {"bird": 0.5, "deer": 0.5, "truck": 0.5}
    data = load_dataset(os.environ["FEATX_CIFAR10_JPEG"], cache_dir=cache, keep=keep)
    assert (len(data.train), len(data.test)) == (42_500, 10_000)
    assert data.validation.sum() == 4_250
    assert data.train.class_counts.tolist() == [
        2500 if name in keep else 5000 for name in data.class_names
    ]
    assert data.train.image_shape == (32, 32, 3)
    assert data.skipped == ()
