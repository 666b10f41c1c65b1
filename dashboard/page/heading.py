"""Which experiment this is, what to look for in it, and which to see next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import param

from dashboard.ui.component import FOLDER, Component

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine, Preset


class Headline(Component):
    """The heading over the plots; `choose(name)` gets the preset that is offered next.

    Not called Title: browsers know a component by the name of its class, and Bokeh has a model of that name.
    """

    second = param.Boolean(False, doc="Whether the page has another heading above it.")
    shown = param.Dict({"title": "", "look": "", "next": "", "offer": ""})

    _esm = FOLDER / "headline.js"
    _stylesheets = [(FOLDER / "headline.css").read_text()]

    def __init__(self, choose: Callable[[str], None], **params: Any) -> None:
        super().__init__(sizing_mode="stretch_width", margin=0, **params)
        self._choose = choose

    def show(self, engine: Engine, preset: Preset | None) -> None:
        """Name the preset, or the lab where an experiment follows none."""
        title, look = (preset.title, preset.look_for) if preset else (engine.title, engine.summary)
        follows = preset.follows if preset else ""
        offer = engine.preset(follows).title if follows else ""
        self.shown = {"title": title, "look": look, "next": follows, "offer": offer}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if self.shown["next"]:
            self._choose(self.shown["next"])
