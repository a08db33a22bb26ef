"""Pages that are made from the program, its commands and schemas, and their order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from typer.cli import get_docs_for_click

from featx.cli import app
from featx.reports.checks import json_schemas

_EXAMPLES = (
    *("own_folder", "few_labels", "groups_and_folds", "wrong_labels"),
    *("own_network", "pretrained_network", "own_classifier", "grid_search"),
    *("results_with_pandas", "displays", "deployment"),
)


class ReadingOrder:
    """Sort the examples as a reader would take them."""

    def __init__(self, folder: str) -> None:
        pass

    def __call__(self, file: str) -> int:
        """Give the place of a script."""
        return _EXAMPLES.index(file[len("plot_") : -len(".py")])


def commands() -> str:
    """Write every command with its arguments and options as Markdown."""
    command = typer.main.get_command(app)
    for one in command.commands.values():
        one.short_help = one.help  # whole, without dots
    with command.make_context("featx", [], resilient_parsing=True) as context:
        return get_docs_for_click(
            obj=command, ctx=context, name="featx", title="Command line"
        )


def write(folder: Path) -> None:
    """Write the pages and schemas to a folder, those that changed."""
    made = {"generated_commands.md": commands()}
    for name, schema in json_schemas().items():
        made[f"generated_{name}.schema.json"] = json.dumps(schema, indent=2) + "\n"
    for name, text in made.items():
        file = folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def setup(sphinx: Any) -> dict[str, Any]:
    """Make the pages before Sphinx reads any."""
    sphinx.connect(
        "builder-inited", lambda sphinx: write(Path(sphinx.srcdir, "reference"))
    )
    return {"parallel_read_safe": True}
