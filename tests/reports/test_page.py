import io
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from featx.cli import main
from featx.errors import DataError, MissingDataError, ParameterError
from featx.evaluation import Duplicates, with_repeats
from featx.reports import files as module
from featx.reports import html_page, load_run, save_page, save_run
from featx.reports.album import PER_CELL, cells, make_album
from featx.reports.html.rows import answer, compared
from featx.reports.html.view import page_view
from featx.reports.runs import Run, predictions_npz

NASTY = (
    "<script>alert('x')</script>",
    'a "quoted" & name',
    "наблюдение 観察",
    "</script>",
)


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    dataset, results = run
    folder = tmp_path_factory.mktemp("page") / "run"
    save_run(results, dataset, folder, "featx bench toys --seed 0")
    return folder


def document(page):
    found = re.search(r'id="page-data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found.group(1))


def test_a_run_comes_back_as_it_was(folder, results):
    again = load_run(folder)
    assert again.command == "featx bench toys --seed 0"
    assert again.results.data == json.loads(json.dumps(results.data))
    assert [row.name for row in again.results.rows] == [
        row.name for row in results.rows
    ]
    for mine, theirs in zip(results.rows, again.results.rows, strict=True):
        assert mine.scores.per_class == theirs.scores.per_class
        np.testing.assert_array_equal(mine.scores.confusion, theirs.scores.confusion)
    assert again.results.comparisons == results.comparisons
    for kind in ("predictions", "confidences", "reconstructions", "filters"):
        mine, theirs = getattr(results, kind), getattr(again.results, kind)
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name])
    np.testing.assert_array_equal(
        again.results.diagnostics.neighbor_rows, results.diagnostics.neighbor_rows
    )
    for name, value in vars(results.duplicates).items():
        np.testing.assert_array_equal(getattr(again.results.duplicates, name), value)


def test_the_page_made_anew_is_the_same(folder):
    first = (folder / "report.html").read_bytes()
    assert save_page(folder) == folder / "report.html"
    assert (folder / "report.html").read_bytes() == first


def test_nothing_is_asked_of_the_network(folder):
    page = (folder / "report.html").read_text()
    assert "default-src 'none'" in page
    for target in re.findall(r"""(?:src|href)=["']?([^"'\s>]+)""", page):
        assert target.startswith(("#", "data:")), target
    assert not re.search(r"url\((?!data:)", page)
    assert "@import" not in page


def test_every_section_is_there(folder):
    page = (folder / "report.html").read_text()
    sections = re.findall(r'<section id="([\w-]+)"', page)
    headings = re.findall(r'<section id="[^"]+" aria-labelledby="([^"]+)"', page)
    assert len(headings) == len(sections)
    assert all(f'id="{heading}"' in page for heading in headings)
    assert sections == [
        *("answer", "table", "rows", "map"),
        *("neighbors", "label-issues", "copies", "encoders", "data", "run"),
    ]
    assert "featx bench toys --seed 0" in page


def test_the_answer_says_no_more_than_the_numbers(results):
    clear = answer(results)
    assert (clear["name"], clear["verdict"]) == (
        "conv + svm",
        "is better than the runner-up",
    )
    assert "is better than pca + svm" in clear["lines"][1]
    unclear = [replace(test, p_value=0.3) for test in results.comparisons]
    said = answer(replace(results, comparisons=unclear))
    assert said["verdict"] == "has the highest accuracy"
    assert "is no better than pca + svm" in said["lines"][1]
    assert "no better: raw, pca" in said["lines"][3]


def test_a_control_that_wins_is_called_one(results):
    rows = {row.encoder: row for row in results.rows}
    won = replace(
        results,
        rows=[
            replace(rows["conv"], encoder="raw"),
            replace(rows["raw"], encoder="conv"),
        ],
        comparisons=[],
    )
    said = answer(won)
    assert said["name"] == "raw + svm"
    assert any("no learned encoder did better" in line for line in said["lines"])


def test_copies_are_shown_and_the_accuracy_without_them(folder, results):
    page = (folder / "report.html").read_text()
    right = results.predictions["conv + svm"] == results.y_true
    without = 100 * right[results.duplicates.of < 0].mean()
    line = (
        "2 of 300 test images are copies of training images, 1 of them in every pixel. "
        f"Without them conv + svm reaches {without:.1f} %, not "
        f"{results.best.percent} %."
    )
    assert page.count(line) == 2  # in the answer and in the section
    section = page[page.index('<section id="copies"') :]
    names = section[section.index("Their names") :]
    assert names.index(results.ids[5]) < names.index(results.ids[2])
    assert "equal</span>" in section and "0.970</span>" in section
    document = json.loads((folder / "results.json").read_text())["duplicates"]
    assert document["accuracy_without"]["conv + svm"] == pytest.approx(without / 100)
    assert (document["found"], document["equal_in_every_pixel"]) == (2, 1)
    assert line in (folder / "table.md").read_text()


def test_without_copies_the_page_says_so(build):
    dataset, results = build()
    none = Duplicates(np.full(300, -1), np.zeros(300, np.float32))
    results = replace(results, duplicates=none)
    page = html_page(Run(results, make_album(results, dataset), "featx"))
    assert "None was found." in page and "See which" not in page
    results = replace(results, duplicates=None)
    page = html_page(Run(results, make_album(results, dataset), "featx"))
    assert '<section id="copies"' not in page
    assert results.to_dict()["duplicates"] is None


def test_one_row_alone(build, tmp_path):
    dataset, results = build()
    one = replace(results, rows=results.rows[2:], comparisons=[], diagnostics=None)
    save_run(one, dataset, tmp_path, "featx fit")
    page = (tmp_path / "report.html").read_text()
    assert "only row" in page and '<section id="map"' not in page


def test_cells_show_what_the_predictions_say(folder, results):
    page = document((folder / "report.html").read_text())
    with np.load(folder / "predictions.npz") as arrays:
        y = arrays["y_true"]
        for row in page["rows"]:
            tail = row["name"].replace(" + ", "+")
            said, sure = arrays[f"pred/{tail}"], arrays[f"confidence/{tail}"]
            assert sum(count for _, _, count, *_ in row["cells"]) == len(y)
            for t, p, count, shown, confidence, n_images in row["cells"]:
                behind = np.flatnonzero((y == t) & (said == p))
                order = np.argsort((1 if t == p else -1) * sure[behind], kind="stable")
                assert count == n_images == len(behind)
                assert shown == behind[order][:PER_CELL].tolist()
                np.testing.assert_allclose(confidence, sure[shown], rtol=1e-2)
    assert set(page["tiles"]) >= {
        i for r in page["rows"] for c in r["cells"] for i in c[3]
    }


def test_names_are_text_and_nothing_else(build, tmp_path):
    dataset, results = build(NASTY, per_class=20)
    save_run(results, dataset, tmp_path, "featx bench '<b>' & more")
    page = (tmp_path / "report.html").read_text()
    assert page.count("<script") == 2 and page.count("</script>") == 2
    assert "<b>' &" not in page
    assert document(page)["classes"] == list(NASTY)
    assert "наблюдение 観察" in page


def test_two_runs_on_the_same_images(results):
    found = compared(results, results)
    assert found["same"] and len(found["rows"]) == 3
    assert all(row["verdict"] == "no better" for row in found["rows"])
    turned = replace(results, y_true=results.y_true[::-1])
    other = compared(results, replace(turned, rows=results.rows[:1]))
    assert not other["same"] and other["only_mine"] == ["pca + svm", "conv + svm"]
    assert other["rows"][0]["verdict"] == "not tested"


def test_the_report_command(folder, tmp_path, capsys):
    assert main(["report", str(folder), "--compare", str(folder), "--map", "tsne"]) == 0
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    page = (folder / "report.html").read_text()
    assert '<section id="compared"' in page and "placed by the t-SNE" in page
    assert main(["report", str(tmp_path)]) == 1
    assert "expected the folder of a run" in " ".join(capsys.readouterr().err.split())
    assert main(["report", str(folder), "--map", "umap"]) == 1
    assert "Got map 'umap'" in capsys.readouterr().err


def test_damaged_runs(folder, tmp_path):
    with pytest.raises(MissingDataError, match=r"with results\.json"):
        load_run(tmp_path)
    for name, content in [
        ("results.json", b"{"),
        ("results.json", b"{}"),
        ("predictions.npz", b"no archive"),
        ("pictures.npz", (folder / "pictures.npz").read_bytes()[:200]),
        ("diagnostics.npz", b""),
        ("predictions.npz", b""),
        ("thumbnails/000.png", b""),
        ("predictions.npz", _flipped(folder / "predictions.npz")),
    ]:
        broken = tmp_path / "broken"
        shutil.copytree(folder, broken, dirs_exist_ok=True)
        (broken / name).write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            load_run(broken)
        shutil.rmtree(broken)
    shutil.copytree(folder, broken)
    (broken / "pictures.npz").unlink()
    with pytest.raises(DataError, match=r"run without .*pictures\.npz"):
        load_run(broken)


def edited(change):
    def edit(content):
        document = json.loads(content)
        change(document)
        return json.dumps(document).encode()

    return "results.json", edit


def with_array(name, key, change):
    def edit(content):
        with np.load(io.BytesIO(content)) as arrays:
            found = dict(arrays)
        stream = io.BytesIO()
        np.savez(stream, **found | {key: change(found[key])})
        return stream.getvalue()

    return name, edit


ROW = "rows"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            edited(lambda d: d[ROW][1].pop("accuracy")),
            r"rows\[1\] has no 'accuracy'",
        ),
        (edited(lambda d: d[ROW][0].update(accuracy="0.5")), "accuracy is '0.5', but"),
        (
            edited(lambda d: d[ROW][0].update(accuracy=0.9)),
            "scores are not those of its",
        ),
        (edited(lambda d: d[ROW][0].update(accuracy=float("nan"))), "NaN in results"),
        (edited(lambda d: d[ROW][0].update(fit_seconds=-1)), "fit_seconds is -1, but"),
        (edited(lambda d: d[ROW][0].update(n_features=10**400)), "cannot be read"),
        (
            edited(lambda d: d[ROW][0].update(confusion=[[1, 2]])),
            "confusion has 1 lines",
        ),
        (
            edited(lambda d: d[ROW][0].update(repeats=[0.5])),
            "repeats has one seed, but",
        ),
        (edited(lambda d: d[ROW][0]["per_class"].popitem()), "has other classes than"),
        (edited(lambda d: d[ROW].append(d[ROW][0])), "no two alike"),
        (edited(lambda d: d.update(rows=[])), "no two alike"),
        (
            edited(lambda d: d.update(machine=[])),
            r"machine is \[\], but expected an obj",
        ),
        (edited(lambda d: d["data"].pop("class_names")), "data has no 'class_names'"),
        (
            edited(lambda d: d["data"]["train_per_class"].pop()),
            "has 2 classes, but exp",
        ),
        (edited(lambda d: d["data"].update(skipped=[1])), r"skipped\[0\] is 1, but"),
        (edited(lambda d: d["protocol"].update(controls=5)), "controls is 5, but"),
        (edited(lambda d: d["comparisons"][0].update(row="x")), "expected rows of the"),
        (
            edited(lambda d: d["histories"]["conv"].update(loss=["x"])),
            r"loss\[0\] is 'x'",
        ),
        (
            edited(lambda d: d["machine"].update(a=json.loads("[" * 90 + "]" * 90))),
            "deep",
        ),
        (("command.txt", lambda _: b"featx bench 'x"), "No closing quotation"),
        (with_array("predictions.npz", "ids", lambda a: a[:-1]), "expected a name for"),
        (with_array("predictions.npz", "y_true", lambda a: a - 1), "-1 to 1, but"),
        (
            with_array("predictions.npz", "pred/raw+svm", lambda a: a[:9]),
            r"shape \(9,\)",
        ),
        (with_array("predictions.npz", "pred/raw+svm", lambda a: a + 0.5), "float64"),
        (with_array("pictures.npz", "test_rows", lambda a: a + 999), "test_rows has"),
        (with_array("pictures.npz", "tile", lambda a: a * 99), "tile is 792 x 792"),
        (
            with_array("pictures.npz", "examples", lambda a: a[..., :2]),
            "1 or 3 channels",
        ),
        (
            with_array("pictures.npz", "example_rows", lambda a: a[1:]),
            "example_rows is",
        ),
        (
            with_array("pictures.npz", "sheets", lambda a: np.array(["../../x.png"])),
            "a sheet named",
        ),
        (
            with_array("diagnostics.npz", "map_rows", lambda a: a[1:]),
            "map_components is",
        ),
        (
            with_array("diagnostics.npz", "query_rows", lambda a: -a - 1),
            "query_rows has",
        ),
        (
            with_array("diagnostics.npz", "encoder", lambda a: np.array(3)),
            "encoder is 3",
        ),
        (with_array("diagnostics.npz", "map_rows", lambda a: a[0]), r"shape \(\), but"),
        (
            with_array("diagnostics.npz", "map_components", lambda a: a * np.nan),
            "NaN or infinity",
        ),
    ],
)
def test_a_changed_run_is_refused_with_what_is_wrong(folder, tmp_path, change, words):
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    name, edit = change
    (broken / name).write_bytes(edit((broken / name).read_bytes()))
    with pytest.raises(DataError, match=words) as caught:
        load_run(broken)
    assert "Make it again with the command" in str(caught.value)


def test_an_unknown_map_is_refused_without_diagnostics_too(build, tmp_path):
    dataset, results = build()
    save_run(replace(results, diagnostics=None), dataset, tmp_path, "featx bench toys")
    with pytest.raises(ParameterError, match="Got map 'umap'"):
        save_page(tmp_path, map_method="umap")


def _flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x55
    return bytes(data)


def test_predictions_of_another_run_are_refused(folder, build, tmp_path):
    dataset, results = build()
    turned = {name: (said + 1) % 3 for name, said in results.predictions.items()}
    save_run(results, dataset, tmp_path, "featx")
    other = replace(results, predictions=turned)
    (tmp_path / "predictions.npz").write_bytes(predictions_npz(other))
    with pytest.raises(DataError, match="scores are not those of its predictions"):
        load_run(tmp_path)


def test_scores_are_not_called_probabilities(results, run):
    dataset, _ = run
    rows = [replace(row, classifier="mlp", calibrated=True) for row in results.rows[:1]]
    mlp = replace(
        results,
        rows=rows + results.rows[1:],
        comparisons=[],
        predictions=results.predictions
        | {"raw + mlp": results.predictions["raw + svm"]},
        confidences=results.confidences
        | {"raw + mlp": results.confidences["raw + svm"]},
    )
    page = html_page(Run(mlp, make_album(mlp, dataset), "featx"))
    kinds = {row["name"]: row["kind"] for row in document(page)["rows"]}
    assert kinds["raw + mlp"] == "probability" and kinds["conv + svm"] == "score"
    assert page.count("expected calibration error") == 1


def test_probabilities_are_drawn_beside_what_came_true(results, run):
    dataset, _ = run
    said = np.linspace(0.1, 1, len(results.y_true), dtype=np.float32)
    (row, *_) = results.rows
    alone = replace(
        results,
        rows=[replace(row, calibrated=True)],
        comparisons=[],
        confidences={row.name: said},
    )
    view = page_view(Run(alone, make_album(alone, dataset), "featx"))
    (drawn,) = (one["reliability"] for one in view["rows"])
    found = alone.reliability_of(row.name)
    assert drawn["error"] == f"{found.error:.3f}"
    assert len(drawn["points"]) == np.count_nonzero(found.n_images)
    for point in drawn["points"]:
        assert float(point["high"]) <= float(point["y"]) <= float(point["low"])
    places = [pair.split(",") for pair in drawn["surest"].split()]
    _, right, _, bottom = drawn["axes"]
    top, accuracy = drawn["axes"][2], row.scores.accuracy
    assert float(places[-1][0]) == right  # all named: the accuracy of the row
    expected = bottom - (bottom - top) * accuracy
    assert float(places[-1][1]) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("shape", [(8, 8, 1), (1, 1, 3), (20, 31, 3), (200, 40, 1)])
def test_tiles_fit_their_images(build, shape):
    dataset, results = build(("a", "b"), per_class=12, shape=shape)
    album = make_album(results, dataset)
    assert max(album.height, album.width) <= 64
    assert min(album.height, album.width) >= 1
    page = html_page(Run(results, album, "featx"))
    assert f"--tw:{album.width}px" in page


def test_a_full_album_keeps_the_first_of_every_cell(build, monkeypatch):
    dataset, results = build(per_class=200)
    results = replace(results, diagnostics=None, duplicates=None)
    monkeypatch.setattr("featx.reports.album._PIXELS", 64 * 70)
    album = make_album(results, dataset)
    assert len(album.test_rows) == 70
    for row in results.rows:
        behind = cells(results, row.name)
        assert sorted(behind) == list(map(tuple, np.argwhere(row.scores.confusion)))
        for rows in behind.values():
            assert rows[0] in album.test_rows
    page = document(html_page(Run(results, album, "featx")))
    shown = [c[3] for r in page["rows"] for c in r["cells"]]
    assert {i for cell in shown for i in cell} <= set(album.test_rows.tolist())


def test_a_run_without_diagnostics_does_not_show_those_of_an_earlier_one(
    build, tmp_path
):
    dataset, results = build()
    save_run(results, dataset, tmp_path, "featx")
    assert load_run(tmp_path).results.diagnostics is not None
    save_run(replace(results, diagnostics=None), dataset, tmp_path, "featx")
    assert load_run(tmp_path).results.diagnostics is None


def test_a_page_without_confidences(build):
    dataset, results = build()
    results = replace(results, confidences={})
    page = html_page(Run(results, make_album(results, dataset), "featx"))
    assert all(c[4] == [] for r in document(page)["rows"] for c in r["cells"])


def test_writing_where_nothing_may_be_written(folder, monkeypatch):
    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(module, "write_whole", refuse)
    assert main(["report", str(folder)]) == 1


def other_seed(results):
    """The same run under another seed, with other mistakes."""
    said = {name: np.roll(one, 1) for name, one in results.predictions.items()}
    return replace(results, predictions=said, protocol=results.protocol | {"seed": 1})


def test_a_run_of_several_seeds_comes_back_and_shows_all_predictions(build, tmp_path):
    dataset, results = build()
    joined = with_repeats([results, other_seed(results)])
    save_run(joined, dataset, tmp_path, "featx bench toys --repeats 2")
    again = load_run(tmp_path).results
    assert again.n_seeds == 2
    for name, every in joined.repeat_predictions.items():
        np.testing.assert_array_equal(again.predictions_of(name), every)
    page = (tmp_path / "report.html").read_text()
    assert "means over 2 seeds" in page and "mean over 2 seeds" in page
    for row in document(page)["rows"]:
        every = joined.predictions_of(row["name"])
        for t, p, count, shown, said, n_images in row["cells"]:
            inside = (every == p) & (results.y_true == t)
            assert count == inside.sum()
            assert n_images == inside.any(axis=0).sum()
            assert said == inside[:, shown].sum(axis=0).tolist()


def test_the_page_says_what_to_do_next(build, tmp_path):
    dataset, results = build()
    note = "conv is reduced to 16 epochs to save time."
    told = {"time": [note], "reduced": {"conv": {"max_epochs": 16}}}
    short = replace(results, protocol=results.protocol | told)
    save_run(short, dataset, tmp_path, "featx bench toys --encoders raw,pca,conv")
    page = (tmp_path / "report.html").read_text()
    assert (
        "featx fit toys --encoder conv --clf svm --set max_epochs=16 "
        "--save model.featx</code>"
    ) in page
    assert page.count(note) == 1
    assert "<dt>time</dt>" not in page and "<dt>reduced</dt>" not in page


def test_balanced_accuracy_stands_beside_accuracy_where_classes_are_uneven(
    build, tmp_path
):
    dataset, results = build()
    data = results.data | {"train_per_class": [90, 10, 10]}
    said = answer(replace(results, data=data))
    assert said["balanced"] == f"{100 * results.best.scores.balanced_accuracy:.1f}"
    assert "Always saying 'plane' would be right on 33.3 %." in said["lines"]
    assert answer(results)["balanced"] == ""
    heads = []
    for one in (results, replace(results, data=data)):
        save_run(one, dataset, tmp_path, "featx bench toys")
        page = (tmp_path / "report.html").read_text()
        table = page.partition('<section id="table"')[2].partition("</thead>")[0]
        heads.append(re.findall(r"<(?:button[^>]*|span)>([^<]+)</", table))
    assert heads[0][2:5] == ["accuracy %", "95 % interval", "balanced %"]
    assert heads[1][2:5] == ["accuracy %", "balanced %", "95 % interval"]
