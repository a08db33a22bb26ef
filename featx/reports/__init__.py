"""Comparisons as text, tables, files and figures; nothing is computed here.

The displays and functions that draw load seaborn and matplotlib when they are first asked
for.
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
    from featx.reports.displays.class_accuracy import ClassAccuracyDisplay
    from featx.reports.displays.class_counts import ClassCountsDisplay
    from featx.reports.displays.classification_report import (
        ClassificationReportDisplay,
    )
    from featx.reports.displays.comparison import ComparisonDisplay
    from featx.reports.displays.confusion import ConfusionDisplay
    from featx.reports.displays.learning_curve import LearningCurveDisplay
    from featx.reports.displays.loss import LossDisplay
    from featx.reports.displays.reliability import ReliabilityDisplay
    from featx.reports.displays.risk_coverage import RiskCoverageDisplay
    from featx.reports.pictures import (
        plot_predictions,
        plot_reconstructions,
        plot_samples,
    )

_DRAWN = {
    "ClassAccuracyDisplay": "displays.class_accuracy",
    "ClassCountsDisplay": "displays.class_counts",
    "ClassificationReportDisplay": "displays.classification_report",
    "ComparisonDisplay": "displays.comparison",
    "ConfusionDisplay": "displays.confusion",
    "LearningCurveDisplay": "displays.learning_curve",
    "LossDisplay": "displays.loss",
    "ReliabilityDisplay": "displays.reliability",
    "RiskCoverageDisplay": "displays.risk_coverage",
    "plot_predictions": "pictures",
    "plot_reconstructions": "pictures",
    "plot_samples": "pictures",
}

__all__ = [
    "ClassAccuracyDisplay",
    "ClassCountsDisplay",
    "ClassificationReportDisplay",
    "ComparisonDisplay",
    "ConfusionDisplay",
    "LearningCurveDisplay",
    "LossDisplay",
    "ReliabilityDisplay",
    "RiskCoverageDisplay",
    "Run",
    "advice",
    "cache_table",
    "check_run_folder",
    "class_lines",
    "comparison_table",
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
    if name in _DRAWN:
        return getattr(import_module(f"featx.reports.{_DRAWN[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
