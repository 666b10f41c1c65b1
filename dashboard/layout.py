"""Where things stand: knobs, plots and text side by side, one under the other where the window is narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn

from dashboard.components import FOLDER

if TYPE_CHECKING:
    from dashboard.labpage import Lab

BODY = (FOLDER / "body.css").read_text()

CONTAINER = ":host { container-type: inline-size; }"
"""How many columns there are depends on the room for the lab: in a notebook that is less than the window."""

SIDE = (FOLDER / "side.css").read_text()

MIDDLE = (FOLDER / "middle.css").read_text()

LABEL = (FOLDER / "label.css").read_text()


def lab(parts: Lab) -> Any:
    """The body of a lab, without the parts that its opening hides."""
    knobs = _column(
        SIDE, parts, ("presets", parts.presets), ("knobs", _heading("Knobs")), ("knobs", parts.controls),
        ("ensemble", _heading("Ensemble")), ("ensemble", parts.spread),
    )  # fmt: skip
    plots = _column(
        MIDDLE, parts, *(("", teacher) for teacher in [parts.teacher] if teacher), ("", parts.headline),
        ("", parts.notices), ("transport", parts.transport),
        ("members", parts.members), ("", parts.comparison), ("", parts.stage),
        ("probes", parts.probes), ("library", parts.shelf), *(("", part) for part in parts.own),
    )  # fmt: skip
    words = _column(SIDE, parts, ("story", parts.story))
    columns = [column for column in (knobs, plots, words) if len(column)]
    body = pn.Row(*columns, stylesheets=[BODY], sizing_mode="stretch_width", margin=0)
    return pn.Column(body, stylesheets=[CONTAINER], sizing_mode="stretch_width", margin=0)


def _column(style: str, parts: Lab, *shown: tuple[str, Any]) -> pn.Column:
    kept = [part for name, part in shown if name not in parts.hidden]
    return pn.Column(*kept, stylesheets=[style], sizing_mode="stretch_width", margin=0)


def _heading(text: str) -> pn.pane.HTML:
    return pn.pane.HTML(f"<h2>{text}</h2>", stylesheets=[LABEL], margin=0, sizing_mode="stretch_width")
