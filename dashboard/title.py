"""Which experiment this is, and what to look for in it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import panel as pn
from panel.viewable import Viewer

from dashboard.components import FOLDER

if TYPE_CHECKING:
    from engines.core.engine import Engine, Preset

STYLE = (FOLDER / "title.css").read_text()


class Title(Viewer):
    """The heading over the plots."""

    def __init__(self) -> None:
        super().__init__()
        self._pane = pn.pane.HTML("", sizing_mode="stretch_width", stylesheets=[STYLE], margin=0)

    def show(self, engine: Engine, preset: Preset | None) -> None:
        """Name the preset, or the lab where an experiment follows none."""
        name, look = (preset.title, preset.look_for) if preset else (engine.title, engine.summary)
        self._pane.object = f"<h1>{escape(name)}</h1><p>{escape(look)}</p>"

    def __panel__(self) -> pn.pane.HTML:
        return self._pane
