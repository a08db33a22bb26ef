"""The command `featx report`."""

from dataclasses import dataclass
from pathlib import Path

import typer

from featx.catalog import MAP_METHODS
from featx.cli.fields import argument, one_of, option
from featx.cli.output import err, out


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Options of `featx report`."""

    run: Path = argument("The folder that 'featx bench' wrote.", metavar="RUN")
    compare: Path | None = option(
        None, "Compare it row by row with this run.", metavar="RUN2"
    )
    curve: Path | None = option(
        None,
        "Add a section with the learning curves that 'featx curve' wrote here.",
        metavar="FOLDER",
    )
    map: str = option(
        "pca", f"How the map of the features is drawn: {one_of(MAP_METHODS)}."
    )
    open: bool = option(False, "Show the page in the browser.", "--open")
    figures: bool = option(
        False, "Draw figures too, as PNG and SVG, in RUN/figures.", "--figures"
    )


def report(options: ReportOptions) -> None:
    """Make the page of a run anew, report.html in its folder."""
    from featx.reports import save_figures, save_page

    page = save_page(
        options.run, options.compare, curve=options.curve, map_method=options.map
    )
    out.print(str(page), soft_wrap=True)
    if options.figures:
        drawn = save_figures(options.run)
        out.print(str(drawn[0].parent), soft_wrap=True)
    if options.open and typer.launch(page.resolve().as_uri()):
        err.print("No browser could be started here; open the page by hand.")
