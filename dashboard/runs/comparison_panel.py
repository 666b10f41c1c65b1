"""The comparison of stored runs on the page of the library: what is drawn, and over which channels and columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from dashboard.ui.component import sheet

if TYPE_CHECKING:
    import pandas as pd

    from engines.core.runs.run import Run

SEVERAL_LABS = "Curves are drawn of runs of one lab: these are of several."

ALIKE = "These members do not differ in two numbers: there is nothing to draw them over."

BRUSH = "Draw a box or a lasso over points: the same members are lit as lines."

ONE = "One curve has none to be compared with: choose another run, or one with several members."


class ComparisonPanel(Viewer):
    """Draws chosen runs: their curves with seeds as bands, each against the first, their members side by side."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[Any] = []
        self._members: Any = None
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        self.channel = pmui.Select(label="Channel", options=[], size="small", width=240, margin=(6, 0))
        self.across = pmui.Select(label="Across", options=[], size="small", width=220, margin=(6, 12, 6, 0))
        self.up = pmui.Select(label="Up", options=[], size="small", width=220, margin=(6, 0))
        self.curves, self.differences, self.points, self.lines = (pn.Column(**wide) for _ in range(4))
        hint = pn.pane.HTML(f"<small>{BRUSH}</small>", margin=0)
        members = pn.Column(pn.Row(self.across, self.up, **wide), self.points, self.lines, hint, **wide)
        self.tabs = pmui.Tabs(
            ("Curves", pn.Column(self.channel, self.curves, **wide)),
            ("Differences", pn.Column(self.differences, **wide)),
            ("Members", members),
            dynamic=True,  # a figure that is made out of sight is never painted whole
            **wide,
        )
        self._panel = pn.Column(self.tabs, visible=False, stylesheets=[sheet("comparison_panel")], **wide)
        self.channel.param.watch(lambda event: self._draw_curves(), "value")
        for select in (self.across, self.up):
            select.param.watch(lambda event: self._draw_members(), "value")

    def show(self, runs: Sequence[tuple[str, Run]], members: pd.DataFrame) -> None:
        """Compare these runs, with their titles; `members` has a row a member with its knobs and last values."""
        from dashboard.runs import compared_runs

        self._runs = [compared_runs.Titled(*each) for each in runs]
        self._members = members
        self._panel.visible = bool(runs)
        if not runs:
            return
        names = compared_runs.channels(self._runs) if self._one_lab else []
        with pn.io.hold():
            _offer(self.channel, names)
            numbers = compared_runs.axes(members)
            _offer(self.across, numbers)
            _offer(self.up, numbers, last=True)
            self._draw_curves()
            self._draw_members()

    @property
    def _one_lab(self) -> bool:
        return len({each.run.engine.name for each in self._runs}) == 1

    def _draw_curves(self) -> None:
        from dashboard.runs import compared_runs

        channel = self.channel.value
        if not (self._one_lab and channel):
            self.curves[:] = self.differences[:] = [_said(SEVERAL_LABS)]
            return
        drawn = compared_runs.curves(self._runs, channel)
        self.curves[:] = [_pane(drawn)]
        apart = compared_runs.differences(self._runs, channel)
        self.differences[:] = [_pane(apart) if len(apart) > 1 else _said(ONE)]

    def _draw_members(self) -> None:
        from dashboard.runs import compared_runs

        across, up = self.across.value, self.up.value
        if not across or not up or across == up:
            self.points[:], self.lines[:] = [_said(ALIKE)], []
            return
        points, lines = compared_runs.MemberFigures(self._members, across, up).layout()
        self.points[:], self.lines[:] = [_pane(points)], [_pane(lines)]

    def __panel__(self) -> pn.Column:
        return self._panel


def _offer(select: Any, names: Sequence[str], last: bool = False) -> None:
    """Offer names; the one that was chosen stays where it is among them."""
    kept = select.value if select.value in names else (names[-1 if last else 0] if names else None)
    select.param.update(options=list(names), value=kept)


def _pane(drawn: Any) -> Any:
    return pn.pane.HoloViews(drawn, sizing_mode="stretch_width", margin=0, linked_axes=False)


def _said(text: str) -> Any:
    return pn.pane.HTML(f"<p>{text}</p>", margin=(6, 0))
