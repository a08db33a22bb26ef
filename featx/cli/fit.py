"""The command `featx fit`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from featx.catalog import CLASSIFIERS
from featx.cli.comparing import compare, print_results
from featx.cli.fields import one_of, option
from featx.cli.options import OneEncoderOptions
from featx.cli.output import end, say
from featx.cli.parsing import check_one_name

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from featx.experiment import FittedRow


@dataclass(frozen=True, kw_only=True)
class FitOptions(OneEncoderOptions):
    """Options of `featx fit`."""

    clf: str = option("svm", f"The classifier: {one_of(CLASSIFIERS)}.")
    tune: bool = option(
        False,
        "Search the classifier's settings wider, on the validation part.",
        "--tune",
    )
    out: Path | None = option(None, "Write a run to this folder, too.")
    save: str | None = option(
        None, "Write encoder and classifier to this .featx file.", metavar="MODEL"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one_name(self.clf)


def fit(context: typer.Context, options: FitOptions) -> None:
    """Fit one classifier on features, encoding what is not cached yet."""
    options.announce_device()
    if options.out is not None:  # before anything takes time
        from featx.reports import check_run_folder, save_run

        check_run_folder(options.out)
    if options.save is not None:
        from featx.output_files import check_out

        check_out(options.save)
    from featx.experiment import Protocol

    fitted: list[tuple[BaseEstimator, FittedRow]] = []
    results, dataset = compare(
        options,
        options.encoder,
        options.clf,
        Protocol(
            tune=options.tune,
            seed=options.seed,
            # for figures; they need the encoder itself
            n_examples=Protocol.n_examples if options.out else 0,
            diagnose=options.out is not None,
        ),
        on_fitted=None if options.save is None else lambda *pair: fitted.append(pair),
    )
    if options.out is not None:
        save_run(results, dataset, options.out, context.obj)
    if options.save is not None:
        from featx.bundle import save
        from featx.model import Model

        ((encoder, row),) = fitted
        names = dataset.class_names
        model = Model.of(encoder, row.classifier, names, image_fit=options.fit)
        save(model, options.save)
    print_results(results, options, options.out, context.obj)
    if options.save is not None:
        say(f"Model: {options.save}", options.quiet)
    end(options.strict, len(dataset.skipped))
