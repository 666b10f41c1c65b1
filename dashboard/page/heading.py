"""The heading over the plots: the experiment, what was edited in it, what to look for, and what to see next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import param

from dashboard.session.preset_changes import PresetChanges
from dashboard.ui.component import FOLDER, Component, script

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine, Preset


class LabHeading(Component):
    """Names the experiment on screen and what was edited; `choose(name)` gets the preset to open in its place."""

    second = param.Boolean(False, doc="Whether the page has another heading above it.")
    shown = param.Dict(dict.fromkeys(("title", "look_for", "preset", "edited", "of", "next", "next_title"), ""))
    tab = param.String("", doc="What the browser's tab says, where the page is ours alone.")
    preparing = param.String("", doc="The experiment that is being prepared and not shown yet.")

    _esm = script("lab_heading")
    _stylesheets = [(FOLDER / "lab_heading.css").read_text()]

    def __init__(self, choose: Callable[[str], None], **params: Any) -> None:
        super().__init__(sizing_mode="stretch_width", margin=0, **params)
        self._choose = choose

    def show(self, engine: Engine, preset: Preset | None, edited: PresetChanges, in_lesson: bool) -> None:
        """Name the preset and what was edited in it, or the lab where an experiment follows none.

        A lesson offers what comes next itself; what its page sets was not edited.
        """
        title, look_for = (preset.title, preset.look_for) if preset else (engine.title, engine.summary)
        follows = preset.follows if preset and not self.second else ""
        next_title = engine.preset(follows).title if follows else ""
        edits = {"edited": edited.line, "of": "lesson" if in_lesson else "preset"}
        about = {"preset": preset.name if preset else "", **edits}
        shown = {"title": title, "look_for": look_for, "next": follows, "next_title": next_title, **about}
        if shown != self.shown:
            self.shown = shown

    def _handle_msg(self, data: dict[str, Any]) -> None:
        name = self.shown["preset" if data.get("back") else "next"]
        if name:
            self._choose(name)
