"""The legend of an ensemble above all plots: which hue is which member; a click puts one in focus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import param

from dashboard.session.curves import Curve
from dashboard.ui.component import FOLDER, Component
from dashboard.ui.styles import DIMS


class Members(Component):
    """One chip for each curve; `pick(key)` gets the curve that was clicked."""

    shown = param.Dict({"title": "", "items": []})

    _esm = FOLDER / "members.js"
    _stylesheets = [(FOLDER / "members.css").read_text(), DIMS]

    def __init__(self, pick: Callable[[str], None], **params: Any) -> None:
        super().__init__(**params)
        self._pick = pick

    def show(self, curves: Sequence[Curve], focus: int) -> None:
        """Display the curves, the one that holds the member in focus marked."""
        # A member that is drawn by itself is meant before the band that it is part of.
        focused = min((c for c in curves if focus in c.members), key=lambda c: len(c.members), default=curves[0])
        items = [{"key": c.key, "label": c.label, "color": c.color, "on": c is focused} for c in curves]
        self.shown = {"title": "", "items": items if len(curves) > 1 or curves[0].band else []}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._pick(str(data.get("pick")))
