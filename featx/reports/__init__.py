"""Comparisons as text, tables, files and figures; nothing is computed here.

The figure functions load seaborn and matplotlib when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from featx.reports.curve import curve_caption, curve_csv, curve_lines, curve_table
from featx.reports.documents import to_json
from featx.reports.files import (
    check_run_folder,
    new_run_folder,
    save_curve,
    save_figures,
    save_page,
    save_run,
    save_samples,
)
from featx.reports.html import html_page
from featx.reports.listings import cache_table, data_table
from featx.reports.page import markdown_page
from featx.reports.recommendation import advice
from featx.reports.runs import Run, load_curve, load_run
from featx.reports.sentences import class_lines, remarks
from featx.reports.table import comparison_table, csv_table, markdown_table

if TYPE_CHECKING:
    from featx.reports.charts import (
        plot_class_accuracy,
        plot_class_distribution,
        plot_comparison,
        plot_curve,
        plot_loss,
    )
    from featx.reports.heatmaps import (
        confusion_display,
        plot_classification_report,
        plot_confusion,
    )
    from featx.reports.pictures import (
        plot_predictions,
        plot_reconstructions,
        plot_samples,
    )

__all__ = [
    "Run",
    "advice",
    "cache_table",
    "check_run_folder",
    "class_lines",
    "comparison_table",
    "confusion_display",
    "csv_table",
    "curve_caption",
    "curve_csv",
    "curve_lines",
    "curve_table",
    "data_table",
    "html_page",
    "load_curve",
    "load_run",
    "markdown_page",
    "markdown_table",
    "new_run_folder",
    "plot_class_accuracy",
    "plot_class_distribution",
    "plot_classification_report",
    "plot_comparison",
    "plot_confusion",
    "plot_curve",
    "plot_loss",
    "plot_predictions",
    "plot_reconstructions",
    "plot_samples",
    "remarks",
    "save_curve",
    "save_figures",
    "save_page",
    "save_run",
    "save_samples",
    "to_json",
]


def __getattr__(name: str) -> Any:
    for part in ("charts", "heatmaps", "pictures") if name in __all__ else ():
        module = import_module(f"featx.reports.{part}")
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
