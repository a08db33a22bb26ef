import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from calling import stdin
from PIL import Image
from sklearn.linear_model import RidgeClassifier

import featx


def test_a_saved_model_names_files_folders_patterns_and_lists(
    run, folder, tmp_path, monkeypatch
):
    fitted = run(
        "fit", folder, "--encoder", "raw", "--clf", "knn", "--save", "m.featx", "--json"
    )
    assert fitted[0] == 0 and "Model: m.featx" in fitted[2]
    accuracy = json.loads(fitted[1])["rows"][0]["accuracy"]
    code, out, err = run("predict", "m.featx", folder / "test")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and err == "" and list(rows[0]) == ["id", "class", "probability"]
    right = [Path(row["id"]).parent.name == row["class"] for row in rows]
    assert len(right) == 30 and np.mean(right) == pytest.approx(accuracy)
    odd = tmp_path / 'a "b",\u00e4.png'
    odd.write_bytes(Path(rows[0]["id"]).read_bytes())
    monkeypatch.setattr("sys.stdin", stdin(f"{odd}\nnone.png\n".encode()))
    pattern = str(Path(rows[1]["id"]).parent / "*.png")
    code, out, err = run("predict", "m.featx", "-", pattern, "--json", "--strict")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 3 and "skipped none.png: no file" in err
    assert found[-1]["id"] == str(odd) and found[-1]["class"] == rows[0]["class"]
    assert len(found) == 1 + len(list(Path(rows[1]["id"]).parent.glob("*.png")))


@pytest.mark.parametrize("clf", ["svm", "ridge"])
def test_every_class_has_a_probability(run, folder, clf):
    saved = run("fit", folder, "--encoder", "raw", "--clf", clf, "--save", "m.featx")
    assert saved[0] == 0
    code, out, _ = run("predict", "m.featx", folder / "test", "--all")
    rows = list(csv.DictReader(io.StringIO(out)))
    names = sorted(path.name for path in (folder / "test").iterdir())
    columns = [f"probability/{name}" for name in names]
    assert code == 0 and list(rows[0]) == ["id", "class", "probability", *columns]
    for row in rows:
        values = {name: float(row[f"probability/{name}"]) for name in names}
        assert sum(values.values()) == pytest.approx(1, abs=1e-4)
        assert values[row["class"]] == float(row["probability"]) == max(values.values())
    out = run("predict", "m.featx", folder / "test", "--all", "--json")[1]
    first = json.loads(out.splitlines()[0])
    assert list(first["probabilities"]) == names
    assert first["probabilities"][first["class"]] == first["probability"]


def test_unclear_images_are_called_unknown(run, folder):
    # one number of an image says too little
    words = ["--encoder", "pca", "--set", "n_components=1", "--clf", "ridge"]
    assert run("fit", folder, *words, "--save", "m.featx")[0] == 0
    risk = featx.load("m.featx").risk
    assert 0 < (~risk.right).mean() < 1
    least = risk.threshold(0.1)
    rows = csv.DictReader(io.StringIO(run("predict", "m.featx", folder / "test")[1]))
    code, out, err = run("predict", "m.featx", folder / "test", "--reject", "0.1")
    named = 0
    for plain, row in zip(rows, csv.DictReader(io.StringIO(out)), strict=True):
        assert row["probability"] == plain["probability"]
        assert row["guess"] == plain["class"]
        unknown = float(row["probability"]) < least
        assert row["class"] == ("unknown" if unknown else plain["class"])
        named += not unknown
    assert code == 0 and 0 < named < 30
    assert f"{named} of 30 images have a name, with a probability of at least " in err
    code, out, err = run("predict", "m.featx", folder / "test", "--reject", "0")
    assert (code, out) == (1, "") and "Ask for a higher rate" in err
    everything = run("predict", "m.featx", folder / "test", "--reject", "1")[1]
    assert ",unknown," not in everything


def test_images_of_another_kind_are_called_unknown(run, folder):
    saved = run("fit", folder, "--encoder", "raw", "--clf", "svm", "--save", "m.featx")
    assert saved[0] == 0
    Path("other").mkdir()
    shape = featx.load("m.featx").image_shape
    for number in range(5):
        pixels = 255 * (np.indices(shape[:2]).sum(axis=0) % 2)  # a chessboard
        Image.fromarray(pixels.astype(np.uint8)).save(f"other/{number}.png")
    _, out, err = run("predict", "m.featx", "other", "--unlike", "0.05")
    assert out.count(",unknown,") == 5
    assert "0 of 5 images have a name; the others are unknown." in err
    own = run("predict", "m.featx", folder / "test", "--unlike", "0.05")[1]
    assert own.count(",unknown,") <= 4
    (row, *_) = csv.DictReader(io.StringIO(out))
    assert list(row) == ["id", "class", "probability", "guess", "likeness"]
    assert float(row["likeness"]) <= 0.05 and row["guess"] in own


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--reject", "2"], "a rate of 2.0, but expected a share"),
        (["--reject", "nan"], "a rate of nan"),
        (["--unlike", "0"], "a share of 0, but expected one from 0."),
        (["--unlike", "0.001"], "a share of 0.001, but expected one from 0."),
    ],
)
def test_rates_that_are_no_shares(run, folder, model, words, told):
    code, out, err = run("predict", model, folder / "test", *words)
    assert (code, out) == (1, "") and told in err and err.count("\n") == 1


def test_a_model_that_forgets(run, folder):
    words = ["--encoder", "raw", "--clf", "knn", "--save", "m.featx", "--forget"]
    assert run("fit", folder, *words)[0] == 0
    assert featx.load("m.featx").known is None
    for command in (["predict", "--unlike", "0.1"], ["similar"]):
        code, out, err = run(*command, "m.featx", folder)
        assert (code, out) == (1, "") and "remembers no training images" in err
    assert run("predict", "m.featx", folder / "test", "--reject", "0.1")[0] == 0
    code, _, err = run("fit", folder, "--clf", "knn", "--forget")
    assert code == 1 and "Got --forget without --save" in err


def test_similar_training_images(run, folder, model, monkeypatch):
    known = sorted((folder / "train").glob("*/*.png"))
    code, out, err = run("similar", model, known[3], known[40], "-k", "3")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and err == "" and len(rows) == 6
    for path, first in ((known[3], rows[0]), (known[40], rows[3])):
        assert first["id"] == str(path) and first["rank"] == "1"
        assert str(path).endswith(first["similar"]) and float(first["distance"]) < 1e-2
        assert first["class"] == path.parent.name
    assert [row["rank"] for row in rows] == ["1", "2", "3"] * 2
    out = run("similar", model, known[3], "--json", "-k", "2")[1]
    (line,) = map(json.loads, out.splitlines())
    assert [one["class"] for one in line["similar"]] == [r["class"] for r in rows[:2]]
    monkeypatch.setattr("sys.stdin", stdin(f"{known[3]}\n".encode()))
    assert run("similar", model, "-", "-k", "2", "--json", "--out", "s.json")[0] == 0
    assert Path("s.json").read_text() == out
    Path("text.png").write_text("no image")
    code, out, err = run("similar", model, "text.png")
    assert (code, out) == (1, "") and "skipped text.png" in err


def test_similar_training_images_on_a_page(run, folder, model):
    known = sorted((folder / "train").glob("*/*.png"))
    words = ["similar", model, known[3], known[40], "-k", "3", "--out", "s.html"]
    assert run(*words, "--images", folder) == (0, "", "")
    page = Path("s.html").read_text()
    assert page.count("data:image/png") == 2 * (1 + 3)
    assert f">{known[3]}</h2>" in page and "distance " in page
    name = f"{known[3].parent.name}/{known[3].name}"
    assert f"{name}</b><span>{known[3].parent.name}</span>" in page
    Path("other/a").mkdir(parents=True), Path("other/b").mkdir()
    for number in range(4):
        for label in "ab":
            copy = Path("other", label, f"x{number}.png")
            copy.write_bytes(known[number].read_bytes())
    for told, more in (
        ("Got --out FILE.html without --images DATA", []),
        ("Got other without the image", ["--images", "other"]),
        ("Got --json with --out s.html", ["--images", folder, "--json"]),
    ):
        code, out, err = run(*words, *more)
        assert (code, out) == (1, "") and told in err
    code, _, err = run("similar", model, known[3], "--images", folder)
    assert code == 1 and "Got --images DATA without --out FILE.html" in err


def test_scores_are_no_probabilities_to_be_listed(run, folder, model):
    encoder = featx.load(model).pipeline[0]
    X = np.random.default_rng(0).integers(0, 256, (30, *encoder.image_shape_), np.uint8)
    ridge = RidgeClassifier().fit(encoder.transform(X), np.arange(30) % 3)
    featx.save(featx.Model.of(encoder, ridge, ["a", "b", "c"]), "bare.featx")
    code, out, err = run("predict", "bare.featx", folder / "test", "--all")
    assert (code, out) == (1, "") and "whose scores are no probabilities" in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["none.featx", "."], "No such file"),
        (["broken.featx", "."], "a wrong checksum"),
        (["m.featx", "none.png"], "'none.png', but expected a file, a folder"),
        (["m.featx", "empty"], "Got 0 files, but expected at least one image"),
        (["m.featx", "-"], "Got 0 files"),
        (["m.featx", ".", "--device", "gpu"], "device 'gpu', but expected one of auto"),
        (["m.featx", ".", "--out", "none/p.csv"], "No such file or directory at none"),
    ],
)
def test_a_prediction_that_cannot_be_made_is_one_line(
    run, folder, args, words, monkeypatch
):
    monkeypatch.setattr("sys.stdin", stdin(b""))
    Path("empty").mkdir()
    run("fit", folder, "--encoder", "raw", "--clf", "knn", "--save", "m.featx")
    Path("broken.featx").write_bytes(Path("m.featx").read_bytes()[:-1])
    code, out, err = run("predict", *args)
    assert (code, out) == (1, "") and err.count("\n") == 1 and words in err


def ids(out):
    return [row["id"] for row in csv.DictReader(io.StringIO(out))]


@pytest.mark.parametrize(
    ("end", "options"),
    [("\n", []), ("\r\n", []), ("\0", []), ("\0", ["-0"]), ("\0", ["--null"])],
)
def test_lists_end_their_names_in_every_way(
    run, folder, model, end, options, monkeypatch
):
    files = sorted(map(str, folder.glob("test/a/*.png")))
    monkeypatch.setattr("sys.stdin", stdin(end.join([*files, ""]).encode()))
    code, out, err = run("predict", model, "-", *options)
    assert (code, ids(out), err) == (0, files, "")


def test_a_closed_stdin_is_one_line(run, model, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    code, out, err = run("predict", model, "-")
    assert (code, out, err.count("\n")) == (1, "", 1) and "a closed stdin" in err


def test_a_path_that_is_not_there_costs_itself_alone(run, folder, model):
    there = str(folder / "test" / "a")
    code, out, err = run("predict", model, "none.png", there, "no*.png")
    assert code == 0 and len(ids(out)) == 10
    assert "skipped none.png: no file" in err and "skipped no*.png: no file" in err
    assert "2 images were skipped" in err


def test_predictions_go_to_a_file_that_is_whole_or_absent(run, folder, model):
    there = str(folder / "test" / "a")
    printed = run("predict", model, there)[1]
    assert run("predict", model, there, "--out", "p.csv") == (0, "", "")
    assert Path("p.csv").read_text() == printed
    assert run("predict", model, there, "--json", "--out", "p.jsonl")[0] == 0
    assert len(Path("p.jsonl").read_text().splitlines()) == 10
    Path("text.png").write_text("no image")
    code, out, err = run("predict", model, "text.png", "--out", "absent.csv")
    assert (code, out) == (1, "") and not Path("absent.csv").exists()
    assert err.splitlines()[-1].startswith("featx: Got 1 files, but expected")


def test_a_long_prediction_tells_its_progress(run, folder, model, monkeypatch):
    monkeypatch.setattr("featx.cli.image_files.SILENT_SECONDS", -1.0)
    there = folder / "test"
    code, out, err = run("predict", model, there)
    assert code == 0 and "predict: 30 of 30" in err and len(ids(out)) == 30
    monkeypatch.setattr("sys.stdin", stdin(str(there / "a" / "0.png").encode()))
    assert "predict, 1 images" in run("predict", model, "-")[2]
    assert run("predict", model, there, "-q")[2] == ""
    assert run("predict", model, there, "--device", "cpu", "-q")[1] == out
