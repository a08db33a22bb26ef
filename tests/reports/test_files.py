import csv
import json
import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from featx.errors import CacheError, MissingDataError
from featx.output_files import write_whole
from featx.reports import (
    check_run_folder,
    load_run,
    markdown_page,
    new_run_folder,
    save_figures,
    save_page,
    save_run,
    to_json,
)

TABLES = ["results.json", "table.md", "table.csv", "predictions.npz", "command.txt"]
TABLES += ["predictions.csv"]
PAGE = ["report.html", "pictures.npz", "diagnostics.npz", "thumbnails/000.png"]
SHARED = ["samples", "class_counts", "loss_conv", "reconstructions_conv"]
PER_ROW = ["confusion", "class_accuracy", "classification_report", "risk_coverage"]


@pytest.fixture(scope="module")
def saved(run, tmp_path_factory):
    dataset, results = run
    folder = tmp_path_factory.mktemp("runs") / "deep" / "run"
    command = "featx bench toys"
    return folder, save_run(results, dataset, folder, command, figures=True)


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
    with pytest.raises(CacheError, match=r"Got a run folder .*run: .*another folder"):
        save_run(results, dataset, occupied, "featx bench")


def test_names_that_are_no_file_names(build, tmp_path, monkeypatch):
    monkeypatch.setattr("featx.reports.figures.render", _not_drawn)
    dataset, results = build(["a/b", "日本 語", "\udcff", "a|b"], per_class=2)
    odd = replace(results.rows[0], encoder="../up")
    results = replace(
        results,
        rows=[odd],
        comparisons=[],
        predictions={odd.name: results.predictions["raw + svm"]},
        histories={},
        reconstructions={},
        examples=results.examples[:0],
    )
    command = "featx bench 日本 \udcff"
    files = save_run(results, dataset, tmp_path / "run", command, figures=True)
    assert {path.parent for path in files} == {
        tmp_path / "run",
        tmp_path / "run" / "figures",
        tmp_path / "run" / "thumbnails",
    }
    assert "confusion_..-up_svm.png" in {path.name for path in files}


def _not_drawn(ax, kind):
    """Stand in for drawing where only the names of the files matter."""
    return kind.encode()


def test_figures_are_drawn_on_demand_and_from_the_files_alone(saved, run, tmp_path):
    dataset, results = run
    files = save_run(results, dataset, tmp_path, "featx bench toys")
    assert not (tmp_path / "figures").exists()
    assert sorted(path.name for path in files) == sorted(
        name.rpartition("/")[2] for name in TABLES + PAGE
    )
    drawn = save_figures(tmp_path)
    first = {path.name: path.read_bytes() for path in (saved[0] / "figures").iterdir()}
    assert {path.name: path.read_bytes() for path in drawn} == first
    with pytest.raises(MissingDataError, match="featx bench DATA"):
        save_figures(tmp_path / "figures")


def test_a_run_without_examples_has_figures_of_numbers(run, tmp_path, monkeypatch):
    monkeypatch.setattr("featx.reports.figures.render", _not_drawn)
    dataset, results = run
    bare = replace(
        results,
        examples=results.examples[:0],
        example_rows=results.example_rows[:0],
        reconstructions={},
    )
    save_run(bare, dataset, tmp_path, "featx fit")
    names = {path.stem for path in save_figures(tmp_path)}
    assert "comparison" in names
    assert not names & {"samples", "predictions_conv_svm", "reconstructions_conv"}


def test_a_folder_keeps_nothing_of_an_earlier_run_and_all_of_the_user(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr("featx.reports.figures.render", _not_drawn)
    dataset, results = run
    save_run(results, dataset, tmp_path, "featx bench", figures=True)
    (tmp_path / "thumbnails" / "007.jpg").write_bytes(b"of a larger run")
    mine = ["notes.txt", "figures/mine.png", "figures/confusion.txt"]
    mine += ["thumbnails/a.png"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    one = replace(
        results,
        rows=results.rows[:1],
        comparisons=[],
        diagnostics=None,
        histories={},
        reconstructions={},
    )
    files = save_run(one, dataset, tmp_path, "featx fit")
    there = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {*files, *(tmp_path / name for name in mine)}
    assert [row.name for row in load_run(tmp_path).results.rows] == ["raw + svm"]


def test_predictions_are_a_table_too(saved, run):
    folder, _ = saved
    dataset, results = run
    with (folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == results.ids.tolist()
    assert [row["true"] for row in rows] == [
        dataset.class_names[label] for label in results.y_true
    ]
    for name, said in results.predictions.items():
        tail = name.replace(" + ", "+")
        assert [row[f"pred/{tail}"] for row in rows] == [
            dataset.class_names[label] for label in said
        ]
        sure = [float(row[f"confidence/{tail}"]) for row in rows]
        np.testing.assert_allclose(sure, results.confidences[name], rtol=1e-5)


def test_names_in_the_table_are_no_formulas_and_keep_their_bytes(build, tmp_path):
    dataset, results = build(["=1+1", "@cat", "-dog"], per_class=2)
    ids = np.array(["+a.png", "b\udcff.png", *results.ids[2:]])
    save_run(replace(results, ids=ids), dataset, tmp_path, "featx bench")
    lines = (tmp_path / "predictions.csv").read_bytes().splitlines()
    assert lines[1].startswith(b"'+a.png,'=1+1,'")
    assert lines[2].startswith(b"b\xff.png,'=1+1,'")


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path):
    made = [new_run_folder(tmp_path / "runs", "now-pets") for _ in range(3)]
    assert [folder.name for folder in made] == ["now-pets", "now-pets-2", "now-pets-3"]
    assert all(folder.is_dir() for folder in made)
    (tmp_path / "file").write_text("")
    for refused in (check_run_folder, lambda runs: new_run_folder(runs, "now")):
        with pytest.raises(CacheError, match="run folder that cannot be written"):
            refused(tmp_path / "file")


def test_results_save_themselves(run, tmp_path):
    dataset, results = run
    page = results.save(str(tmp_path / "a"), dataset, command="featx bench toys")
    save_run(results, dataset, tmp_path / "b", "featx bench toys")
    assert page == tmp_path / "a" / "report.html"
    for made in (tmp_path / "b").rglob("*.*"):
        written = tmp_path / "a" / made.relative_to(tmp_path / "b")
        assert written.read_bytes() == made.read_bytes() or made.suffix == ".npz"


def test_results_without_images_are_saved_with_fewer_pictures(run, tmp_path):
    _, results = run
    page = results.save(tmp_path, figures=True)
    assert not (tmp_path / "thumbnails").exists() and any(
        (tmp_path / "figures").iterdir()
    )
    again = load_run(str(tmp_path))
    assert again.album.sheets == () and again.command == ""
    assert [row.name for row in again.results.rows] == [r.name for r in results.rows]
    text = page.read_text()
    n_issues, n_judged = results.diagnostics.n_issues, results.diagnostics.n_judged
    verb = f"Of {n_judged} images, {n_issues} look more" if n_issues else "None of"
    assert verb in text and 'id="neighbors"' not in text and "The 0 most" not in text
    assert text.count("<img") < 20 * len(results.examples) and "conv + svm" in text
    assert save_page(str(tmp_path)).read_text() == text
