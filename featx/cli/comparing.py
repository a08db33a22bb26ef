"""What `featx bench` and `featx fit` have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from featx.cli.options import EncoderOptions
from featx.cli.output import out, print_json, say, tell_dataset
from featx.cli.parsing import split_names

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from featx.evaluation import BenchResults
    from featx.experiment import Budget, FittedRow, Protocol
    from featx.images import Dataset


def compare(
    options: EncoderOptions,
    encoders: str,
    classifiers: str,
    protocol: Protocol,
    *,
    joblib: str | None = None,
    budget_for: Callable[[int], Budget | None] = lambda n_images: None,
    folds_for: Callable[[Dataset], int] = lambda dataset: 0,
    on_fitted: Callable[[BaseEstimator, FittedRow], None] | None = None,
) -> tuple[BenchResults, Dataset]:
    """Load the images and compare.

    `budget_for` gets the number of images, `folds_for` the images.
    """
    from featx.classifiers import default_classifiers, resolve_classifiers
    from featx.encoders.registry import default_encoders
    from featx.experiment import Backend, Observer, bench

    names = split_names(classifiers) if classifiers != "auto" else []
    resolve_classifiers(names)  # before anything takes time
    with options.progress() as progress:
        dataset = options.load(progress)
        folds = folds_for(dataset)
        tell_dataset(dataset, options.quiet, folds=folds)
        names = names or default_classifiers(len(dataset.train))
        chosen, line = default_encoders() if encoders == "auto" else ([], "")
        chosen = chosen or split_names(encoders)
        for told in (
            f"Encoders {', '.join(chosen)}; classifiers {', '.join(names)}.",
            line,
        ):
            if told:
                say(told, options.quiet)
        results = bench(
            dataset,
            options.make_encoders(dataset, chosen),
            names,
            protocol=replace(protocol, folds=folds),
            backend=Backend(**options.where, joblib=joblib, device=options.cuda_device),
            cache=options.cache(),
            budget=budget_for(len(dataset)),
            observer=Observer(
                on_progress=progress,
                on_message=lambda line: say(line, options.quiet),
                on_fitted=on_fitted,
            ),
        )
    return results, dataset


def print_results(
    results: BenchResults,
    options: EncoderOptions,
    folder: Path | None,
    command: str,
    *,
    saves: bool = False,
) -> None:
    """Print the table and what it says, or all of it as JSON.

    How to save a row is left out where the command `saves` it.
    """
    from featx.reports import class_lines, comparison_table
    from featx.reports.recommendation import advice, choice_lines

    if options.as_json:
        place = {} if folder is None else {"folder": str(folder)}
        print_json(results.to_dict() | place)
        return
    out.print(comparison_table(results, width=out.options.max_width))
    out.print(f"\n{results.chosen.name}:")
    out.print(class_lines(results.chosen))
    out.print()
    told = choice_lines(results) if saves else advice(results, command)
    for line in [*told, *_notes(results)]:
        out.print(line)
    if all(r.cached["encoder"] and r.cached["features"] for r in results.rows):
        say("Nothing was trained or encoded: all came from the cache.", options.quiet)


def _notes(results: BenchResults) -> Iterator[str]:
    """Say each note once, with the rows that it is for."""
    rows: dict[str, list[str]] = {}
    for row in results.rows:
        for note in row.notes:
            rows.setdefault(note, []).append(row.name)
    for note, names in rows.items():
        every = len(names) == len(results.rows) > 1
        yield f"{'every row' if every else ', '.join(names)}: {note}."
