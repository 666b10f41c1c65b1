"""Several views of one thing, of which one is on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from dashboard.ui.styles import at_most


class ViewChooser(Viewer):
    """Shows the view that the reader chooses by its name.

    Material UI's tabs put a figure onto the page before they draw it; where Bokeh lays it out in between, nothing
    beside it is laid out any more ("cannot read properties of undefined"). A column of Bokeh's own draws first.
    """

    def __init__(self, views: Mapping[str, Any]) -> None:
        super().__init__()
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        first = next(iter(views))
        self.chosen = pmui.RadioButtonGroup(options=list(views), value=first, **at_most(120 * len(views)))
        self._views, self._shown = views, pn.Column(views[first], **wide)
        self._panel = pn.Column(self.chosen, self._shown, **wide)
        self.chosen.param.watch(lambda event: self._show(), "value")

    def _show(self) -> None:
        self._shown[:] = [self._views[self.chosen.value]]

    def __panel__(self) -> pn.Column:
        return self._panel
