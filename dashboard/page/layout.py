"""Where things stand: knobs, plots and text side by side, one under the other where the window is narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn
import param

from dashboard.ui.component import FOLDER, Component, script

if TYPE_CHECKING:
    from dashboard.page.lab import Lab

BODY = (FOLDER / "body.css").read_text()

CONTAINER = ":host { container-type: inline-size; }"
"""How many columns there are depends on the room for the lab: in a notebook that is less than the window."""

SIDE = (FOLDER / "side.css").read_text()

MIDDLE = (FOLDER / "middle.css").read_text()

LABEL = (FOLDER / "label.css").read_text()

STRETCH = {"sizing_mode": "stretch_width", "margin": 0}

WHERE = {"knobs": "Knobs", "plots": "Plots", "words": "What you see"}
"""The columns as they stand, and what the ways to them are called."""


class Ways(Component):
    """Ways to the parts of the page, for whoever cannot see it at a glance: the keyboard and small screens."""

    parts = param.List([])

    _esm = script("ways")
    _stylesheets = [(FOLDER / "ways.css").read_text()]

    def __init__(self, parts: list[list[str]]) -> None:
        super().__init__(parts=parts, **STRETCH)


def lab(parts: Lab) -> Any:
    """The body of a lab, without the parts that its opening hides."""
    knobs = _column(
        SIDE, "knobs", parts, ("presets", parts.presets), ("knobs", _heading("Knobs")), ("knobs", parts.controls),
        ("ensemble", _heading("Ensemble")), ("ensemble", parts.spread),
    )  # fmt: skip
    plots = _column(
        MIDDLE, "plots", parts, *(("", teacher) for teacher in [parts.teacher] if teacher), ("", parts.headline),
        ("", parts.notices), ("transport", parts.transport),
        ("members", parts.members), ("", parts.comparison), ("", parts.stage),
        ("probes", parts.probes), ("library", parts.shelf), *(("", part) for part in parts.own),
    )  # fmt: skip
    words = _column(SIDE, "words", parts, ("story", parts.story))
    columns = {"plots": plots, "knobs": knobs, "words": words}
    there = [name for name, column in columns.items() if len(column)]
    body = pn.Row(*(columns[name] for name in WHERE if name in there), stylesheets=[BODY], **STRETCH)
    return pn.Column(Ways([[name, WHERE[name]] for name in there]), body, stylesheets=[CONTAINER], **STRETCH)


def _column(style: str, name: str, parts: Lab, *shown: tuple[str, Any]) -> pn.Column:
    kept = [part for hidden_as, part in shown if hidden_as not in parts.hidden]
    return pn.Column(*kept, stylesheets=[style], css_classes=[name], **STRETCH)


def _heading(text: str) -> pn.pane.HTML:
    return pn.pane.HTML(f"<h2>{text}</h2>", stylesheets=[LABEL], **STRETCH)
