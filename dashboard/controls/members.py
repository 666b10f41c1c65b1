"""The legend of an ensemble above all plots: which colour is which member, and which part of a large one is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import param

from dashboard.session.curves import Curve, in_sight, parts, spread_text
from dashboard.ui.component import FOLDER, Component, script
from dashboard.ui.styles import DIMS


class Members(Component):
    """One chip for each curve, in a line; `pick(key)` gets the curve that was clicked, or one of the part chosen."""

    shown = param.Dict({"items": [], "parts": [], "part": "", "note": ""})

    _esm = script("members")
    _stylesheets = [(FOLDER / "members.css").read_text(), DIMS]

    def __init__(self, pick: Callable[[str], None], **params: Any) -> None:
        super().__init__(**params)
        self._pick = pick

    def show(self, every: Sequence[Curve], focus: int) -> None:
        """Display the curves of the part in sight, the one that holds the member in focus marked."""
        curves = list(in_sight(every, focus))
        # A member that is drawn by itself is meant before the band that it is part of.
        focused = min((c for c in curves if focus in c.members), key=lambda c: len(c.members), default=curves[0])
        items = [{"key": c.key, "label": c.label, "color": c.color, "on": c is focused} for c in curves]
        names = parts(every)
        self.shown = {
            "items": items if len(curves) > 1 or any(c.band for c in curves) else [],
            "parts": [[_counterpart(every, focused, name), name] for name in names] if len(names) > 1 else [],
            "part": focused.key,
            "note": spread_text(curves),
        }

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._pick(str(data.get("pick")))


def _counterpart(every: Sequence[Curve], shown: Curve, part: str) -> str:
    """Find the curve of a part that looks like one that is shown; its first where there is none."""
    there = [curve for curve in every if curve.part == part]
    return next((curve for curve in there if curve.color == shown.color), there[0]).key
