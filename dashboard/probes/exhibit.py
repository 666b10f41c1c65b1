"""What a probe found as it is shown: its pictures, then a sentence and the numbers that are in none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import panel as pn
from panel.viewable import Viewer

from dashboard.probes.picture import STRETCH, Illustration
from dashboard.probes.result import told
from dashboard.ui.component import FOLDER

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Picture

GRID, TABLE = ((FOLDER / f"{name}.css").read_text() for name in ("grid", "table"))


class Exhibit(Viewer):
    """Draws again only what is not shown already."""

    def __init__(self, declared: Sequence[Picture], name: str = "picture") -> None:
        super().__init__()
        self.values: Mapping[str, Any] = {}
        """What is shown; itself, so that it can be recognised."""
        self.failure = ""
        self.pictures = [Illustration(picture, f"{name}_{place}") for place, picture in enumerate(declared, 1)]
        self.table = pn.pane.HTML("", visible=False, margin=(0, 12, 10, 12), stylesheets=[TABLE], **STRETCH)
        grid = pn.Column(*self.pictures, stylesheets=[GRID], margin=0, **STRETCH)
        self._panel = pn.Column(grid, self.table, margin=0, **STRETCH)

    def show(self, values: Mapping[str, Any]) -> None:
        """Show these values in place of those before; what cannot be drawn is said, and stands among the numbers."""
        if values is self.values:
            return
        self.values = values
        found = [_illustrated(picture, values) for picture in self.pictures]
        drawn = {name for names, _ in found for name in names}
        rest = {name: value for name, value in values.items() if name not in drawn}
        self.table.param.update(object=told(rest), visible=bool(rest))
        self.failure = " · ".join(filter(None, (failure for _, failure in found)))

    def __panel__(self) -> pn.Column:
        return self._panel


def _illustrated(picture: Illustration, values: Mapping[str, Any]) -> tuple[set[str], str]:
    """What was drawn, and why nothing was."""
    try:
        return picture.show(values), ""
    except Exception as error:
        return set(), f"The picture cannot be drawn: {type(error).__name__}: {error}"
