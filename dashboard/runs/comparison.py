"""The pinned run against the one that plays: changed knobs, every number at the step that is shown, one curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
import param
from panel.viewable import Viewer

from dashboard.figures.tables import NumbersTable, html_table
from dashboard.runs.comparison_curve import ComparisonCurve
from dashboard.ui.component import FOLDER, Component, script
from dashboard.ui.formatting import knob_name, knob_value, number
from dashboard.ui.styles import DIMS, GRID

if TYPE_CHECKING:
    from dashboard.session.view_state import ViewContext
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run

WAITING = "Computing the pinned run…"


class ComparisonTable(Component):
    """A table under a line that folds it away, and the choice of a channel for the curve."""

    content = param.Dict({"head": "", "html": ""})
    choices = param.List([])
    chosen = param.String("")

    _esm = script("comparison_table")
    _stylesheets = [(FOLDER / f"{name}.css").read_text() for name in ("table", "comparison_table")]

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if data.get("channel") in [name for name, _ in self.choices]:
            self.chosen = data["channel"]


class Comparison(Viewer):
    """Compares the member in focus with that of the pinned run, as long as one is pinned."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        scalars = [channel for channel in engine.channels if not channel.dims and not channel.thin]
        first = next((name for plot in engine.plots for name in plot.channels if name in {c.name for c in scalars}), "")
        choices = [[channel.name, channel.label] for channel in scalars]
        self.table = ComparisonTable(choices=choices, chosen=first, sizing_mode="stretch_width", margin=0)
        self.curve = ComparisonCurve(engine)
        panels = (pn.Column(self.table, sizing_mode="stretch_width", margin=0), self.curve)
        self._compared: Any = None
        self.table.param.watch(lambda event: self._draw(), "chosen")
        grid = pn.Column(*panels, stylesheets=[GRID], sizing_mode="stretch_width", margin=0)
        self._panel = pn.Column(grid, visible=False, stylesheets=[DIMS], sizing_mode="stretch_width", margin=0)

    def show(self, context: ViewContext, log_x: bool) -> None:
        """Compare at the step that is shown, and over all steps up to it, on a logarithmic axis with `log_x`."""
        self._compared = None  # a run that was let go is not kept
        if context.pinned:
            pinned, run = context.pinned.run, context.run
            members = (min(context.focus, len(pinned.configs) - 1), context.focus)
            self._compared = pinned, run, members, log_x
            self._show_table(_content(pinned, run, context.step, members))
            self._draw()
        elif context.comparing:
            self._show_table({"head": WAITING, "html": ""})
        if self._panel.visible is not context.comparing:
            self._panel.visible = context.comparing

    def _draw(self) -> None:
        if self._compared:
            self.curve.show(*self._compared, channel=self.table.chosen)

    def _show_table(self, content: dict[str, str]) -> None:
        if content != self.table.content:
            self.table.content = content

    def __panel__(self) -> pn.Column:
        return self._panel


def _content(pinned: Run, run: Run, step: int, members: tuple[int, int]) -> dict[str, str]:
    from engines.core.analysis.compare import changed_knobs, difference

    numbers = difference(pinned, run, step, members)
    shown = numbers[np.isfinite(numbers["a"]) | np.isfinite(numbers["b"])]
    rows = [_row(run, str(name), row) for name, row in shown.iterrows()]
    declared = run.engine.Config.knobs()
    knobs = changed_knobs(pinned, run, members)
    changes = ", ".join(
        f"{knob_name(declared[name])} {knob_value(a, declared[name])} → {knob_value(b, declared[name])}"
        for name, (a, b) in knobs.items()
    )
    head = f"Pinned → now, at step {numbers.attrs['step']:,}. Changed: {changes or 'no knob'}"
    return {
        "head": head,
        "html": html_table("", NumbersTable(("channel", "pinned", "now", "difference", "ratio"), rows)),
    }


def _row(run: Run, name: str, row: Any) -> list[str]:
    cells = (number(float(row[each])) for each in ("a", "b", "difference", "ratio"))
    return [run.engine.channel(name).label, *cells]
