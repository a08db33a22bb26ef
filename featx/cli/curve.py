"""The command `featx curve`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import typer

from featx.catalog import CLASSIFIERS, ENCODERS
from featx.cli.bench import RUNS, run_name
from featx.cli.fields import option
from featx.cli.options import EncoderOptions
from featx.cli.output import end, out, print_json, say, tell_dataset
from featx.cli.parsing import parse_numbers, split_names


@dataclass(frozen=True, kw_only=True)
class CurveOptions(EncoderOptions):
    """Options of `featx curve`."""

    encoders: str = option(
        "auto",
        f"Encoders, separated by commas: {', '.join(ENCODERS)}; or auto.",
        "--encoders",
        "--encoder",
    )
    clf: str = option(
        "auto",
        f"Classifiers, separated by commas: {', '.join(CLASSIFIERS)}; or auto.",
    )
    labels: str = option(
        "5,10,25,50,100,250,1000",
        "Labels of each class, at most, separated by commas; all come last.",
    )
    draws: int = option(10, "Draws of labels.", min=2, max=1000)
    budget: float | None = option(
        None,
        "About how long it may take. Epochs and filters are chosen to fit.",
        min=0.1,
        metavar="MINUTES",
    )
    out: Path | None = option(
        None, "Write curve.html, curve.json, curve.csv and curve.png to this folder."
    )


def curve(context: typer.Context, options: CurveOptions) -> None:
    """Measure accuracy against the number of labels, and what more labels may give."""
    from featx.encoders.registry import default_encoders
    from featx.experiment import (
        Backend,
        Budget,
        Observer,
        Protocol,
        default_minutes,
        learning_curve,
    )
    from featx.reports import (
        check_run_folder,
        curve_caption,
        curve_lines,
        curve_table,
        new_run_folder,
        save_curve,
    )

    check_run_folder(options.out or RUNS)  # before anything takes time
    labels = parse_numbers("--labels", options.labels)
    auto = options.encoders == "auto"
    names = default_encoders()[0] if auto else split_names(options.encoders)
    classifiers = None if options.clf == "auto" else split_names(options.clf)
    with options.progress() as progress:
        dataset = options.load(progress)
        tell_dataset(dataset, options.quiet)
        minutes = options.budget or default_minutes(len(dataset))
        measured = learning_curve(
            dataset,
            options.make_encoders(dataset, names),
            classifiers,
            labels=labels,
            draws=options.draws,
            protocol=Protocol(seed=options.seed),
            backend=Backend(**options.where),
            cache=options.cache(),
            budget=Budget(minutes, may_leave_out=auto, limits_fits=False),
            observer=Observer(
                on_progress=progress, on_message=lambda line: say(line, options.quiet)
            ),
        )
    measured = replace(measured, command=context.obj)
    folder = options.out or new_run_folder(RUNS, f"{run_name(dataset.name)}-curve")
    save_curve(measured, folder)
    if options.as_json:
        print_json(measured.to_dict() | {"folder": str(folder)})
    else:
        out.print(curve_table(measured))
        for line in (curve_caption(measured), "", *curve_lines(measured)):
            out.print(line)
        say(f"Folder: {folder}, page: {folder / 'curve.html'}", options.quiet)
    end(options.strict, len(dataset.skipped))
