"""Classifiers: name -> unfitted Pipeline, and its small search space."""

from featx.catalog import CLASSIFIERS
from featx.classifiers.blocks import can_fit_in_blocks, fit_in_blocks
from featx.classifiers.calibration import Calibration
from featx.classifiers.choice import CHOICE, FEWEST, choose_settings
from featx.classifiers.confidence import (
    at_the_kernel,
    class_scores,
    columns_of,
    predict_with_confidence,
)
from featx.classifiers.linear_svm import WideLinearSVC
from featx.classifiers.logistic import WideLogisticRegression
from featx.classifiers.merit import merit
from featx.classifiers.reduction import SharedReduction
from featx.classifiers.registry import (
    accelerated,
    can_balance,
    default_classifiers,
    make_classifier,
    resolve_classifiers,
    search_space,
)
from featx.classifiers.rejection import RiskCoverage
from featx.classifiers.whitening import WhitenedPCA

__all__ = [
    "CHOICE",
    "CLASSIFIERS",
    "FEWEST",
    "Calibration",
    "RiskCoverage",
    "SharedReduction",
    "WhitenedPCA",
    "WideLinearSVC",
    "WideLogisticRegression",
    "accelerated",
    "at_the_kernel",
    "can_balance",
    "can_fit_in_blocks",
    "choose_settings",
    "class_scores",
    "columns_of",
    "default_classifiers",
    "fit_in_blocks",
    "make_classifier",
    "merit",
    "predict_with_confidence",
    "resolve_classifiers",
    "search_space",
]
