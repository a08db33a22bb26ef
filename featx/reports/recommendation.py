"""Which row to use: how sure that is, a cheaper one that is as good, how to save them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from featx.catalog import CLASSIFIERS, ENCODERS, SOURCES
from featx.evaluation.comparisons import Comparison
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
_MOST_BELOW = (
    0.02  # of accuracy that a cheaper row may lack, however few images there are
)
_LESS_TIME = 0.75  # of the time, at most, that a cheaper row takes
_TREES = ("sklearn.ensemble", "sklearn.tree")  # which model files cannot hold


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
    No row that is about as good is clearly cheaper.
    To save it: featx fit pets --encoder conv --clf svm --save model.featx
    """
    told = [f"{what} {how}".rstrip() for what, how in how_to_save(results, command)]
    return [*choice_lines(results), *told]


def how_to_save(results: BenchResults, command: str = "") -> list[tuple[str, str]]:
    """Write commands that save the chosen row and a cheaper one, each after a few words.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> how_to_save(example_results())
    [('To save it:', 'featx fit pets --encoder conv --clf svm --save model.featx')]
    """
    chosen, cheap = results.chosen, cheapest(results)
    told, instead = [], None
    if _fits_into_a_file(chosen):
        told = [("To save it:", save_command(results, chosen, command))]
        if cheap is not chosen:
            instead = cheap, "the cheaper one"
    else:
        told = [(f"{chosen.name} has parts that featx reads from no file. Fit it in "
                 "Python, and keep it with joblib.", "")]  # fmt: skip
        if others := [row for row in results.rows if _fits_into_a_file(row)]:
            instead = max(others, key=_judged_by), "the best that can be"
    if instead is not None and _fits_into_a_file(instead[0]):
        row, what = instead
        told += [(f"To save {row.name}, {what}:", save_command(results, row, command))]
    return told


def _judged_by(row: Result) -> float:
    return row.held_out.accuracy if row.held_out else row.scores.accuracy


def _fits_into_a_file(row: Result) -> bool:
    """Whether a model file can hold a row, as far as its name tells."""
    encoders = row.encoder.split("+")
    named = [one in ENCODERS or one.partition(":")[0] in SOURCES for one in encoders]
    own = row.classifier.startswith("sklearn.") and not row.classifier.startswith(
        _TREES
    )
    return (own or row.classifier in CLASSIFIERS) and all(named)


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
    gave = _of_the_unlabeled(results)
    if test is None:
        lines.append(f"{chosen.name} was not tested against {others[0].name}.")
    elif test != gave:
        lines.append(remark(test, results))
    if gave is not None:
        lines.append(f"What the unlabeled images gave: {remark(gave, results)}")
    choice = cheapest(results)
    if choice is chosen:
        cheap = "No row that is about as good is clearly cheaper."
    else:
        cheap = (
            f"The cheapest row that is about as good is {choice.name}: "
            f"{choice.percent} against {chosen.percent} %, {seconds(choice.seconds)} "
            f"against {seconds(chosen.seconds)} s (train, encode, fit, predict)."
        )
    return [*lines, cheap, *asked]


def _of_the_unlabeled(results: BenchResults) -> Comparison | None:
    """Find the test of the chosen encoder with unlabeled images and without them."""
    chosen = results.chosen
    encoder = results.ablated.get(chosen.encoder, chosen.encoder)
    for without, of in results.ablated.items():
        if of == encoder:
            names = [f"{one} + {chosen.classifier}" for one in (encoder, without)]
            return results.comparison_of(*names)
    return None


def _judged(results: BenchResults) -> str:
    """Say what images the answer was judged on."""
    if folds := results.protocol.get("folds"):
        return f"all images, by what was chosen in each of {folds} folds"
    return "the test images"


def cheapest(results: BenchResults) -> Result:
    """Find the cheapest of the rows that are about as good as the chosen one.

    As good are rows within one standard error of its accuracy on held-out training images,
    and within two points; where there were none, of its test accuracy, unless a test finds
    them worse. The cheapest takes the least time to train, encode, fit and predict: less
    than three quarters of that of the chosen row, which is given back where there is none.

    Examples
    --------
    >>> from featx.reports.examples import example_results
    >>> cheapest(example_results()).name
    'conv + svm'
    """
    chosen = results.chosen
    if chosen.held_out is not None:
        least = chosen.held_out.accuracy - min(chosen.held_out.error, _MOST_BELOW)
        as_good = [
            row
            for row in results.rows
            if row.held_out and row.held_out.accuracy >= least
        ]
    else:
        low, high = chosen.scores.accuracy_ci95
        least = chosen.scores.accuracy - min((high - low) / (2 * 1.96), _MOST_BELOW)
        as_good = [
            row
            for row in results.rows
            if (test := results.comparison_of(chosen.name, row.name)) is not None
            and test.verdict == "no better"
            and row.scores.accuracy >= least
        ]
    cheaper = [row for row in as_good if row.seconds < _LESS_TIME * chosen.seconds]
    return min(cheaper, key=lambda row: row.seconds, default=chosen)


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
    if encoder:
        kept = _kept(kept, {"--unlabeled": True})
    chosen = ["--encoder", encoder or row.encoder, "--clf", row.classifier]
    chosen += ["--unlabeled", "none"] if encoder else []
    if (folds := results.protocol.get("folds")) and "--folds" not in kept:
        chosen += ["--folds", str(folds)]
    for name, value in results.protocol.get("reduced", {}).get(row.encoder, {}).items():
        chosen += ["--set", f"{name}={value}"]
    words = ["featx", "fit", *kept, *chosen, "--save", "model.featx"]
    return for_shell(shlex.join(words))


def _kept(
    words: Sequence[str], left_out: Mapping[str, bool] = MappingProxyType(_LEFT_OUT)
) -> list[str]:
    """Drop options, by default those that concern the comparison alone, with values."""
    kept = []
    rest = iter(words)
    for word in rest:
        option, _, value = word.partition("=")
        if option not in left_out:
            kept.append(word)
        elif left_out[option] and not value:
            next(rest, None)
    return kept
