"""The comparison of stored runs on the page of the library: what is drawn, and over which channels and columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from dashboard.runs.column_names import column_names
from dashboard.runs.members_panel import MembersPanel, pane, sentence, set_options
from dashboard.runs.views import ViewChooser
from dashboard.ui.component import sheet
from dashboard.ui.styles import at_most

if TYPE_CHECKING:
    import pandas as pd

    from engines.core.runs.run import Run

SEVERAL_LABS = "Curves are drawn of runs of one lab: these are of several."

ONE = "One curve has none to be compared with: choose another run, or one with several members."


class ComparisonPanel(Viewer):
    """Draws chosen runs: their curves with seeds as bands, each against the first, their members side by side."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[Any] = []
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        self.channel = pmui.Select(label="Channel", options={}, **at_most(300))
        self.curves, self.differences = pn.Column(**wide), pn.Column(**wide)
        self.members = MembersPanel()
        curves, apart = pn.Column(self.channel, self.curves, **wide), pn.Column(self.differences, **wide)
        views = ViewChooser({"Curves": curves, "Differences": apart, "Members": self.members})
        self._panel = pn.Column(views, visible=False, stylesheets=[sheet("comparison_panel")], **wide)
        self.channel.param.watch(lambda event: self._draw_curves(), "value")

    def show(self, runs: Sequence[tuple[str, Run]], members: pd.DataFrame) -> None:
        """Compare these runs, with their titles; `members` has a row a member with its knobs and last values."""
        from dashboard.runs import compared_runs

        self._panel.visible = bool(runs)
        titled = [compared_runs.TitledRun(*each) for each in runs]
        labs = list({each.run.engine.name: each.run.engine for each in titled}.values())
        with pn.io.hold():
            self._runs = []  # nothing is drawn before the channel is known
            set_options(self.channel, column_names(compared_runs.channels(titled) if len(labs) == 1 else [], labs))
            self._runs = titled
            self._draw_curves()
        if runs:
            self.members.show(members, labs)

    def _draw_curves(self) -> None:
        from dashboard.runs import compared_runs

        if not self._runs:
            return
        channel = self.channel.value
        if not channel:
            self.curves[:] = self.differences[:] = [sentence(SEVERAL_LABS)]
            return
        drawn = compared_runs.draw_curves(self._runs, channel)
        self.curves[:] = [pane(drawn)]
        apart = compared_runs.differences(self._runs, channel)
        self.differences[:] = [pane(apart) if len(apart) > 1 else sentence(ONE)]

    def __panel__(self) -> pn.Column:
        return self._panel
