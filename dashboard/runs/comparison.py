"""What differs between the pinned run and the one that plays: knobs, every number at the step looked at, one curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
import param
from panel.viewable import Viewer

from dashboard.figures.tables import Numbers, table
from dashboard.runs.comparison_curve import Contrast
from dashboard.ui.component import FOLDER, Component, script
from dashboard.ui.formatting import number, words

if TYPE_CHECKING:
    from dashboard.session.session import Player
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run

GRID = (FOLDER / "grid.css").read_text()

WAITING = "Computing the pinned run…"


class Sheet(Component):
    """The table under a line that folds it away, and the choice of a channel for the curve."""

    told = param.Dict({"head": "", "html": ""})
    choices = param.List([])
    chosen = param.String("")

    _esm = script("comparison")
    _stylesheets = [(FOLDER / f"{name}.css").read_text() for name in ("table", "comparison")]

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if data.get("channel") in [name for name, _ in self.choices]:
            self.chosen = data["channel"]


class Comparison(Viewer):
    """Shown while a run is pinned: the member in focus against that of the pinned run."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        scalars = [channel for channel in engine.channels if not channel.dims and not channel.thin]
        first = next((name for plot in engine.plots for name in plot.channels if name in {c.name for c in scalars}), "")
        choices = [[channel.name, channel.label] for channel in scalars]
        self.sheet = Sheet(choices=choices, chosen=first, sizing_mode="stretch_width", margin=0)
        self.contrast = Contrast(engine)
        parts = (pn.Column(self.sheet, sizing_mode="stretch_width", margin=0), self.contrast)
        self._of: Any = None
        self.sheet.param.watch(lambda event: self._draw(), "chosen")
        self._panel = pn.Column(*parts, visible=False, stylesheets=[GRID], sizing_mode="stretch_width", margin=0)

    def show(self, player: Player, log_x: bool) -> None:
        """Compare at the step that is looked at, and over all steps up to it on the axis of the other figures."""
        there = player.pinned_as is not None
        self._of = None  # a run that was let go is not kept
        if there and not player.pinned:
            self.sheet.told = {"head": WAITING, "html": ""}
        elif player.pinned:
            pinned, run = player.pinned, player.runner.run
            members = (min(player.focus, len(pinned.configs) - 1), player.focus)
            self._of = pinned, run, members, log_x
            self._tell(pinned, run, player.at(), members)
            self._draw()
        if self._panel.visible is not there:
            self._panel.visible = there

    def _draw(self) -> None:
        if self._of:
            self.contrast.show(*self._of, channel=self.sheet.chosen)

    def _tell(self, pinned: Run, run: Run, step: int, members: tuple[int, int]) -> None:
        told = _told(pinned, run, step, members)
        if told != self.sheet.told:
            self.sheet.told = told

    def __panel__(self) -> pn.Column:
        return self._panel


def _told(pinned: Run, run: Run, step: int, members: tuple[int, int]) -> dict[str, str]:
    from engines.core.analysis.compare import changed, difference

    found = difference(pinned, run, step, members)
    shown = found[np.isfinite(found["a"]) | np.isfinite(found["b"])]
    rows = [_row(run, str(name), row) for name, row in shown.iterrows()]
    knobs = changed(pinned, run, members)
    said = ", ".join(f"{words(name)} {_said(a)} → {_said(b)}" for name, (a, b) in knobs.items()) or "no knob"
    head = f"Pinned → now, at step {found.attrs['step']:,}. Changed: {said}"
    return {"head": head, "html": table("", Numbers(("channel", "pinned", "now", "difference", "ratio"), rows))}


def _row(run: Run, name: str, row: Any) -> list[str]:
    cells = (number(float(row[each])) for each in ("a", "b", "difference", "ratio"))
    return [run.engine.channel(name).label, *cells]


def _said(value: Any) -> str:
    return words(value) if isinstance(value, str) else number(value)
