import csv
import io
import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from featx.evaluation import with_repeats
from featx.evaluation.comparisons import Comparison
from featx.evaluation.scores import score
from featx.reports import (
    class_lines,
    comparison_table,
    csv_table,
    markdown_page,
    markdown_table,
    remarks,
    to_json,
)
from featx.reports.recommendation import advice, cheapest, how_to_save, save_command

CONTRACT = {
    "encoder",
    "classifier",
    "n_features",
    "accuracy",
    "accuracy_ci95",
    "balanced_accuracy",
    "macro_f1",
    "per_class",
    "confusion",
    "train_seconds",
    "encode_seconds",
    "encode_images_per_second",
    "fit_seconds",
    "predict_seconds",
    "encoder_params",
    "classifier_params",
    "cached",
}


def printed(results, width):
    console = Console(width=width, file=io.StringIO())
    console.print(comparison_table(results, width=width))
    return console.file.getvalue()


def with_scores(results, y_true, y_pred, names):
    return replace(
        results.best, scores=score(np.array(y_true), np.array(y_pred), names)
    )


def test_terminal_table_shows_every_column_where_there_is_room(results):
    table = comparison_table(results, width=200)
    headers = [str(column.header) for column in table.columns]
    assert headers == [
        "encoder",
        "classifier",
        "features",
        "accuracy %",
        "balanced %",
        "macro F1 %",
        "train s",
        "encode s",
        "fit s",
        "vs control",
    ]
    scores = results.best.scores
    low, high = scores.accuracy_ci95
    line = next(text for text in printed(results, 200).splitlines() if "conv" in text)
    assert line.split("  ")[0] == "* conv"
    assert f"{100 * scores.accuracy:.1f} [{100 * low:.1f}, {100 * high:.1f}]" in line
    assert "c 1,234" in line and "8,192" in line and "better: all 2" in line


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_terminal_table_keeps_what_matters_when_narrow(results, width):
    text = printed(results, width)
    assert max(map(len, text.splitlines())) <= width
    for wanted in ("encoder", "classifier", "accuracy %", "vs control", "* conv"):
        assert wanted in text
    assert ("Hidden on this terminal:" in " ".join(text.split())) == (width < 110)


def test_terminal_table_does_not_read_names_as_markup(results):
    odd = replace(results.rows[0], encoder="[bold]x[/red]")
    assert "[bold]x[/red]" in printed(
        replace(results, rows=[odd], duplicates=None), 120
    )


def test_markdown_table_marks_the_best_row(results):
    lines = markdown_table(results).splitlines()
    assert lines[1].count("---") == 10 and len(lines) == 7
    assert "| **conv** | **svm** |" in lines[4]
    assert "**" not in lines[2] + lines[3]
    assert {line.count("|") for line in lines[:5]} == {11}


def test_csv_holds_plain_numbers(results):
    rows = list(csv.DictReader(io.StringIO(csv_table(results))))
    assert [row["encoder"] for row in rows] == ["raw", "pca", "conv"]
    best, scores = rows[2], results.best.scores
    assert float(best["accuracy"]) == scores.accuracy
    assert float(best["accuracy_ci95_high"]) == scores.accuracy_ci95[1]
    assert best["cached_encoder"] == "True" and best["n_features"] == "8192"
    assert json.loads(best["encoder_params"]) == {"max_epochs": 3, "kernel": [3, 3]}
    assert json.loads(best["notes"]) == ["a | note"]
    scalar = CONTRACT - {"accuracy_ci95", "per_class", "confusion", "cached"}
    assert scalar < set(best)


def test_json_holds_the_contract(results):
    document = json.loads(to_json(results), parse_constant=pytest.fail)
    assert set(document) == {
        "featx",
        "duplicates",
        "data",
        "protocol",
        "machine",
        "rows",
        "reliability",
        "comparisons",
    }
    for row in document["rows"]:
        assert set(row) - {"notes", "repeats", "held_out", "calibrated"} == CONTRACT
        assert row["classifier_params"] == {"C": 10.0, "gamma": None}
        assert set(row["cached"]) == {"encoder", "features"}
    best = document["rows"][2]
    assert best["confusion"] == results.best.scores.confusion.tolist()
    assert list(best["per_class"]) == ["plane", "automobile", "cat"]
    of_class = {"precision", "recall", "f1", "support", "recall_ci95"}
    assert set(best["per_class"]["cat"]) == of_class


def test_class_lines_are_aligned(results):
    result = with_scores(
        results,
        [0] * 1000 + [1] * 50,
        [0] * 717 + [1] * 283 + [0] * 47 + [1] * 3,
        ["plane", "automobile"],
    )
    assert class_lines(result).splitlines() == [
        "Accuracy for class: plane      is 71.7 %  [717/1000]",
        "Accuracy for class: automobile is  6.0 %  [  3/50]",
    ]


def test_class_lines_of_wide_names_and_absent_classes(results):
    result = with_scores(results, [0, 1], [0, 1], ["猫", "dog", "absent"])
    assert class_lines(result).splitlines() == [
        "Accuracy for class: 猫     is 100.0 %  [1/1]",
        "Accuracy for class: dog    is 100.0 %  [1/1]",
        "Accuracy for class: absent is unknown, no test images",
    ]


def test_remarks_say_what_the_tests_found(results):
    accuracy = {row.name: 100 * row.scores.accuracy for row in results.rows}
    tests = [
        Comparison("conv + svm", "pca + svm", 1240, 520, 1e-9, (0.1, 0.25)),
        Comparison("raw + svm", "pca + svm", 1, 4, 0.375, (-0.02, 0.01)),
        Comparison("raw + svm", "conv + svm", 3, 400, 0.01, (-0.4, -0.3)),
    ]
    conv, pca, raw = (accuracy[f"{name} + svm"] for name in ("conv", "pca", "raw"))
    assert remarks(replace(results, comparisons=tests)) == [
        f"conv + svm is better than pca + svm: {conv:.1f} against {pca:.1f} %, "
        f"{conv - pca:+.1f} [+10.0, +25.0], "
        "1,240 images only the first got right, 520 only "
        "the second, p < 0.001 (McNemar, Holm).",
        f"raw + svm is no better than pca + svm: {raw:.1f} against {pca:.1f} %, "
        f"{raw - pca:+.1f} [-2.0, +1.0], "
        "1 image only the first got right, 4 only the second, p = 0.375 (McNemar, Holm).",
        f"raw + svm is worse than conv + svm: {raw:.1f} against {conv:.1f} %, "
        f"{raw - conv:+.1f} [-40.0, -30.0], 3 images only the first got right, 400 only "
        "the second, p = 0.010 (McNemar, Holm).",
    ]


@pytest.mark.parametrize(
    ("p_values", "says"),
    [
        ((0.01, 0.01), "better: all 2"),
        ((0.01, 0.5), "no better: pca"),
        ((0.5, 0.5), "no better: raw, pca"),
    ],
)
def test_row_that_does_not_beat_a_control_says_so(results, p_values, says):
    tests = [
        Comparison("conv + svm", f"{control} + svm", 30, 10, p, (0.0, 0.2))
        for control, p in zip(("raw", "pca"), p_values, strict=True)
    ]
    line = markdown_table(replace(results, comparisons=tests)).splitlines()[4]
    assert line.split(" | ")[-1] == f"**{says}** |"


def test_page_tells_the_whole_run(results):
    page = markdown_page(results, "featx bench toys")
    for wanted in (
        markdown_table(results).rstrip(),
        *remarks(results),
        class_lines(results.best),
        "| automobile | 12 | 100 |",
        "- n train: 36",
        "- seed: 0",
        "- conv + svm: a | note",
        "- cores: 2",
        "```text\nfeatx bench toys\n```",
    ):
        assert wanted in page


def uneven(results):
    """The same rows where most training images are of the first class."""
    return replace(results, data=results.data | {"train_per_class": [90, 10, 10]})


@pytest.mark.parametrize("width", [60, 70, 80, 120])
def test_balanced_accuracy_is_the_last_column_to_go_where_classes_are_uneven(
    results, width
):
    text = " ".join(printed(uneven(results), width).split())
    shown, _, hidden = text.partition("Hidden on this terminal:")
    if width >= 70:
        assert "balanced %" in shown and "balanced %" not in hidden
    if hidden:  # whatever else may go is gone before it
        assert "macro F1 %" in hidden
    assert "Always saying 'plane' would be right on 33.3 %." in text
    assert "Always saying" not in printed(results, width)


def test_a_row_that_never_names_a_class_says_so(results):
    y = results.y_true
    blind = np.where(y == 2, 0, y)
    best = replace(results.best, scores=score(y, blind, results.data["class_names"]))
    told = markdown_table(replace(results, rows=[*results.rows[:2], best]))
    assert "conv + svm never names: cat." in told
    assert "never names" not in markdown_table(results)


def test_a_row_below_the_majority_says_so(results):
    y = np.repeat([0, 1], [270, 30])
    few = replace(uneven(results), y_true=y)
    line = markdown_table(few).splitlines()
    assert "below always 'plane'" in line[2] and "below" not in line[4].split("|")[3]


def test_markdown_takes_no_html_from_names(results):
    odd = replace(results.rows[0], encoder="<img src=x onerror=alert(1)>")
    named = replace(results, rows=[odd, *results.rows[1:]], comparisons=[])
    named = replace(named, data=results.data | {"name": "<script>"})
    page = markdown_page(named, "featx bench toys")
    assert "<img" not in page and "<script" not in page
    assert "&lt;img src=x onerror=alert(1)>" in page


def test_the_cheapest_row_as_good_as_the_best_is_named(results):
    unclear = [
        replace(test, p_value=0.3 if test.other == "pca + svm" else 0.001)
        for test in results.comparisons
    ]
    assert cheapest(results).name == "conv + svm"
    apart = replace(results, comparisons=unclear)
    assert cheapest(apart).name == "conv + svm"  # unclear, but far below the best
    best = next(row for row in results.rows if row.name == "conv + svm")
    close = [
        replace(row, scores=replace(row.scores, accuracy=best.scores.accuracy - 0.01))
        if row.name == "pca + svm"
        else row
        for row in results.rows
    ]
    assert cheapest(replace(results, rows=close)).name == "conv + svm"  # shown worse
    near = replace(results, rows=close, comparisons=unclear)
    assert cheapest(near).name == "pca + svm"
    told = advice(near, "featx bench toys --repeats 3 --figures --out x --size 8")
    assert told[0].startswith("No training images could be held out")
    assert "is pca + svm" in told[2]
    fit = "featx fit toys --size 8 --encoder {} --clf svm --save model.featx"
    assert told[-2:] == [
        "To save it: " + fit.format("conv"),
        "To save pca + svm, the cheaper one: " + fit.format("pca"),
    ]
    slow = [
        replace(row, fit_seconds=best.seconds) if row.name == "pca + svm" else row
        for row in close
    ]
    assert cheapest(replace(near, rows=slow)).name == "conv + svm"  # as much time


def test_a_row_that_no_file_holds_gets_no_command(results):
    others = ["my.py:net", "pca+my.py:net", "hog"]
    for encoder in others:
        rows = [
            replace(row, encoder=encoder) if row.encoder == "conv" else row
            for row in results.rows
        ]
        told = how_to_save(replace(results, rows=rows, comparisons=[]))
        assert "no file" in told[0][0] and told[0][1] == ""
        assert told[1][0] == "To save pca + svm, the best that can be:"
    trees = [replace(row, classifier="sklearn.ensemble:F") for row in results.rows]
    assert len(how_to_save(replace(results, rows=trees, comparisons=[]))) == 1
    bayes = [replace(row, classifier="sklearn.naive_bayes:G") for row in results.rows]
    assert how_to_save(replace(results, rows=bayes, comparisons=[]))[0][1]


def test_a_row_without_the_unlabeled_images_is_saved_without_them(results):
    ablated = results.protocol | {"ablated": {"pca": "conv"}}
    row = next(row for row in results.rows if row.encoder == "pca")
    made_by = "featx bench toys --unlabeled more --ablate-unlabeled"
    words = save_command(replace(results, protocol=ablated), row, made_by)
    assert words == (
        "featx fit toys --encoder conv --clf svm --unlabeled none --save model.featx"
    )


def test_what_unlabeled_images_gave_is_said(results):
    ablated = results.protocol | {"ablated": {"pca": "conv"}}
    lines = advice(replace(results, protocol=ablated))
    (told,) = [line for line in lines if line.startswith("What the unlabeled images")]
    assert "conv + svm is better than pca + svm" in told


def test_the_saved_model_is_that_of_the_row_where_time_was_saved(results):
    reduced = {"conv": {"max_epochs": 16, "n_components": 400}, "pca": {}}
    short = replace(results, protocol=results.protocol | {"reduced": reduced})
    words = shlex.split(save_command(short, short.best, "featx bench toys --budget 5"))
    assert words[:3] == ["featx", "fit", "toys"] and "--budget" not in words
    sets = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    assert sets == ["max_epochs=16", "n_components=400"]
    assert "--set" not in save_command(short, short.rows[1])


def test_what_was_reduced_to_save_time_stands_under_the_table(results):
    note = "conv is reduced to 16 epochs to save time."
    told = {"time": [note], "reduced": {"conv": {"max_epochs": 16}}}
    page = markdown_page(
        replace(results, protocol=results.protocol | told), "featx bench toys"
    )
    table, _, rest = page.partition("## What to do next")
    assert f"- {note}" in table
    assert "- time:" not in rest and "- reduced:" not in rest
    assert note not in rest


def test_tables_of_several_seeds_show_means_and_spread(results):
    runs = [
        replace(results, protocol=results.protocol | {"seed": seed}) for seed in (0, 1)
    ]
    joined = with_repeats(runs)
    accuracy = 100 * results.best.scores.accuracy
    text = " ".join(printed(joined, 200).split())
    assert f"{accuracy:.1f} ± 0.0 [" in text and "mean over 2 seeds" in text
    assert "sign flips" in remarks(joined)[0] and "predictions" in remarks(joined)[0]
    rows = list(csv.DictReader(io.StringIO(csv_table(joined))))
    assert float(rows[2]["accuracy_std"]) == 0
