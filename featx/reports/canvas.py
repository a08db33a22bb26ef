"""What all figures share: fonts, colours, class labels, PNG and SVG files."""

from __future__ import annotations

import functools
import io
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_Arguments = ParamSpec("_Arguments")

_MARGIN = 0.12  # inches around what is drawn

# Okabe and Ito's colours, told apart under every common colour blindness.
BLUE, ORANGE, VERMILLION, GREY = "#0072B2", "#E69F00", "#D55E00", "#767676"

_STYLE = {
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.edgecolor": "#444444",
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "figure.constrained_layout.w_pad": _MARGIN,
    "figure.constrained_layout.h_pad": _MARGIN,
}

# Tried in this order for what DejaVu, which matplotlib brings, has no glyphs for.
_FALLBACK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Noto Sans",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Nirmala UI",
    "Leelawadee UI",
    "Arial Unicode MS",
)


@functools.cache
def _fonts() -> tuple[str, ...]:
    installed = set(font_manager.get_font_names())
    return ("DejaVu Sans", *(f for f in _FALLBACK_FONTS if f in installed))


@functools.cache
def _characters() -> frozenset[int]:
    paths = [font_manager.findfont(family) for family in _fonts()]
    charmaps = [font_manager.get_font(path).get_charmap() for path in paths]
    return frozenset().union(*charmaps)


def _rc() -> dict[Any, Any]:
    return _STYLE | {"font.family": list(_fonts())}


def styled(draw: Callable[_Arguments, Axes]) -> Callable[_Arguments, Axes]:
    """Let a figure function draw in the style of the reports, and only it.

    Parameters
    ----------
    draw : callable returning Axes
        The figure function.

    Returns
    -------
    callable returning Axes
        The same function; matplotlib's settings are back when it returns.
    """

    @functools.wraps(draw)
    def wrapper(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Axes:
        with matplotlib.rc_context(_rc()):
            return draw(*args, **kwargs)

    return wrapper


def axes_for(
    ax: Axes | None, width: float, height: float, *, bare: bool = False
) -> Axes:
    """Return the axes to draw on, those of a new figure where none were given.

    Parameters
    ----------
    ax : Axes or None
        The caller's axes.
    width, height : float
        Size of the new figure in inches.
    bare : bool, default=False
        Whether the new axes fill the figure and show no frame.

    Returns
    -------
    Axes
        `ax`, or new axes of a figure that pyplot does not know of.
    """
    if bare:
        if ax is None:
            size = (width + 2 * _MARGIN, height + 2 * _MARGIN)
            x, y = _MARGIN / size[0], _MARGIN / size[1]
            ax = Figure(figsize=size).add_axes((x, y, 1 - 2 * x, 1 - 2 * y))
        ax.set_axis_off()
        return ax
    return ax or Figure(figsize=(width, height), layout="constrained").add_subplot()


def label(name: str, limit: int = 24) -> str:
    r"""Make a name safe and short enough to be drawn.

    Parameters
    ----------
    name : str
        Any text.
    limit : int, default=24
        Characters to keep; a longer name loses its middle.

    Returns
    -------
    str
        One line in which ``$`` does not start a formula; empty where the installed
        fonts lack a character of it.

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
    """Make class names fit to be drawn.

    Parameters
    ----------
    names : sequence of str
        Names of the classes.
    limit : int, default=24
        Characters to keep of each.

    Returns
    -------
    list of str
        A name that the installed fonts cannot draw becomes its number, and names that
        are the same when shortened end in theirs.

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


def png(ax: Axes, dpi: int = 120) -> bytes:
    """Render the figure of some axes.

    Parameters
    ----------
    ax : Axes
        What a figure function returned.
    dpi : int, default=120
        Pixels per inch.

    Returns
    -------
    bytes
        A PNG file.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.set_dpi(dpi)
    buffer = io.BytesIO()
    with matplotlib.rc_context(_rc()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        # Draws once; savefig draws twice where a layout engine is at work.
        FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def svg(ax: Axes) -> bytes:
    """Write the figure of some axes as vectors, for a paper.

    Parameters
    ----------
    ax : Axes
        What a figure function returned.

    Returns
    -------
    bytes
        An SVG file, the same for the same figure; letters are drawn as paths, so it needs
        no font.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None
    buffer = io.BytesIO()
    settings = _rc() | {"svg.hashsalt": "featx"}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        canvas = FigureCanvasSVG(figure)
        canvas.print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return buffer.getvalue()
