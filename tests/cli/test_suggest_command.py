import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from blocks import make_images
from PIL import Image

from featx import load_dataset


def add(root, n, seed=5, channels=3):
    """Put images without a label into a folder."""
    root.mkdir(parents=True, exist_ok=True)
    images = make_images(n, channels=channels, seed=seed)
    for i, image in enumerate(images.X):
        pixels = image[..., 0] if channels == 1 else image
        Image.fromarray(pixels).save(root / f"new{i}.png")
    return root


def rows_of(out):
    return list(csv.DictReader(io.StringIO(out)))


RAW = ["--encoder", "raw"]


def test_typical_images_of_a_folder_without_labels(run, tmp_path):
    root = add(tmp_path / "alone", 60)
    code, out, _ = run("suggest", root, "-k", "6", *RAW)
    rows = rows_of(out)
    assert code == 0 and list(rows[0]) == ["id", "rank", "why", "class", "probability"]
    assert [row["rank"] for row in rows] == list("123456")
    assert {(row["why"], row["class"], row["probability"]) for row in rows} == {
        ("typical", "", "")
    }
    assert len({row["id"] for row in rows}) == 6
    # the place of the block, which is the class, is that of the number by three
    assert {int(Path(row["id"]).stem[3:]) % 3 for row in rows} == {0, 1, 2}
    assert run("suggest", root, "-k", "6", *RAW)[1] == out


def test_uncertain_images_of_a_data_set(run, folder):
    add(folder / "unlabeled", 30)
    code, out, _ = run("suggest", folder, "-k", "4", *RAW, "--json")
    told = json.loads(out)
    assert code == 0 and told["why"] == "uncertain" and len(told["suggestions"]) == 4
    first = told["suggestions"][0]
    assert list(first) == ["id", "rank", "why", "class", "probability"]
    assert first["id"].startswith("unlabeled/new") and first["class"] in "abc"
    assert 1 / 3 <= first["probability"] <= 1
    assert told["data"]["n_unlabeled"] == 30


def test_one_label_of_a_class_is_enough(run, tmp_path):
    root = tmp_path / "few"
    add(root / "unlabeled", 30)
    for name, seed in (("a", 1), ("b", 2)):
        add(root / name, 1, seed=seed)
    code, out, _ = run("suggest", root, "-k", "3", *RAW)
    assert code == 0 and [row["why"] for row in rows_of(out)] == ["typical"] * 3
    dataset = load_dataset(root, split=False)
    assert (len(dataset.train), len(dataset.test)) == (2, 0)
    code, _, err = run("fit", root, *RAW)  # where something is judged it is not
    assert code == 1 and "expected at least 3" in err


def test_all_that_are_left_are_copies(run, folder, model, tmp_path):
    root = tmp_path / "new"
    root.mkdir()
    known = next((folder / "train" / "a").glob("*.png"))
    (root / "known.png").write_bytes(known.read_bytes())
    words = ["suggest", root, "--model", model]
    code, out, err = run(*words)
    assert code == 0 and rows_of(out) == [] and "0 of 20 images" in err
    assert json.loads(run(*words, "--json")[1])["suggestions"] == []
    assert run(*words, "--out", "page.html")[0] == 0
    assert "0 of 1 images without a label" in Path("page.html").read_text()


def test_a_model_brings_features_and_probabilities(run, folder, model, tmp_path):
    root = add(tmp_path / "new", 20, channels=1)  # gray, the model is of colors
    (root / "broken.png").write_bytes(b"no image")
    known = next((folder / "train" / "a").glob("*.png"))
    (root / "known.png").write_bytes(known.read_bytes())
    code, out, err = run("suggest", root, "--model", model, "-k", "30", "--strict")
    rows = rows_of(out)
    assert code == 3 and "skipped broken.png" in err and "of 30 images" in err
    names = {row["id"] for row in rows}
    assert "known.png" not in names and 10 < len(names) <= 20
    assert {row["why"] for row in rows} == {"uncertain"}
    predicted = rows_of(run("predict", model, root)[1])
    by_name = {Path(one["id"]).name: one for one in predicted}
    for row in rows:
        expected = by_name[row["id"]]
        assert row["class"] == expected["class"]
        assert float(row["probability"]) == pytest.approx(
            float(expected["probability"]), abs=1e-5
        )


def test_a_model_that_remembers_nothing_is_refused(run, folder, tmp_path):
    words = [*RAW, "--clf", "knn", "--save", "m.featx", "--forget", "--quiet"]
    assert run("fit", folder, *words)[0] == 0
    code, _, err = run("suggest", add(tmp_path / "new", 5), "--model", "m.featx")
    assert code == 1 and "remembers no training images" in err and "--forget" in err


def test_the_page_shows_the_images(run, folder):
    add(folder / "unlabeled", 30)
    code, out, _ = run("suggest", folder, "-k", "5", *RAW, "--out", "page.html")
    page = Path("page.html").read_text()
    assert code == 0 and out == "" and page.count('<img src="data:image/png') == 5
    assert "5 of 30 images without a label" in page and "unlabeled/new" in page
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")
    listed = run("suggest", folder, "-k", "5", *RAW)[1]
    assert run("suggest", folder, "-k", "5", *RAW, "--out", "list.csv")[1] == ""
    assert Path("list.csv").read_text() == listed
    order = [page.index(f">{row['id']}<") for row in rows_of(listed)]
    assert order == sorted(order)


def test_names_that_a_spreadsheet_or_a_browser_would_run(run, tmp_path):
    root = add(tmp_path / "odd", 3)
    (root / "new0.png").rename(root / "=1+1.png")
    (root / "new1.png").rename(root / "<b onload=x>.png")
    out = run("suggest", root, *RAW)[1]
    assert "'=1+1.png" in out
    assert run("suggest", root, *RAW, "--out", "page.html")[0] == 0
    page = Path("page.html").read_text()
    assert "&lt;b onload=x&gt;.png" in page and "<b onload" not in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{folder}", *RAW], "90 images in {folder} that all have a label"),
        (["{folder}", "--model", "m.featx", *RAW], "Got --encoder with --model"),
        (["{folder}", "--model", "m.featx", "--size", "9"], "Got --size with --model"),
        (["{folder}", "--json", "--out", "a.html"], "Got --json with --out a.html"),
        (["{folder}", "--out", "no/such/list.csv"], "No such file or directory"),
        (["nowhere"], "Got data 'nowhere'"),
        (["{folder}", "--model", "none.featx"], "none.featx"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(run, folder, words, message):
    code, out, err = run("suggest", *(word.format(folder=folder) for word in words))
    assert code == 1 and out == "" and "Traceback" not in err
    assert message.format(folder=folder) in err


def test_no_image_is_no_number_of_images(run, folder):
    assert run("suggest", folder, "-k", "0")[0] == 2


def test_without_labels_the_default_encoder_learns(run, tmp_path):
    root = add(tmp_path / "alone", 40)
    code, out, err = run("suggest", root, "-k", "3", "--epochs", "1")
    assert code == 0 and len(rows_of(out)) == 3 and "train compact" in err


def test_real_images(run, cifar10, tmp_path):
    root = tmp_path / "photographs"
    for label, place in enumerate(sorted(Path(cifar10, "train").iterdir())):
        for i, file in enumerate(sorted(place.iterdir())[:30]):
            target = root / "unlabeled" if i > 5 else root / place.name
            target.mkdir(parents=True, exist_ok=True)
            (target / f"{label}-{i}.jpg").write_bytes(file.read_bytes())
    code, out, _ = run("suggest", root, "-k", "10", "--encoder", "pca", "--json")
    told = json.loads(out)["suggestions"]
    assert code == 0 and len(told) == 10 and told[0]["why"] == "uncertain"
    assert np.mean([one["probability"] for one in told]) < 0.5
