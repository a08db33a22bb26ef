"""What all figures share: style, colors, axes, class labels, PNG and SVG files."""

from __future__ import annotations

import functools
import io
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

# Told apart under every common color blindness.
_COLORS = sns.color_palette("colorblind").as_hex()
BLUE, ORANGE, _, VERMILION, *_ = _COLORS
GRAY = "#767676"

FEW, MANY = 30, 200  # rows: more than FEW are smaller, more than MANY lack numbers

ABOVE: Any = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2}  # a legend
WHISKERS: Any = {"fmt": "none", "elinewidth": 1, "capsize": 2}

# For what DejaVu, which matplotlib brings, has no glyphs for; tried in this order.
_FALLBACK_FONTS = (
    "Noto Sans CJK SC, Noto Sans CJK JP, Noto Sans CJK KR, Source Han Sans SC, "
    "WenQuanYi Zen Hei, PingFang SC, Hiragino Sans, Apple SD Gothic Neo, "
    "Microsoft YaHei, Yu Gothic, Malgun Gothic, Noto Sans, Noto Sans Devanagari, "
    "Noto Sans Thai, Nirmala UI, Leelawadee UI, Arial Unicode MS"
).split(", ")


@functools.cache
def _fonts() -> list[str]:
    installed = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(f for f in _FALLBACK_FONTS if f in installed)]


@functools.cache
def _characters() -> frozenset[int]:
    paths = [font_manager.findfont(family) for family in _fonts()]
    charmaps = [font_manager.get_font(path).get_charmap() for path in paths]
    return frozenset().union(*charmaps)


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of the reports; afterwards the caller's settings are back."""
    style: dict[Any, Any] = {
        **sns.axes_style("whitegrid"),
        "axes.spines.top": False,
        "axes.spines.left": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.prop_cycle": cycler(color=_COLORS),
        "figure.constrained_layout.w_pad": 0.12,  # inches
        "figure.constrained_layout.h_pad": 0.12,
        "font.family": _fonts(),
        "image.composite_image": False,  # quadratic in the number of images
        "legend.frameon": False,
        "svg.hashsalt": "featx",  # the same file every time
    }
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


class FigureOfFile(Figure):
    """A figure for a file: pyplot does not know it, and what is drawn gives it its size."""


@styled()
def axes_of_file() -> Axes:
    """Return the axes of a new figure for a file."""
    return FigureOfFile(layout="constrained").add_subplot()


def axes_for(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the caller's axes, or those of a new figure of that size in inches."""
    if ax is None:
        return plt.subplots(figsize=(width, height), layout="constrained")[1]
    if isinstance(ax.figure, FigureOfFile):
        ax.figure.set_size_inches(width, height)
    return ax


def rows_for(ax: Axes | None, n: int, inches: float = 0.34) -> tuple[Axes, float]:
    """Return axes for a chart with n rows, and the size of its letters in points."""
    size = 10.0 if n <= FEW else 7.0
    ax = axes_for(ax, 7.5, 1.4 + n * inches * size / (10 if n <= FEW else 14))
    ax.tick_params(axis="y", labelsize=size)
    return ax, size


def label(name: str, limit: int = 24) -> str:
    r"""Make a name one short line that is no formula, or "" where no font has it.

    Examples
    --------
    >>> label("great crested grebe in winter plumage")
    'great crest…ter plumage'
    >>> label("over 5$")
    'over 5\\$'
    """
    line = " ".join(name.split())
    if not line.isprintable() or not _characters().issuperset(map(ord, line)):
        return ""
    if len(line) > limit:
        half = (limit - 1) // 2
        line = f"{line[:half]}…{line[-half:]}"
    return line.replace("$", r"\$")


def labels(names: Sequence[str], limit: int = 24) -> list[str]:
    """Make class names fit to be drawn, and no two the same.

    Examples
    --------
    >>> labels(["cat", "κύκνος", "\U00013080"])
    ['cat', 'κύκνος', 'class 2']
    """
    short = [label(name, limit) or f"class {i}" for i, name in enumerate(names)]
    often = Counter(short)
    return [
        text if often[text] == 1 else f"{text.partition('…')[0].strip()}… ({i})"
        for i, text in enumerate(short)
    ]


@styled()
def render(ax: Axes, kind: str = "png", dpi: int = 120) -> bytes:
    """Write the figure of some axes as ``"png"`` or ``"svg"``; letters of SVG are paths."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    figure.set_layout_engine("none")  # by now everything has its place
    return buffer.getvalue()
