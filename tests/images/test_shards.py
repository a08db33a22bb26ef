"""Images in shards: WebDataset tars and Parquet tables."""

import io
import json
import tarfile

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from blocks import make_images
from PIL import Image
from pyarrow import parquet

import featx
from featx import remote
from featx.errors import DataError, DependencyError, MissingDataError
from featx.images import shards

IMAGES = make_images(60, channels=3)


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def rows(start=0, stop=60):
    for i in range(start, stop):
        yield f"{i:04}", png(IMAGES.X[i]), "abc"[IMAGES.y[i]]


def write_tar(path, members, end=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def pairs(*span, label=str):
    for key, content, name in rows(*span):
        yield f"{key}.png", content
        yield f"{key}.cls", label(name).encode()


def write_table(path, *span, names=None, image="image", label="label", **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    keys, contents, labels = zip(*rows(*span), strict=True)
    images = [{"bytes": c, "path": k} for k, c in zip(keys, contents, strict=True)]
    values = list(labels) if names is None else ["abc".index(one) for one in labels]
    table = pa.table({image: images, label: values, **more})
    if names is not None:
        features = {"info": {"features": {label: {"names": names}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    parquet.write_table(table, path, row_group_size=7)
    return path


def assert_same_images(data, n_train=None):
    """Every row is the image that its id names, with its label."""
    seen = []
    for part in (data.train, data.test):
        for x, label, id_ in zip(part.X, part.y, part.ids, strict=True):
            number = int(id_.rpartition("/")[2].partition(".")[0])
            seen.append(number)
            assert np.array_equal(x, IMAGES.X[number]), id_
            assert label == IMAGES.y[number], id_
    assert len(seen) == 60
    if n_train is not None:
        assert len(data.train) == n_train


def test_one_tar(tmp_path):
    path = write_tar(tmp_path / "set.tar", pairs())
    data = featx.load_dataset(path, cache_dir=tmp_path / "cache")
    assert_same_images(data)
    assert data.class_names == ("a", "b", "c") and data.name.endswith("set.tar")
    assert data.test.ids[0].startswith("set.tar/0")


def test_tars_in_parts(tmp_path):
    root = tmp_path / "set"
    write_tar(root / "train-000.tar", pairs(0, 25))
    write_tar(root / "train-001.tar", pairs(25, 40))
    write_tar(root / "test-000.tar", pairs(40, 60))
    write_tar(root / "more.tar", pairs(0, 3))
    data = featx.load_dataset(root, cache_dir=tmp_path / "cache")
    assert_same_images(data, n_train=40)
    assert data.notes == ("left out, of no part: more.tar",)
    assert set(data.train.ids) == {
        f"train-00{i // 25}.tar/{i:04}.png" for i in range(40)
    }


def test_names_of_classes_beside_the_shards_and_parts_as_folders(tmp_path):
    root, cache = tmp_path / "set", tmp_path / "cache"
    number = "abc".index
    write_tar(root / "train" / "0.tar", pairs(0, 40, label=lambda n: str(number(n))))
    write_tar(root / "test" / "0.tar", pairs(40, 60, label=lambda n: str(number(n))))
    data = featx.load_dataset(root, cache_dir=cache)
    assert data.class_names == ("0", "1", "2")
    (root / "classnames.txt").write_text("ape\nbat\ncat\ndog\n")
    data = featx.load_dataset(root, cache_dir=cache)
    assert_same_images(data, n_train=40)
    assert data.class_names == ("ape", "bat", "cat")  # no dog among the images
    (root / "classnames.txt").write_text("ape\nbat\n")
    with pytest.raises(DataError, match=r"labels 0 to 2 .* expected 0 to 1"):
        featx.load_dataset(root, cache_dir=cache)


@pytest.mark.parametrize("columns", [("image", "label"), ("img", "fine_label")])
def test_tables_as_the_library_datasets_writes_them(tmp_path, columns):
    root = tmp_path / "set"
    image, label = columns
    how = {"image": image, "label": label, "names": ["ape", "bat", "cat"]}
    write_table(root / "data" / "train-00000-of-00002.parquet", 0, 20, **how)
    write_table(root / "data" / "train-00001-of-00002.parquet", 20, 40, **how)
    write_table(root / "data" / "test-00000-of-00001.parquet", 40, 60, **how)
    data = featx.load_dataset(root, cache_dir=tmp_path / "cache")
    assert data.class_names == ("ape", "bat", "cat") and len(data.test) == 20
    for part, base in ((data.train, 0), (data.test, 40)):
        assert np.array_equal(part.X, IMAGES.X[base : base + len(part)])
        assert np.array_equal(part.y, IMAGES.y[base : base + len(part)])


def test_a_table_of_plain_bytes_and_names(tmp_path):
    keys, contents, labels = zip(*rows(), strict=True)
    table = pa.table({"key": keys, "png": list(contents), "class": list(labels)})
    parquet.write_table(table, tmp_path / "set.parquet")
    data = featx.load_dataset(tmp_path / "set.parquet", cache_dir=tmp_path / "cache")
    assert data.class_names == ("a", "b", "c")
    assert_same_images(data)


def test_shards_elsewhere_are_read_in_pieces(tmp_path, monkeypatch):
    bucket = fsspec.filesystem("memory")
    bucket.store.clear()
    local = write_tar(tmp_path / "x" / "0.tar", pairs(0, 60))
    bucket.pipe_file("/set/0.tar", local.read_bytes())
    here = featx.load_dataset(local, cache_dir=tmp_path / "1")
    monkeypatch.setattr(remote, "_GAP", 600)  # some runs of several images, some of one
    for url in ("memory://set", "memory://set/0.tar"):
        there = featx.load_dataset(url, cache_dir=tmp_path / url.replace("/", "_"))
        assert_same_images(there)
        assert there.train.digest == here.train.digest
    with pytest.raises(MissingDataError, match="no such file"):
        featx.load_dataset("memory://set/1.tar", cache_dir=tmp_path / "3")
    bucket.store.clear()


def test_pieces_far_apart_and_out_of_order(tmp_path):
    bucket = fsspec.filesystem("memory")
    content = np.random.default_rng(0).bytes(10_000)
    bucket.pipe_file("/pieces", content)
    spans = [(9_000, 9_100), (0, 10), (10, 20), (500, 900), (15, 600)]
    (tmp_path / "pieces").write_bytes(content)
    for place in ("memory://pieces", str(tmp_path / "pieces")):
        assert remote.read_pieces(place, spans) == [content[a:b] for a, b in spans]
    bucket.store.clear()


def test_shards_are_listed_once_and_again_when_they_change(tmp_path, monkeypatch):
    path, cache = write_tar(tmp_path / "set.tar", pairs()), tmp_path / "cache"
    first = featx.load_dataset(path, cache_dir=cache)
    with monkeypatch.context() as patch:
        patch.setattr(shards, "index_shard", None)
        again = featx.load_dataset(path, cache_dir=cache, seed=5)
        assert again.train.digest == first.train.digest
    assert len(featx.load_dataset(path, cache_dir=cache, limit=12).train) == 12
    assert len(featx.load_dataset(path, cache_dir=cache, keep={"a": 0.5}).train) < 48
    write_tar(path, pairs(0, 50))
    changed = featx.load_dataset(path, cache_dir=cache)
    assert len(changed.train) + len(changed.test) == 50


def test_images_without_a_label_or_damaged(tmp_path):
    members = list(pairs())
    del members[1]  # the label of 0000
    members[1] = (members[1][0], b"no image")  # 0001
    members += [("._0002.png", b"of another system"), ("notes.txt", b"text")]
    path = write_tar(tmp_path / "set.tar", members)
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("9999.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    data = featx.load_dataset(path, cache_dir=tmp_path / "cache")
    assert len(data.train) + len(data.test) == 58
    assert "without a label: 1 image, such as set.tar/0000.png" in data.notes[0]
    assert data.unlabeled.ids.tolist() == ["set.tar/0000.png"]
    assert [one.id for one in data.skipped] == ["set.tar/0001.png"]
    assert "not an image" in data.skipped[0].reason


@pytest.mark.parametrize(
    ("name", "spoil", "words"),
    [
        ("set.tar", lambda b: b[: len(b) // 2], "no whole tar"),
        ("set.tar", lambda b: b[: 512 * 8], "no whole tar .*breaks off"),
        ("set.tar", lambda b: b[:8192] + b"?" * 512 + b[8704:], "no whole tar"),
        ("set.tar", lambda b: b"", "no whole tar"),
        ("set.parquet", lambda b: b[: len(b) // 2], "no whole Parquet table"),
        ("set.parquet", lambda b: b"", "no whole Parquet table"),
    ],
)
def test_damaged_shards_are_named(tmp_path, name, spoil, words):
    path = tmp_path / name
    if name.endswith("tar"):
        write_tar(path, pairs())
    else:
        write_table(path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=f"{name}, which is {words}"):
        featx.load_dataset(path, cache_dir=tmp_path / "cache")


def test_what_cannot_be_used_is_said(tmp_path, monkeypatch):
    cache = tmp_path / "cache"

    def refuses(path, words, error=DataError):
        with pytest.raises(error, match=words):
            featx.load_dataset(path, cache_dir=cache)

    only = write_tar(tmp_path / "1" / "test-0.tar", pairs(0, 30)).parent
    write_tar(only / "val-0.tar", pairs(30, 60))
    refuses(only, "no part train")
    images = (pair for pair in pairs() if pair[0].endswith("png"))
    refuses(write_tar(tmp_path / "2.tar", images), "no image with a label")
    refuses(write_table(tmp_path / "3.parquet", other=[b""] * 60), "Got columns image")
    two = tmp_path / "4"
    write_table(two / "train-0.parquet", names=["a", "b", "c"])
    write_table(two / "train-1.parquet", names=["a", "b", "d"])
    refuses(two, "different names of classes")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    refuses(write_table(tmp_path / "5.parquet"), r"featx\[parquet\]", DependencyError)


def test_a_folder_of_classes_wins_over_an_archive_beside_them(tmp_path):
    for key, content, name in rows():
        file = tmp_path / "set" / name / f"{key}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    write_tar(tmp_path / "set" / "backup.tar", pairs(0, 3))
    data = featx.load_dataset(tmp_path / "set", cache_dir=tmp_path / "cache")
    assert len(data.train) + len(data.test) == 60


def test_shards_and_a_folder_give_the_same_table(tmp_path):
    for key, content, name in rows():
        part = "train" if int(key) < 40 else "test"
        file = tmp_path / "folder" / part / name / f"{key}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    write_tar(tmp_path / "shards" / "train.tar", pairs(0, 40))
    write_tar(tmp_path / "shards" / "test.tar", pairs(40, 60))
    right = []
    for name in ("folder", "shards"):
        data = featx.load_dataset(tmp_path / name, cache_dir=tmp_path / "cache")
        cache = featx.FeatureCache(tmp_path / "cache")
        results = featx.bench(data, {"raw": featx.RawPixels()}, ["knn"], cache=cache)
        right.append(results.best.scores.confusion.tolist())
    assert right[0] == right[1]
