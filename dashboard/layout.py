"""Where things stand: knobs, plots and text side by side, one under the other where the window is narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import panel as pn

from dashboard.components import FOLDER

if TYPE_CHECKING:
    from dashboard.lab import Lab

BODY = (FOLDER / "body.css").read_text()

SIDE = (FOLDER / "side.css").read_text()

MIDDLE = (FOLDER / "middle.css").read_text()

LABEL = (FOLDER / "label.css").read_text()


def lab(parts: Lab) -> Any:
    """The body of a lab."""
    knobs = pn.Column(
        parts.presets, _heading("Knobs"), parts.controls, _heading("Ensemble"), parts.spread,
        stylesheets=[SIDE], sizing_mode="stretch_width", margin=0,
    )  # fmt: skip
    plots = pn.Column(
        parts.headline, parts.notices, parts.transport, parts.members, parts.stage, parts.probes, *parts.own,
        stylesheets=[MIDDLE], sizing_mode="stretch_width", margin=0,
    )  # fmt: skip
    words = pn.Column(parts.story, stylesheets=[SIDE], sizing_mode="stretch_width", margin=0)
    return pn.Row(knobs, plots, words, stylesheets=[BODY], sizing_mode="stretch_width", margin=0)


def _heading(text: str) -> pn.pane.HTML:
    return pn.pane.HTML(f"<h2>{text}</h2>", stylesheets=[LABEL], margin=0, sizing_mode="stretch_width")
