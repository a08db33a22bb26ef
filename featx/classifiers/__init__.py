"""Classifiers: name -> unfitted Pipeline, and its small search space."""

from featx.classifiers.registry import (
    CLASSIFIERS,
    accelerated,
    can_balance,
    check_classifiers,
    make_classifier,
    search_space,
)

__all__ = [
    "CLASSIFIERS",
    "accelerated",
    "can_balance",
    "check_classifiers",
    "make_classifier",
    "search_space",
]
