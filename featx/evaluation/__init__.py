"""The protocol of an honest comparison: scores, intervals and paired tests."""

from featx.evaluation.comparisons import Comparison, compare
from featx.evaluation.controls import CONTROLS, compare_with_controls
from featx.evaluation.duplicates import Duplicates, find_duplicates
from featx.evaluation.feature_diagnostics import (
    N_QUERIES,
    FeatureDiagnostics,
    diagnose,
    draw_evenly,
)
from featx.evaluation.folds import with_folds
from featx.evaluation.learning_curve import CurveRow, LearningCurve
from featx.evaluation.reliability import Reliability, reliability
from featx.evaluation.repeats import how_judged, with_repeats
from featx.evaluation.result import HeldOut, Result, choose_row
from featx.evaluation.results import Answer, BenchResults
from featx.evaluation.risk_coverage import RiskCoverageCurve, risk_coverage
from featx.evaluation.scores import ClassScores, Scores, is_uneven, score

__all__ = [
    "CONTROLS",
    "N_QUERIES",
    "Answer",
    "BenchResults",
    "ClassScores",
    "Comparison",
    "CurveRow",
    "Duplicates",
    "FeatureDiagnostics",
    "HeldOut",
    "LearningCurve",
    "Reliability",
    "Result",
    "RiskCoverageCurve",
    "Scores",
    "choose_row",
    "compare",
    "compare_with_controls",
    "diagnose",
    "draw_evenly",
    "find_duplicates",
    "how_judged",
    "is_uneven",
    "reliability",
    "risk_coverage",
    "score",
    "with_folds",
    "with_repeats",
]
