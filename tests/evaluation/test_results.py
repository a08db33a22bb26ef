import json
from dataclasses import replace

import numpy as np
import pytest

from featx.evaluation import BenchResults, compare_with_controls, score, with_repeats
from featx.reports.examples import example_results


def seeded(accuracies, n=40):
    """One run for each seed; `accuracies` by row, one for each seed."""
    first = example_results()
    y = np.arange(n) % 2
    runs = []
    for seed in range(3):
        said = {
            row.name: np.where(np.arange(n) < accuracies[row.name][seed] * n, y, 1 - y)
            for row in first.rows
        }
        rows = [
            replace(row, scores=score(y, said[row.name], ["cat", "dog"]))
            for row in first.rows
        ]
        runs.append(
            replace(
                first,
                rows=rows,
                y_true=y,
                predictions=said,
                comparisons=compare_with_controls(rows, said, y, ["raw"]),
                protocol=first.protocol | {"seed": seed},
            )
        )
    return runs


def test_the_mean_over_seeds_decides_which_row_is_best():
    runs = seeded({"raw + svm": [0.9, 0.5, 0.5], "conv + svm": [0.8, 0.8, 0.8]})
    assert runs[0].best.name == "raw + svm"
    joined = with_repeats(runs)
    assert joined.best.name == "conv + svm"
    raw = joined.rows[0]
    assert raw.scores.accuracy == pytest.approx(1.9 / 3)
    assert raw.repeats == (0.9, 0.5, 0.5)
    assert raw.scores.confusion.sum() == 120
    (test,) = joined.comparisons
    # 12 images twice more right, 4 once less: the sums of random signs decide
    assert (test.row, test.only_row, test.only_other) == ("conv + svm", 24, 4)
    assert test.verdict == "better" and joined.n_seeds == 3
    assert joined.protocol["seeds"] == [0, 1, 2]
    assert joined.predictions_of("raw + svm").shape == (3, 40)


def test_one_run_stays_as_it_is():
    (first, *_) = seeded({"raw + svm": [0.5] * 3, "conv + svm": [0.8] * 3})
    assert with_repeats([first]) is first


def test_times_of_seeds_are_means():
    runs = seeded({"raw + svm": [0.5] * 3, "conv + svm": [0.8] * 3})
    runs = [
        replace(run, rows=[replace(r, fit_seconds=float(i)) for r in run.rows])
        for i, run in enumerate(runs)
    ]
    assert [row.fit_seconds for row in with_repeats(runs).rows] == [1, 1]


def test_printed_results_are_a_short_table():
    text = repr(example_results())
    assert text.splitlines()[0] == "pets, 8 test images"
    assert text.splitlines()[2].startswith("* conv") and "87.5" in text
    assert len(text) < 400 and "array(" not in text
    runs = seeded({"raw + svm": [0.9, 0.5, 0.5], "conv + svm": [0.8] * 3})
    assert "mean over 3 seeds" in repr(with_repeats(runs))
    assert "63.3 ± 23.1" in repr(with_repeats(runs))


def test_a_frame_has_a_line_for_each_row():
    frame = example_results().to_frame()
    assert frame["accuracy"].tolist() == [0.75, 0.875]
    assert frame["encoder"].tolist() == ["raw", "conv"]


def test_confusion_of_many_classes_is_stored_sparsely_and_read_back():
    names = [f"class {i}" for i in range(300)]
    y = np.arange(600) % 300
    said = np.where(np.arange(600) < 90, (y + 7) % 300, y)
    results = example_results()
    rows = [replace(row, scores=score(y, said, names)) for row in results.rows]
    many = replace(results, rows=rows, y_true=y)
    text = json.dumps(many.to_dict()["rows"][0]["confusion"])
    assert len(text) < 10_000  # every cell would take 270,000
    again = BenchResults.from_dict(
        json.loads(json.dumps(many.to_dict())),
        **{name: getattr(many, name) for name in ("ids", "y_true", "predictions")},
    )
    for mine, theirs in zip(many.rows, again.rows, strict=True):
        np.testing.assert_array_equal(mine.scores.confusion, theirs.scores.confusion)


def test_no_pair_is_tested_twice():
    runs = seeded({"raw + svm": [0.9] * 3, "conv + svm": [0.8] * 3})
    (test,) = runs[0].comparisons  # the control is best: conv against it, once
    assert {test.row, test.other} == {"raw + svm", "conv + svm"}
    turned = runs[0].comparison_of("raw + svm", "conv + svm")
    assert turned.row == "raw + svm" and turned.only_row >= turned.only_other


def test_uneven_classes_are_seen_in_training_and_in_the_test_part():
    results = example_results()
    assert not results.uneven
    rare = results.data | {"train_per_class": [30, 10]}
    assert replace(results, data=rare).uneven
    assert replace(results, y_true=np.array([0, 0, 0, 0, 0, 0, 0, 1])).uneven


def test_a_class_that_is_never_named():
    results = example_results()
    blind = score(np.array([0, 0, 1]), np.array([0, 0, 0]), ["cat", "dog"])
    assert replace(results.best, scores=blind).never_named() == ["dog"]
    assert results.best.never_named() == []
