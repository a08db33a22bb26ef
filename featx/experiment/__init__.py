"""Encoders x classifiers -> a table: the plan of a comparison, its encoders and rows."""

from featx.experiment.benchmark import bench
from featx.experiment.budget import Budget, default_minutes
from featx.experiment.curve import learning_curve
from featx.experiment.fitting import FittedRow
from featx.experiment.protocol import Backend, Observer, Protocol

__all__ = [
    "Backend",
    "Budget",
    "FittedRow",
    "Observer",
    "Protocol",
    "bench",
    "default_minutes",
    "learning_curve",
]
