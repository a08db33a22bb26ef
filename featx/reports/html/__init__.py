"""The page ``report.html`` of a run: one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from featx.evaluation.learning_curve import LearningCurve
from featx.reports.album import COLUMNS, PER_SHEET
from featx.reports.documents import dumps
from featx.reports.html.curve import curve_view
from featx.reports.html.view import curve_page_view, page_view
from featx.reports.runs import Run

_PARTS = files("featx.reports.html")


def html_page(
    run: Run,
    other: Run | None = None,
    *,
    curve: LearningCurve | None = None,
    map_method: str = "pca",
) -> str:
    """Write a run as one HTML page that shows the images behind every figure.

    With `other`, the two runs are compared row by row; with `curve`, there is a section
    about accuracy by the number of labels. `map_method`, "pca" or "tsne", says
    how the map of the features is drawn; ParameterError otherwise. Styles, script and
    pictures are inside: the page loads nothing, and its content security policy allows
    no other script.
    """
    script = _part("report.js")
    view = page_view(run, other, map_method=map_method)
    view["curve"] = curve and curve_view(curve)
    document = dumps(view.pop("document"))
    for sign in "<>&":  # they have a meaning inside a script element
        document = document.replace(sign, f"\\u{ord(sign):04x}")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return render(
        "report.html.jinja",
        **view,
        document=Markup(document),
        per_sheet=PER_SHEET,
        columns=COLUMNS,
        script=Markup(script),
        script_hash=f"sha256-{digest}",
    )


def curve_page(curve: LearningCurve) -> str:
    """Write learning curves as one HTML page, without a script."""
    return render("curve.html.jinja", **curve_page_view(curve))


def render(template: str, **view: Any) -> str:
    """Fill in a template of this folder, with the style that all pages share."""
    environment = Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup(_part("report.css"))
    return environment.get_template(template).render(**view, style=style)


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
