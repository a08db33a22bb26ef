import json
import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from featx.errors import CacheError
from featx.reports import figures, markdown_page, save_run, to_json
from featx.reports.figures import figures_of
from featx.storage import write_whole

TABLES = ["results.json", "table.md", "table.csv", "predictions.npz", "command.txt"]
PAGE = ["report.html", "pictures.npz", "evidence.npz", "thumbnails/000.png"]
SHARED = ["samples", "class_distribution", "loss_conv", "reconstructions_conv"]
PER_ROW = ["confusion", "class_accuracy", "classification_report"]


@pytest.fixture(scope="module")
def saved(run, tmp_path_factory):
    dataset, results = run
    folder = tmp_path_factory.mktemp("runs") / "deep" / "run"
    return folder, save_run(results, dataset, folder, "featx bench toys")


def test_every_file_is_there(saved):
    folder, files = saved
    figures = [*SHARED, "comparison", "predictions_conv_svm"]
    figures += [
        f"{kind}_{row}_svm" for kind in PER_ROW for row in ("raw", "pca", "conv")
    ]
    drawn = [f"figures/{name}.{kind}" for name in figures for kind in ("png", "svg")]
    names = TABLES + PAGE + drawn
    assert sorted(files) == sorted(folder / name for name in names)
    there = [path for path in folder.rglob("*") if path.is_file()]
    assert sorted(there) == sorted(files)
    assert all(path.stat().st_size for path in files)


def test_pyplot_is_not_used(saved):
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_texts_say_what_the_functions_say(saved, results):
    folder, _ = saved
    page = (folder / "table.md").read_text(encoding="utf-8")
    assert page == markdown_page(results, "featx bench toys")
    assert (folder / "command.txt").read_text() == "featx bench toys\n"
    document = json.loads((folder / "results.json").read_text())
    assert document.pop("histories") == results.histories
    assert document == json.loads(to_json(results))


def test_predictions_load_without_pickle(saved, run):
    folder, _ = saved
    dataset, results = run
    with np.load(folder / "predictions.npz", allow_pickle=False) as arrays:
        assert tuple(arrays["class_names"]) == dataset.class_names
        np.testing.assert_array_equal(arrays["ids"], results.ids)
        np.testing.assert_array_equal(arrays["y_true"], results.y_true)
        for name, y_pred in results.predictions.items():
            key = f"pred/{name.replace(' + ', '+')}"
            np.testing.assert_array_equal(arrays[key], y_pred)


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "table.md"
    write_whole(path, b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["table.md"]
    assert path.read_bytes() == b"old"


def test_folder_that_cannot_be_written(run, tmp_path):
    dataset, results = run
    occupied = tmp_path / "run"
    occupied.write_text("a file")
    with pytest.raises(CacheError, match=r"Got a run folder .*run: .*--out"):
        save_run(results, dataset, occupied, "featx bench")


def test_names_that_are_no_file_names(build, tmp_path, monkeypatch):
    monkeypatch.setattr("featx.reports.canvas.FigureCanvasAgg", _NoCanvas)
    dataset, results = build(["a/b", "日本 語", "\udcff", "a|b"], per_class=2)
    odd = replace(results.results[0], encoder="../up")
    results = replace(
        results,
        results=[odd],
        comparisons=[],
        predictions={odd.name: results.predictions["raw + svm"]},
        histories={},
        reconstructions={},
        examples=results.examples[:0],
    )
    files = save_run(results, dataset, tmp_path / "run", "featx bench 日本 \udcff")
    assert {path.parent for path in files} == {
        tmp_path / "run",
        tmp_path / "run" / "figures",
        tmp_path / "run" / "thumbnails",
    }
    assert "confusion_..-up_svm.png" in {path.name for path in files}


class _NoCanvas:
    """Stands in for the canvas where only the names of the files matter."""

    def __init__(self, figure):
        pass

    def print_png(self, buffer):
        buffer.write(b"png")


def kept(cache):
    return sorted(path.name for path in (cache / "figures").glob("[!.]*"))


def drawn(results, dataset, cache):
    return dict(figures_of(results, dataset, cache))


def test_figures_are_kept_until_what_they_show_changes(run, tmp_path, monkeypatch):
    dataset, results = run
    first = drawn(results, dataset, tmp_path)
    (key,) = kept(tmp_path)
    slower = [replace(row, fit_seconds=1e3) for row in results.results]
    with monkeypatch.context() as patched:
        patched.setattr(figures, "_draw", None)
        again = drawn(replace(results, results=slower, ids=[]), dataset, tmp_path)
    assert again == first == dict(figures_of(results, dataset))

    monkeypatch.setattr(figures, "_draw", lambda *_: iter([("one.png", b"png")]))
    turned = {name: 1 - images for name, images in results.reconstructions.items()}
    longer = {name: one | {"loss": [9.0]} for name, one in results.histories.items()}
    worse = replace(results.results[0].scores, accuracy=0.1)
    other = [replace(results.results[0], scores=worse), *results.results[1:]]
    names = ("plane", "automobile", "dog")
    train = replace(dataset.train, class_names=names)
    changed = [
        (replace(results, data=results.data | {"name": "other"}), dataset),
        (replace(results, reconstructions=turned), dataset),
        (replace(results, histories=longer), dataset),
        (replace(results, results=other), dataset),
        (replace(results, results=results.results[:2]), dataset),
        (replace(results, examples=results.examples[:5]), dataset),
        (results, replace(dataset, train=train)),
        (results, replace(dataset, train=dataset.train.take(np.arange(30)))),
    ]
    for number, one in enumerate(changed, 2):
        assert drawn(*one, tmp_path) == {"one.png": b"png"}
        assert len(kept(tmp_path)) == number

    (tmp_path / "figures" / key / "samples.png").write_bytes(b"changed")
    with pytest.raises(CacheError, match=r"samples\.png has changed"):
        save_run(results, dataset, tmp_path / "run", "featx", cache_dir=tmp_path)


def test_names_drawn_with_the_fonts_of_the_day_are_not_kept(run, tmp_path, monkeypatch):
    dataset, results = run
    monkeypatch.setattr(figures, "_draw", lambda *_: iter([("one.png", b"png")]))
    named = replace(results, data=results.data | {"name": "日本"})
    assert drawn(named, dataset, tmp_path) == {"one.png": b"png"}
    assert kept(tmp_path) == []
