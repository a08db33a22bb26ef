"""The command `featx data`."""

from dataclasses import dataclass
from pathlib import Path

from featx.cli.fields import option
from featx.cli.options import DataOptions
from featx.cli.output import end, out, print_json, say, tell_dataset


@dataclass(frozen=True, kw_only=True)
class ShowOptions(DataOptions):
    """Options of `featx data`."""

    grid: Path | None = option(
        None,
        "Write a grid of samples of each class to this PNG file.",
        metavar="FILE",
    )


def show_data(options: ShowOptions) -> None:
    """Show sizes, classes and counts per class; with --grid, draw samples of each."""
    from featx.output_files import check_out
    from featx.reports import data_table, save_samples

    if options.grid is not None:
        check_out(options.grid)  # before anything takes time
    with options.progress() as progress:
        dataset = options.load(progress, need_labels=False)
        tell_dataset(dataset, options.quiet)
    if options.as_json:
        print_json({"data": dataset.describe()})
    else:
        out.print(data_table(dataset))
    if options.grid is not None:
        save_samples(dataset, options.grid)
        say(f"Samples per class: {options.grid}", options.quiet)
    end(options.strict, len(dataset.skipped))
