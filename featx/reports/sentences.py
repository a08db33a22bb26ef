"""Results in words: a line per class, a sentence per paired test, what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from featx.evaluation.comparisons import Comparison
from featx.evaluation.results import BenchResults, Result

_NAMED = 5  # classes in a sentence, of more only how many there are
# Options of featx bench and featx fit that a command to save a row sets anew or has no
# use for, and whether a value follows.
_LEFT_OUT = {
    **dict.fromkeys(("--encoders", "--encoder", "--clf", "--out", "--save"), True),
    **dict.fromkeys(("--repeats", "--budget", "--joblib"), True),
    **dict.fromkeys(("--json", "--quiet", "-q", "--strict", "--figures"), False),
}


def class_lines(result: Result) -> str:
    """Write the accuracy of every class, one line each.

    Parameters
    ----------
    result : Result
        A row of the comparison.

    Returns
    -------
    str
        Lines in the order of the classes, without a final line break.

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

    Parameters
    ----------
    results : BenchResults
        A whole comparison.

    Returns
    -------
    list of str
        In the order of ``results.comparisons``.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> print(remarks(example_results())[0])
    conv + svm is no better than raw + svm: 87.5 against 75.0 %, 2 images only the first
    got right, 1 only the second, p = 1.000 (McNemar, Holm).
    """
    return [_remark(test, results) for test in results.comparisons]


def _remark(test: Comparison, results: BenchResults) -> str:
    accuracy = {one.name: 100 * one.scores.accuracy for one in results.rows}
    many = results.n_seeds > 1
    things = ("predictions" if many else "images")[: -1 if test.only_row == 1 else None]
    return (
        f"{test.row} is {test.verdict} than {test.other}: "
        f"{accuracy[test.row]:.1f} against {accuracy[test.other]:.1f} %, "
        f"{test.only_row:,} {things} only the first got right, {test.only_other:,} only "
        f"the second, {_p(test)} ({'sign flips' if many else 'McNemar'}, Holm)."
    )


def _p(test: Comparison) -> str:
    return "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"


def advice(results: BenchResults, command: str = "") -> list[str]:
    """Say how sure the answer is, which row is the cheapest as good, and how to save it.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.
    command : str, default=""
        The command line that made it: its data and options are taken over. Without it
        they follow from the results.

    Returns
    -------
    list of str
        Sentences; the last one is the command that saves the row.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> for line in advice(example_results()):
    ...     print(line)
    conv + svm is no better than raw + svm: 87.5 against 75.0 %, 2 images only the first
    got right, 1 only the second, p = 1.000 (McNemar, Holm).
    No cheaper row comes within one standard error of conv + svm.
    To save it: featx fit pets --encoder conv --clf svm --save model.featx
    """
    save = save_command(results, cheapest(results), command)
    return [*choice_lines(results), f"To save it: {save}"]


def choice_lines(results: BenchResults) -> list[str]:
    """Say how the best row stands to the runner-up, and which is the cheapest as good.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.

    Returns
    -------
    list of str
        Sentences.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> print(choice_lines(example_results())[1])
    No cheaper row comes within one standard error of conv + svm.
    """
    best, *others = results.ranked
    if not others:
        return ["It is the only row, so there is nothing to compare it with."]
    test = results.comparison_of(best.name, others[0].name)
    if test is None:
        return [f"{best.name} was not tested against {others[0].name}, the runner-up."]
    choice = cheapest(results)
    if choice is not best:
        line = (
            "The cheapest row within one standard error of the best is "
            f"{choice.name}: "
            f"{100 * choice.scores.accuracy:.1f} against "
            f"{100 * best.scores.accuracy:.1f} %, {seconds(choice.seconds)} against "
            f"{seconds(best.seconds)} s (train, encode, fit, predict)."
        )
    else:
        line = f"No cheaper row comes within one standard error of {best.name}."
    return [_remark(test, results), line]


def seconds(value: float) -> str:
    """Write a time in seconds, with a decimal where it is short.

    Examples
    --------
    >>> seconds(3.14), seconds(1234.5)
    ('3.1', '1,234')
    """
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def cheapest(results: BenchResults) -> Result:
    """Find the cheapest of the best row and of those that are about as good.

    As good are rows within one standard error of the best accuracy that the paired test
    does not find worse. The test alone would not do: of few images it shows little.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.

    Returns
    -------
    Result
        The row with the least time to train, encode, fit and predict.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> cheapest(example_results()).name
    'conv + svm'
    """
    return min(_as_good(results), key=lambda row: row.seconds)


def _as_good(results: BenchResults) -> list[Result]:
    """List the best row, and those that are about as good."""
    best, *others = results.ranked
    low, high = best.scores.accuracy_ci95
    least = best.scores.accuracy - (high - low) / (2 * 1.96)
    tests = [results.comparison_of(best.name, row.name) for row in others]
    return [best] + [
        row
        for row, test in zip(others, tests, strict=True)
        if test is not None
        and test.verdict == "no better"
        and row.scores.accuracy >= least
    ]


def save_command(results: BenchResults, row: Result, command: str = "") -> str:
    """Write the command that fits a row again and saves it.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.
    row : Result
        A row of it.
    command : str, default=""
        The command line that made the comparison, if there was one.

    Returns
    -------
    str
        To be typed into a shell. What was reduced to save time is reduced again.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> results = example_results()
    >>> made_by = "featx bench 'my pets' --clf svm,knn --size 32 --out run --json"
    >>> save_command(results, results.best, made_by)
    "featx fit 'my pets' --size 32 --encoder conv --clf svm --save model.featx"
    """
    words = shlex.split(command)
    if words[:2] in (["featx", "bench"], ["featx", "fit"]):
        kept = _kept(words[2:])
    else:
        protocol = results.protocol
        kept = [str(results.data["name"])]
        kept += ["--tune"] if protocol.get("tuned") else []
        kept += ["--seed", str(protocol["seed"])] if protocol.get("seed") else []
    chosen = ["--encoder", row.encoder, "--clf", row.classifier]
    for name, value in results.protocol.get("reduced", {}).get(row.encoder, {}).items():
        chosen += ["--set", f"{name}={value}"]
    return shlex.join(["featx", "fit", *kept, *chosen, "--save", "model.featx"])


def _kept(words: Sequence[str]) -> list[str]:
    """Drop the options that concern the comparison alone, with their values."""
    kept = []
    rest = iter(words)
    for word in rest:
        option, _, value = word.partition("=")
        if option not in _LEFT_OUT:
            kept.append(word)
        elif _LEFT_OUT[option] and not value:
            next(rest, None)
    return kept


def shown_protocol(results: BenchResults) -> dict[str, Any]:
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
    """Say how many test images are copies, and what the best row reaches without them.

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
    best = results.best
    without = results.accuracy_without_duplicates(best.name)
    if without is None:
        return f"{found} None is left that could tell how good {best.name} is."
    return (
        f"{found} Without them {best.name} reaches {100 * without:.1f} %, not "
        f"{100 * best.scores.accuracy:.1f} %."
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

    Parameters
    ----------
    result : Result
        A row of the comparison.
    results : BenchResults
        The comparison it belongs to.

    Returns
    -------
    str
        The controls it does not beat, or that it beats all; nothing of them where the
        row was not tested against a control. Where classes are uneven, also whether it
        is right more seldom than naming the most frequent class would be.

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
    if below_majority(result, results):
        told.append(f"below always '{results.majority.name}'")
    return "; ".join(told)


def below_majority(result: Result, results: BenchResults) -> bool:
    """Whether naming the most frequent of uneven classes would be right more often."""
    return results.uneven and result.scores.accuracy < results.majority.accuracy


def control_verdicts(result: Result, results: BenchResults) -> dict[str, list[str]]:
    """Sort the controls with a row's classifier by how the row did against them.

    Parameters
    ----------
    result : Result
        A row of the comparison that is no control.
    results : BenchResults
        The comparison it belongs to.

    Returns
    -------
    dict of str to list of str
        Names of encoders by ``"worse"``, ``"no better"`` and ``"better"``.
    """
    verdicts: dict[str, list[str]] = {"worse": [], "no better": [], "better": []}
    for control in results.controls:
        test = results.comparison_of(result.name, f"{control} + {result.classifier}")
        if test is not None:
            verdicts[test.verdict].append(control)
    return verdicts
