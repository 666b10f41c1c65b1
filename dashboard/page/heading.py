"""The heading over the plots: which experiment this is, what to look for in it, and which to see next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import param

from dashboard.ui.component import FOLDER, Component, script

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine, Preset


class LabHeading(Component):
    """Names the experiment on screen; `choose(name)` gets the preset that is offered next."""

    second = param.Boolean(False, doc="Whether the page has another heading above it.")
    shown = param.Dict({"title": "", "look_for": "", "next": "", "offer": ""})

    _esm = script("lab_heading")
    _stylesheets = [(FOLDER / "lab_heading.css").read_text()]

    def __init__(self, choose: Callable[[str], None], **params: Any) -> None:
        super().__init__(sizing_mode="stretch_width", margin=0, **params)
        self._choose = choose

    def show(self, engine: Engine, preset: Preset | None) -> None:
        """Name the preset, or the lab where an experiment follows none; a lesson offers what comes next itself."""
        title, look_for = (preset.title, preset.look_for) if preset else (engine.title, engine.summary)
        follows = preset.follows if preset and not self.second else ""
        offer = engine.preset(follows).title if follows else ""
        self.shown = {"title": title, "look_for": look_for, "next": follows, "offer": offer}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if self.shown["next"]:
            self._choose(self.shown["next"])
