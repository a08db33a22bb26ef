"""Results in words: a line per class, a sentence per paired test."""

from __future__ import annotations

from rich.cells import cell_len

from featx.evaluation.comparisons import Comparison
from featx.evaluation.controls import CONTROLS
from featx.evaluation.results import BenchResults, Result


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
    conv + svm is no better than raw + svm: 87.5 against 75.0 %, 2 images only right
    here, 1 only there, p = 1.000 (McNemar, Holm).
    """
    accuracy = {one.name: 100 * one.scores.accuracy for one in results.results}

    def sentence(test: Comparison) -> str:
        p = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
        images = "image" if test.only_row == 1 else "images"
        return (
            f"{test.row} is {test.verdict} than {test.other}: "
            f"{accuracy[test.row]:.1f} against {accuracy[test.other]:.1f} %, "
            f"{test.only_row:,} {images} only right here, {test.only_other:,} only "
            f"there, {p} (McNemar, Holm)."
        )

    return [sentence(test) for test in results.comparisons]


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
        The controls it does not beat, or that it beats all; empty where the row was
        not tested against a control.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> results = example_results()
    >>> [against_controls(row, results) for row in results.results]
    ['control', 'no better: raw']
    """
    if result.encoder in CONTROLS:
        return "control"
    verdicts: dict[str, list[str]] = {"worse": [], "no better": [], "better": []}
    for test in results.comparisons:
        control = test.other.removesuffix(f" + {result.classifier}")
        if test.row == result.name and control in CONTROLS:
            verdicts[test.verdict].append(control)
    beaten = verdicts.pop("better")
    lost = [f"{word}: {', '.join(of)}" for word, of in verdicts.items() if of]
    if lost or not beaten:
        return "; ".join(lost)
    return f"better: {beaten[0] if len(beaten) == 1 else f'all {len(beaten)}'}"
