"""Which row to use: how sure that is, the cheapest that is as good, how to save it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from featx.evaluation.result import Result
from featx.evaluation.results import BenchResults
from featx.reports.sentences import alike_line, remark, seconds
from featx.system import for_shell

# Options of featx bench and featx fit that a command to save a row sets anew or has no
# use for, and whether a value follows.
_LEFT_OUT = {
    **dict.fromkeys(("--encoders", "--encoder", "--clf", "--out", "--save"), True),
    **dict.fromkeys(("--repeats", "--budget", "--joblib"), True),
    **dict.fromkeys(("--json", "--quiet", "-q", "--strict", "--figures"), False),
    "--ablate-unlabeled": False,
}


def advice(results: BenchResults, command: str = "") -> list[str]:
    """Say what the answer is and how sure, which row is the cheapest, and how to save it.

    Parameters
    ----------
    results : BenchResults
        A whole comparison.
    command : str, default=""
        The command line that made it: its data and options are taken over. Without it
        they follow from the results.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> for line in advice(example_results()):
    ...     print(line)
    No training images could be held out to choose by, so this is the row that is highest
    on the test images: being a maximum, its accuracy flatters.
    conv + svm is no better than raw + svm: 87.5 against 75.0 %, +12.5 [-45.2, +65.2], 2
    images only the first got right, 1 only the second, p = 1.000 (McNemar, Holm).
    No cheaper row comes within one standard error of conv + svm.
    To save it: featx fit pets --encoder conv --clf svm --save model.featx
    """
    save = save_command(results, cheapest(results), command)
    return [*choice_lines(results), f"To save it: {save}"]


def choice_lines(results: BenchResults) -> list[str]:
    """Say how the row was chosen, how it stands to others, and which is the cheapest."""
    chosen, best = results.chosen, results.best
    others = [row for row in results.ranked if row is not chosen]
    asked = [line for line in [alike_line(results)] if line]
    if not others:
        only = "It is the only row, so there is nothing to compare it with."
        return [only, *asked]
    lines = []
    if chosen.held_out is not None:
        lines.append(
            f"Chosen on {chosen.held_out.n_images:,} training images held out: "
            f"{chosen.name}, {100 * chosen.held_out.accuracy:.1f} % there and "
            f"{results.answer.percent} of {_judged(results)}."
        )
    else:
        lines.append(
            "No training images could be held out to choose by, so this is the row that "
            f"is highest on {_judged(results)}: being a maximum, its accuracy flatters."
        )
    if best.scores.accuracy > chosen.scores.accuracy:
        lines.append(
            f"The highest of {len(results.rows)} rows is {best.name} with "
            f"{best.percent} %: being a maximum, it flatters."
        )
    test = results.comparison_of(chosen.name, others[0].name)
    if test is None:
        lines.append(f"{chosen.name} was not tested against {others[0].name}.")
    else:
        lines.append(remark(test, results))
    choice = cheapest(results)
    if choice is chosen:
        cheap = f"No cheaper row comes within one standard error of {chosen.name}."
    else:
        cheap = (
            f"The cheapest row within one standard error of it is {choice.name}: "
            f"{choice.percent} against {chosen.percent} %, {seconds(choice.seconds)} "
            f"against {seconds(chosen.seconds)} s (train, encode, fit, predict)."
        )
    return [*lines, cheap, *asked]


def _judged(results: BenchResults) -> str:
    """Say what images the answer was judged on."""
    if folds := results.protocol.get("folds"):
        return f"all images, by what was chosen in each of {folds} folds"
    return "the test images"


def cheapest(results: BenchResults) -> Result:
    """Find the cheapest of the chosen row and of those that are about as good.

    As good are rows within one standard error of its accuracy on held-out training images;
    where there were none, of its test accuracy, unless a test finds them worse. The
    cheapest takes the least time to train, encode, fit and predict.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> cheapest(example_results()).name
    'conv + svm'
    """
    chosen = results.chosen
    if chosen.held_out is not None:
        least = chosen.held_out.accuracy - chosen.held_out.error
        as_good = [
            row
            for row in results.rows
            if row.held_out and row.held_out.accuracy >= least
        ]
    else:
        low, high = chosen.scores.accuracy_ci95
        least = chosen.scores.accuracy - (high - low) / (2 * 1.96)
        as_good = [
            row
            for row in results.rows
            if (test := results.comparison_of(chosen.name, row.name)) is not None
            and test.verdict == "no better"
            and row.scores.accuracy >= least
        ]
    return min([chosen, *as_good], key=lambda row: row.seconds)


def save_command(results: BenchResults, row: Result, command: str = "") -> str:
    """Write the command that fits a row again and saves it, to be typed into a shell.

    What was reduced to save time is reduced again. The options of `command`, which made
    the comparison, are taken over.

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
    encoder = results.ablated.get(row.encoder)
    chosen = ["--encoder", encoder or row.encoder, "--clf", row.classifier]
    chosen += ["--unlabeled", "none"] if encoder else []
    if (folds := results.protocol.get("folds")) and "--folds" not in kept:
        chosen += ["--folds", str(folds)]
    for name, value in results.protocol.get("reduced", {}).get(row.encoder, {}).items():
        chosen += ["--set", f"{name}={value}"]
    words = ["featx", "fit", *kept, *chosen, "--save", "model.featx"]
    return for_shell(shlex.join(words))


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
