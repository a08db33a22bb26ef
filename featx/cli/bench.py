"""The command `featx bench`."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from featx.catalog import CLASSIFIERS, ENCODERS
from featx.cli.comparing import compare, print_results
from featx.cli.fields import option
from featx.cli.options import EncoderOptions
from featx.cli.output import end, say
from featx.errors import ParameterError
from featx.names import file_name

if TYPE_CHECKING:
    from featx.experiment import Budget
    from featx.images import Dataset

RUNS = Path("runs")


@dataclass(frozen=True, kw_only=True)
class BenchOptions(EncoderOptions):
    """Options of `featx bench`."""

    encoders: str = option(
        "auto",
        f"Encoders, separated by commas: {', '.join(ENCODERS)}; or auto, which "
        "leaves out what takes too long.",
        "--encoders",
        "--encoder",
    )
    clf: str = option(
        "auto",
        f"Classifiers, separated by commas: {', '.join(CLASSIFIERS)}; or auto, which "
        "depends on the number of images.",
    )
    tune: bool = option(
        False,
        "Search each classifier's settings wider, on the validation part.",
        "--tune",
    )
    folds: int | None = option(
        None,
        "Judge every image once, by an encoder and a classifier that learned from the "
        "other folds. By default 5 where fewer than 1,000 images bring no test part and no "
        "--limit is given, else 0: a test part.",
        min=0,
    )
    repeats: int = option(
        1, "Run with this many seeds and show the spread.", min=1, max=1000
    )
    budget: float | None = option(
        None,
        "About how long the whole table may take. Epochs, filters and the images for slow "
        "classifiers are chosen to fit.",
        min=0.1,
        metavar="MINUTES",
    )
    ablate_unlabeled: bool = option(
        False,
        "Train every encoder but the controls once more, without the unlabeled images, and "
        "test what these gave.",
        "--ablate-unlabeled",
    )
    joblib: str | None = option(
        None,
        "Fit classifiers side by side with this back end of joblib: loky for processes on "
        "this machine, or one that a library registered.",
        metavar="BACKEND",
    )
    out: Path | None = option(
        None, "Write the run to this folder; by default to runs/TIME-DATA."
    )
    figures: bool = option(False, "Draw figures too, as PNG and SVG.", "--figures")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.budget is not None and not math.isfinite(self.budget):
            raise ParameterError(
                f"Got --budget {self.budget}, but expected minutes such as 5."
            )

    def folds_for(self, dataset: Dataset) -> int:
        """Choose how many folds there are."""
        from featx.experiment.folds import default_folds

        if self.folds is not None:
            return self.folds
        return default_folds(dataset) if self.limit is None else 0

    def budget_for(self, n_images: int) -> Budget:
        """Choose how long the comparison may take."""
        from featx.experiment import Budget, default_minutes

        may_leave_out = self.encoders == "auto"
        if self.budget is not None:
            return Budget(self.budget, may_leave_out)
        minutes = self.repeats * default_minutes(n_images)
        return Budget(minutes, may_leave_out, limits_fits=False)


def bench(context: typer.Context, options: BenchOptions) -> None:
    """Compare encoders with classifiers and leave a folder of results."""
    options.announce_device()
    from featx.experiment import Protocol
    from featx.reports import check_run_folder, new_run_folder, save_run

    check_run_folder(options.out or RUNS)  # before anything takes time
    results, dataset = compare(
        options,
        options.encoders,
        options.clf,
        Protocol(
            tune=options.tune,
            repeats=options.repeats,
            seed=options.seed,
            ablate_unlabeled=options.ablate_unlabeled,
        ),
        folds_for=options.folds_for,
        joblib=options.joblib,
        budget_for=options.budget_for,
    )
    folder = options.out or new_run_folder(RUNS, run_name(dataset.name))
    save_run(results, dataset, folder, context.obj, figures=options.figures)
    print_results(results, options, folder, context.obj)
    if not options.as_json:
        say(f"Run folder: {folder}, page: {folder / 'report.html'}", options.quiet)
    end(options.strict, len(dataset.skipped))


def run_name(data: str) -> str:
    """Name a run folder after the time and the data."""
    name = file_name(os.path.basename(data.rstrip("/")))
    return f"{datetime.now():%Y%m%d-%H%M%S}-{name}"
