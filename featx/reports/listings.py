"""Tables of what a data set and the cache hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from featx.images import Dataset
from featx.names import printable
from featx.store import Entry


def data_table(dataset: Dataset) -> Table:
    """Build the table of training, validation and test images, a row per class."""
    height, width, channels = dataset.image_shape
    table = Table(
        title=Text(f"{dataset.name}: {height} x {width} x {channels}"),
        box=box.SIMPLE_HEAD,
        show_footer=True,
    )
    validation = dataset.train.class_counts * 0
    for label in dataset.train.y[dataset.validation]:
        validation[label] += 1
    columns = {
        "train": dataset.train.class_counts,
        "of these validation": validation,
        "test": dataset.test.class_counts,
    }
    table.add_column("class", footer="all", overflow="fold")
    for header, counts in columns.items():
        table.add_column(header, footer=f"{int(counts.sum()):,}", justify="right")
    for i, name in enumerate(dataset.class_names):
        table.add_row(
            Text(printable(name)), *(f"{int(c[i]):,}" for c in columns.values())
        )
    if len(dataset.unlabeled):
        cells = [f"{len(dataset.unlabeled):,}", "", ""]
        table.add_row(Text("(no label)"), *cells, style="dim")
    return table


def cache_table(folder: Path, entries: Sequence[Entry]) -> Table:
    """Build the table of what is cached, a row per entry, and the sum of their sizes."""
    table = Table(title=Text(str(folder)), box=box.SIMPLE_HEAD, show_footer=True)
    total = decimal(sum(entry.size for entry in entries))
    table.add_column("kind")
    table.add_column("key")
    table.add_column("size", footer=total, justify="right", no_wrap=True)
    table.add_column("created (UTC)")
    table.add_column("what", footer=f"{len(entries)} entries", overflow="fold")
    for entry in entries:
        what = entry.what if entry.complete else "interrupted, will be resumed"
        created = entry.created[:16].replace("T", " ")
        size = decimal(entry.size)
        table.add_row(entry.kind, entry.key[:12], size, created, Text(what))
    return table
