"""Results in words: a line per class, a sentence per paired test."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len

from featx.evaluation.comparisons import Comparison
from featx.evaluation.learning_curve import LearningCurve
from featx.evaluation.result import Result
from featx.evaluation.results import BenchResults

OUTSIDE = (
    "outside data: the encoder was made elsewhere, perhaps from other people's images"
)
_NAMED = 5  # classes in a sentence, of more only how many there are
# test images that resemble training images before anybody is asked, and their share
_FEW_ALIKE, _MANY_ALIKE = 5, 0.1


def class_lines(result: Result) -> str:
    """Write the accuracy of every class, one line each.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> print(class_lines(example_results().best))
    Accuracy for class: cat is  75.0 %  [3/4]
    Accuracy for class: dog is 100.0 %  [4/4]
    """
    scores = result.scores
    names = max(cell_len(name) for name in scores.per_class)
    shares = [f"{100 * one.recall:.1f}" for one in scores.per_class.values()]
    share_width = max(map(len, shares))
    count_width = len(str(scores.confusion.diagonal().max()))
    lines = []
    for row, (name, one) in enumerate(scores.per_class.items()):
        head = f"Accuracy for class: {name}{' ' * (names - cell_len(name))}"
        if one.support:
            count = f"{scores.confusion[row, row]:>{count_width}}/{one.support}"
            lines.append(f"{head} is {shares[row]:>{share_width}} %  [{count}]")
        else:
            lines.append(f"{head} is unknown, no test images")
    if result.repeats:
        lines.append(
            f"The predictions of {len(result.repeats)} seeds are counted together."
        )
    return "\n".join(lines)


def remarks(results: BenchResults) -> list[str]:
    """Write one sentence for each paired test.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> print(remarks(example_results())[0])
    conv + svm is no better than raw + svm: 87.5 against 75.0 %, +12.5 [-45.2, +65.2], 2
    images only the first got right, 1 only the second, p = 1.000 (McNemar, Holm).
    """
    return [remark(test, results) for test in results.comparisons]


def remark(test: Comparison, results: BenchResults) -> str:
    """Write a paired test as a sentence."""
    accuracy = {one.name: 100 * one.scores.accuracy for one in results.rows}
    many = results.n_seeds > 1
    things = ("predictions" if many else "images")[: -1 if test.only_row == 1 else None]
    low, high = (100 * end for end in test.difference_ci95)
    return (
        f"{test.row} is {test.verdict} than {test.other}: "
        f"{accuracy[test.row]:.1f} against {accuracy[test.other]:.1f} %, "
        f"{accuracy[test.row] - accuracy[test.other]:+.1f} [{low:+.1f}, {high:+.1f}], "
        f"{test.only_row:,} {things} only the first got right, {test.only_other:,} only "
        f"the second, {_p(test)} ({results.test_name}, Holm)."
    )


def _p(test: Comparison) -> str:
    return "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"


def seconds(value: float) -> str:
    """Write a time in seconds, with a decimal where it is short.

    Examples
    --------
    >>> seconds(3.14), seconds(1234.5)
    ('3.1', '1,234')
    """
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def shown_protocol(results: BenchResults | LearningCurve) -> dict[str, Any]:
    """Give the facts of the protocol that no sentence of a page tells.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> shown_protocol(example_results())
    {'seed': 0, 'controls': ['raw']}
    """
    told = ("reduced", "time")  # by the command to save a row, and below the table
    return {key: one for key, one in results.protocol.items() if key not in told}


def majority_line(results: BenchResults) -> str:
    """Say what naming the most frequent class would reach; empty for even classes.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from featx.reports.examples import example_results
    >>> results = example_results()
    >>> majority_line(results)
    ''
    >>> uneven = results.data | {"train_per_class": [30, 10]}
    >>> majority_line(replace(results, data=uneven))
    "Always saying 'cat' would be right on 50.0 %."
    """
    if not results.uneven:
        return ""
    name, share = results.majority
    return f"Always saying '{name}' would be right on {100 * share:.1f} %."


def duplicates_line(results: BenchResults) -> str:
    """Say how many test images are copies, and what the chosen row reaches without.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import numpy as np
    >>> from featx.evaluation import Duplicates
    >>> from featx.reports.examples import example_results
    >>> results = example_results()
    >>> of = np.where(np.arange(len(results.y_true)) < 2, 0, -1)
    >>> copies = Duplicates(of, (of == 0).astype(np.float32))
    >>> print(duplicates_line(replace(results, duplicates=copies)))
    2 of 8 test images are copies of training images, 2 of them in every pixel. Without
    them conv + svm reaches 83.3 %, not 87.5 %.
    """
    if results.duplicates is None or not (found := results.duplicates.describe()):
        return ""
    best = results.chosen
    without = results.accuracy_without_duplicates(best.name)
    if without is None:
        return f"{found} None is left that could tell how good {best.name} is."
    whole, rest = (f"{100 * one:.1f} %" for one in (best.scores.accuracy, without))
    as_before = f"as with them: {rest}" if rest == whole else f"{rest}, not {whole}"
    return f"{found} Without them {best.name} reaches {as_before}."


def alike_line(results: BenchResults) -> str:
    """Ask whether images belong together, where many test images resemble training images.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> alike_line(example_results())
    ''
    """
    found = results.diagnostics
    if found is None or found.n_alike < max(_FEW_ALIKE, _MANY_ALIKE * found.n_compared):
        return ""
    return (
        f"{found.n_alike:,} of {found.n_compared:,} test images are much nearer to a "
        f"training image, in the features of {found.encoder}, than chance would bring one. "
        "Do they show the same object, person or place? Then say which images belong "
        "together, with --group-by or a column group, or new images will do worse than "
        "these."
    )


def never_named_line(row: Result) -> str:
    """Say which classes a row never names though the test part has them, if any.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> never_named_line(example_results().best)
    ''
    """
    names = row.never_named()
    if not names:
        return ""
    more = len(names) - _NAMED
    told = ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return f"{row.name} never names: {told}."


def against_controls(result: Result, results: BenchResults) -> str:
    """Say in a few words how a row did against its controls.

    It names the controls that the row does not beat, or says that it beats all; nothing
    where the row was not tested against a control. Where classes are uneven, it says also
    whether naming the most frequent class would be right more often. "Outside data" says
    that the encoder was made elsewhere.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> results = example_results()
    >>> [against_controls(row, results) for row in results.rows]
    ['control', 'no better: raw']
    """
    told = []
    if result.encoder in results.controls:
        told.append("control")
    else:
        verdicts = control_verdicts(result, results)
        beaten = verdicts.pop("better")
        told += [f"{word}: {', '.join(of)}" for word, of in verdicts.items() if of]
        if beaten and not told:
            told = [
                f"better: {beaten[0] if len(beaten) == 1 else f'all {len(beaten)}'}"
            ]
    if result.encoder in results.outside_data:
        told.insert(0, "outside data")
    if below_majority(result, results):
        told.append(f"below always '{results.majority.name}'")
    return "; ".join(told)


def below_majority(result: Result, results: BenchResults) -> bool:
    """Whether naming the most frequent of uneven classes would be right more often."""
    return results.uneven and result.scores.accuracy < results.majority.accuracy


def control_verdicts(result: Result, results: BenchResults) -> dict[str, list[str]]:
    """Sort the controls with a row's classifier by how the row did against them.

    The keys are ``"worse"``, ``"no better"`` and ``"better"``, the values encoders.
    """
    verdicts: dict[str, list[str]] = {"worse": [], "no better": [], "better": []}
    for control in results.controls:
        test = results.comparison_of(result.name, f"{control} + {result.classifier}")
        if test is not None:
            verdicts[test.verdict].append(control)
    return verdicts
