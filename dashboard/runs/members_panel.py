"""Members side by side: points over two columns, lines over all of them; those that are brushed are lit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from dashboard.runs.column_names import column_names
from dashboard.ui.styles import at_most

if TYPE_CHECKING:
    import pandas as pd

    from engines.core.protocol.engine import Engine

ALIKE = "These members do not differ in two numbers: there is nothing to draw them over."

BRUSH = "Draw a box or a lasso over points: the same members are lit as lines."


class MembersPanel(Viewer):
    """Draws a table of members, over columns that the reader chooses."""

    def __init__(self) -> None:
        super().__init__()
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        self._table: Any = None
        self._names: dict[str, str] = {}
        self.across, self.up = (pmui.Select(label=label, options={}, **at_most(260)) for label in ("Across", "Up"))
        self.points, self.lines = pn.Column(**wide), pn.Column(**wide)
        self.hint = pn.pane.HTML("", margin=0)
        self._panel = pn.Column(pn.FlexBox(self.across, self.up, **wide), self.points, self.lines, self.hint, **wide)
        for select in (self.across, self.up):
            select.param.watch(lambda event: self._draw(), "value")

    def show(self, members: pd.DataFrame, engines: Sequence[Engine] = ()) -> None:
        """Draw members, a row each with knobs and numbers that were measured, named as these labs name them."""
        from dashboard.runs.compared_runs import axes

        self._table, self._names = None, column_names(members, engines)
        names = {column: self._names[column] for column in axes(members)}
        with pn.io.hold():  # nothing is drawn before both columns are known
            set_options(self.across, names)
            set_options(self.up, names, last=True)
            self._table = members
            self._draw()

    def _draw(self) -> None:
        from dashboard.runs.compared_runs import MemberFigures

        if self._table is None:
            return
        across, up = self.across.value, self.up.value
        if not across or not up or across == up:
            self.points[:], self.lines[:], self.hint.object = [sentence(ALIKE)], [], ""
            return
        drawn = MemberFigures(self._table, across, up, self._names)
        points, lines = drawn.layout()
        self.points[:], self.lines[:] = [pane(points)], [pane(lines)]
        shown, count = len(drawn.table), len(self._table)
        few = f" {shown:,} of {count:,} members are drawn." if shown < count else ""
        self.hint.object = f"<small>{BRUSH}{few}</small>"

    def __panel__(self) -> pn.Column:
        return self._panel


def set_options(select: Any, names: Mapping[str, str], last: bool = False) -> None:
    """Set what is chosen from, with the names that readers see; what was chosen stays where it is among it."""
    values = list(names)
    kept = select.value if select.value in values else (values[-1 if last else 0] if values else None)
    select.param.update(options={name: value for value, name in names.items()}, value=kept)


def pane(drawn: Any, widgets: Mapping[str, Any] | None = None) -> Any:
    """Show a drawing as wide as there is room; `widgets` are the kinds that HoloViews makes for its knobs."""
    options = {"widgets": dict(widgets or {}), "widget_layout": pn.Row, "linked_axes": False}
    return pn.pane.HoloViews(drawn, **options, sizing_mode="stretch_width", margin=0)


def sentence(text: str) -> Any:
    """Show a sentence where a drawing would be."""
    return pn.pane.HTML(f"<p>{escape(text)}</p>", margin=(6, 0))
