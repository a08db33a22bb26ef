"""Features as tables for other tools."""

import json
from dataclasses import replace

import fsspec
import numpy as np
import pytest
from pyarrow import parquet

from featx import FeatureCache, RawPixels, encode, load_dataset
from featx.cli import main
from featx.errors import CacheError, DependencyError
from featx.features import export


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    dataset = load_dataset("digits", cache_dir=folder, limit=100)
    return dataset, encode(dataset, RawPixels(), cache=FeatureCache(folder))


def assert_whole(read, dataset, encoded, files):
    for part, images, features in (
        ("train", dataset.train, encoded.train),
        ("test", dataset.test, encoded.test),
    ):
        tables = [read(name) for name in files if f"/{part}-" in name]
        X = np.concatenate([np.stack(t["features"].to_numpy()) for t in tables])
        assert np.array_equal(X, features.X) and X.dtype == np.float32
        ids = [id_ for table in tables for id_ in table["id"].to_pylist()]
        assert ids == images.ids.tolist()
        names = [name for table in tables for name in table["class"].to_pylist()]
        assert names == [dataset.class_names[label] for label in images.y]


@pytest.mark.parametrize("rows", [None, 7])
def test_tables_hold_every_row(made, tmp_path, monkeypatch, rows):
    dataset, encoded = made
    if rows:
        monkeypatch.setattr("featx.features.tables.FILE_BYTES", rows * 64 * 4)
    seen = []
    files = export(
        encoded,
        dataset.class_names,
        tmp_path / "new" / "folder",
        progress=lambda *step: seen.append(step),
    )
    assert len(files) == (2 if rows is None else 30)
    assert seen[-1] == ("write features", len(files), len(files))
    assert_whole(parquet.read_table, dataset, encoded, files)


def test_tables_go_to_a_bucket_and_come_back_as_they_were(made):
    dataset, encoded = made
    bucket = fsspec.filesystem("memory")
    files = export(encoded, dataset.class_names, "memory://features/")

    def read(url):
        with fsspec.open(url, "rb") as file:
            return parquet.read_table(file)

    assert files[0] == "memory://features/train-00000-of-00001.parquet"
    assert_whole(read, dataset, encoded, files)
    bucket.store.clear()


def test_places_that_cannot_be_written(made, tmp_path, monkeypatch):
    dataset, encoded = made
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="expected a folder"):
        export(encoded, dataset.class_names, tmp_path / "file" / "x")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"featx\[parquet\]"):
        export(encoded, dataset.class_names, tmp_path)


def test_the_command_line_names_the_tables(tmp_path, capsys):
    words = ["encode", "--encoder", "raw", "--limit", "50", "--quiet"]
    words += ["--cache-dir", str(tmp_path / "cache"), "--tables", str(tmp_path / "out")]
    assert main([*words, "--json"]) == 0
    tables = json.loads(capsys.readouterr().out)["tables"]
    assert [parquet.read_table(t).num_rows for t in tables] == [50, 50]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == tables


def test_names_that_are_no_text_are_escaped(made, tmp_path):
    dataset, encoded = made
    ids = np.array([f"b\udcff{i}.png" for i in range(len(encoded.train.ids))])
    odd = replace(encoded, train=replace(encoded.train, ids=ids))
    names = ("\udce4", *dataset.class_names[1:])
    train, _ = export(odd, names, tmp_path)
    table = parquet.read_table(train)
    assert table["id"][0].as_py() == r"b\udcff0.png"
    assert r"\udce4" in set(table["class"].to_pylist())
