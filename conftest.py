"""Of all tests, those in docstrings, too: no window opens, and no figure is left open."""

import os
import sys

import pytest

os.environ.setdefault("MPLBACKEND", "agg")


@pytest.fixture(autouse=True)
def no_figure_left_open():
    """Close the figures of pyplot after each test."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
