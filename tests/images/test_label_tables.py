"""Tables of labels: what they may say, and what is told with the line where it stands."""

import csv
import json
import re

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from featx.errors import DataError, MissingDataError, ParameterError


def value(number):
    return 3 * number + 1


@pytest.fixture
def home(tmp_path):
    """Forty images in a folder, and no table yet."""
    for number in range(40):
        path = tmp_path / "home" / "images" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((5, 5), value(number), np.uint8)).save(path)
    return tmp_path / "home"


def rows(n=40, **columns):
    """Rows of a table; a column is a function of the number of the image."""
    columns = {"file_name": lambda i: f"images/{i}.png", "label": kind} | columns
    return [{name: of(i) for name, of in columns.items()} for i in range(n)]


def kind(number):
    return "ab"[number % 2]


def write(path, table, delimiter=",", encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, table[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(table)
    return path


def assert_right(data, n=40):
    seen = 0
    for part in (data.train, data.test):
        for x, label, id_ in zip(part.X, part.y, part.ids, strict=True):
            number = int(id_.rpartition("/")[2].partition(".")[0])
            assert (x == value(number)).all() and data.class_names[label] == kind(
                number
            )
            seen += 1
    assert seen == n


@pytest.mark.parametrize("end", ["csv", "tsv", "parquet"])
def test_a_table_beside_the_images(home, load, end):
    path = home / f"labels.{end}"
    if end == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows()), path)
    else:
        write(
            path, rows(), delimiter=";" if end == "csv" else "\t", encoding="utf-8-sig"
        )
    data = load(path)
    assert data.class_names == ("a", "b")
    assert data.name == str(path)
    assert_right(data)


def test_a_table_inside_the_folder_goes_before_folders_of_classes(home, load):
    assert write(home / "metadata.csv", rows()).exists()
    assert_right(load(home))
    # one without labels says nothing of classes
    write(home / "metadata.csv", [{"file_name": "images/0.png", "text": "a cat"}])
    with pytest.raises(DataError, match="1 class"):
        load(home)


def test_a_table_in_each_part_as_the_library_datasets_writes_it(tmp_path, load):
    for number in range(40):
        part = "train" if number < 30 else "test"
        path = tmp_path / part / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((5, 5), value(number), np.uint8)).save(path)
    names = {"file_name": lambda i: f"{i}.png"}
    write(tmp_path / "train" / "metadata.csv", rows(**names)[:30])
    write(tmp_path / "test" / "metadata.csv", rows(**names)[30:])
    data = load(tmp_path)
    assert (len(data.train), len(data.test)) == (30, 10)
    assert_right(data)


def test_names_of_columns_parts_groups_and_missing_labels(home, load):
    parts = ["train"] * 20 + ["VAL"] * 6 + ["test"] * 10 + ["unlabeled"] * 2 + [""] * 2
    table = rows(
        diagnosis=lambda i: "" if i >= 36 else kind(i),
        fold=lambda i: parts[i],
        patient=lambda i: f"p{i // 2}",
        age=lambda i: i,
    )
    for row in table:
        del row["label"]
    write(home / "labels.csv", table)
    columns = {"label": "diagnosis", "split": "fold", "group": "patient"}
    data = load(home / "labels.csv", columns=columns)
    assert (len(data.unlabeled), len(data.train), len(data.test)) == (4, 26, 10)
    assert data.validation.sum() == 6
    assert len(np.unique(data.train.groups)) == 13
    assert "labels.csv, columns that are not used: age" in data.notes
    assert_right(data, 36)


def test_numbers_are_ordered_as_numbers(home, load):
    write(home / "labels.csv", rows(label=lambda i: i % 4 * 5))
    assert load(home / "labels.csv").class_names == ("0", "5", "10", "15")


def test_changed_labels_are_seen(home, load):
    path = write(home / "labels.csv", rows())
    before = load(path)
    write(path, rows(label=lambda i: "ab"[i // 20]))
    after = load(path)
    assert not np.array_equal(np.sort(before.train.ids), np.sort(after.train.ids)) or (
        not np.array_equal(before.train.y, after.train.y)
    )
    for label, id_ in zip(after.train.y, after.train.ids, strict=True):
        assert label == int(re.findall("[0-9]+", id_)[0]) // 20


def test_absolute_paths_and_links_backwards(home, tmp_path, load):
    names = {"file_name": lambda i: str(home / "images" / f"{i}.png")}
    assert_right(load(write(tmp_path / "far" / "labels.csv", rows(**names))))
    names = {"file_name": lambda i: f"..\\home\\images\\{i}.png"}
    assert_right(load(write(tmp_path / "far" / "labels.csv", rows(**names))))


def test_what_is_left_out_is_told_with_its_line(home, load):
    table = rows()
    table.insert(3, table[0])
    (home / "images" / "7.png").unlink()
    data = load(write(home / "labels.csv", table))
    assert_right(data, 39)
    assert data.notes[:2] == (
        "named twice, used once: images/0.png (line 5 of labels.csv)",
        "left out, no such file: images/7.png (line 10 of labels.csv)",
    )


def spoiled(**change):
    table = rows()
    table[4] |= change
    return table


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (spoiled(file_name=""), {}, "no file name in line 6 of labels.csv"),
        (
            [*rows(), rows()[2] | {"label": "b"}],
            {},
            r"images/2.png twice: label a in line 4 of labels.csv, but label b in line 42",
        ),
        (rows(split=lambda i: "fold7"), {}, "split 'fold7' in line 2 of labels.csv"),
        (rows(file_name=lambda i: f"{i}.jpg"), {}, "40 file names but no such file"),
        (rows(label=lambda i: ""), {}, "40 images but no label"),
        (rows(label=lambda i: "a"), {}, "1 class"),
        (rows(group=lambda i: "one"), {}, "all 40 images of .* in one group"),
        (
            rows(group=lambda i: "x" * (i % 2 + 1)),
            {},
            "2 groups, but no way to set some aside",
        ),
        (
            rows(
                group=lambda i: str(i % 10), split=lambda i: ["train", "test"][i // 20]
            ),
            {},
            "10 of 10 groups in several parts",
        ),
    ],
)
def test_bad_tables(home, load, table, options, words):
    path = write(home / "labels.csv", table)
    with pytest.raises(DataError, match=words) as caught:
        load(path, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"label": "species"}, "no column species in labels.csv, but file_name, label"),
        ({"file_name": "path"}, "no column path in labels.csv"),
        ({"name": "path"}, "unknown column 'name'|column 'name'"),
    ],
)
def test_unknown_columns(home, load, columns, words):
    path = write(home / "labels.csv", rows())
    with pytest.raises(ParameterError, match=words):
        load(path, columns=columns)


def test_broken_tables(home, load):
    path = home / "labels.csv"
    path.write_text("file_name,label\nimages/0.png,a,b\n")
    with pytest.raises(DataError, match="3 cells in line 2"):
        load(path)
    path.write_bytes(b"file_name,label\nimages/0.png,\xff\n")
    with pytest.raises(DataError, match="byte 0xff, which is not UTF-8"):
        load(path)
    path.write_text("")
    with pytest.raises(ParameterError, match="no column file_name"):
        load(path)
    path.write_text("file_name,label\n")
    with pytest.raises(DataError, match="no rows in"):
        load(path)
    with pytest.raises(MissingDataError, match="no such table"):
        load(home / "other.csv")


def test_a_table_at_a_url(home, load):
    bucket = fsspec.filesystem("memory")
    write(home / "labels.csv", rows())
    bucket.put(str(home), "/set", recursive=True)
    assert_right(load("memory://set/labels.csv"))
    bucket.store.clear()


def test_the_command_line_names_columns(run, home):
    write(home / "labels.csv", [r | {"who": i // 2} for i, r in enumerate(rows())])
    words = ["--column", "group=who", "--json"]
    code, out, _ = run("data", home / "labels.csv", *words)
    assert code == 0 and json.loads(out)["data"]["n_groups"] == 20
    code, _, err = run("data", home / "labels.csv", "--column", "group")
    assert code == 1 and "expected WHAT=NAME" in err


def test_test_rows_without_a_label_are_no_test_images(home, load):
    table = rows(
        label=lambda i: "" if i in (36, 37, 38) else kind(i),
        split=lambda i: "test" if i >= 30 else "train",
    )
    data = load(write(home / "labels.csv", table))
    assert (len(data.train), len(data.test)) == (30, 7)
    assert_right(data, n=37)
    unlabeled = {int(one.rpartition("/")[2][:-4]) for one in data.unlabeled.ids}
    assert not unlabeled & {36, 37, 38}, "of the test part, so nothing learns from them"


@pytest.mark.parametrize("empty", ["-1", " -1", ""])
def test_minus_one_is_no_label_among_names_too(home, load, empty):
    table = rows(label=lambda i: empty if i < 4 else kind(i))
    data = load(write(home / "labels.csv", table))
    assert data.class_names == ("a", "b")
    assert len(data.unlabeled) == 4
    assert_right(data, n=36)
