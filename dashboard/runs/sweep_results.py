"""The results of a sweep on its page: its map with theory's lines, its members side by side, and its claims."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from dashboard.runs.background_jobs import BackgroundJobs
from dashboard.runs.column_names import column_names
from dashboard.runs.members_panel import MembersPanel, pane, sentence
from dashboard.runs.views import ViewChooser
from dashboard.session import link
from dashboard.session.view_state import ViewState
from dashboard.ui.component import sheet
from dashboard.ui.formatting import number
from dashboard.ui.notation import html
from dashboard.ui.styles import at_most
from engines.core.protocol.errors import DynascopeError

if TYPE_CHECKING:
    import pandas as pd
    import xarray

    from engines.core.protocol.declarations import Line, Verdict
    from engines.core.sweeps.folder import Sweep

SPARING = 10
"""A sweep that goes on is read again after so many times what reading it took."""

CLICK = "Click a cell: it tells its value, and opens its run."

EMPTY = " An empty cell has no value: it is not computed yet, was refused, or what is measured never happened there."

SLIDER = {"size": "small", "width": 240, "margin": (8, 28, 4, 8)}
"""The form of the sliders that HoloViews makes for the knobs by which a map is sliced."""

AddressOf = Callable[[str], str]


class SweepData(NamedTuple):
    """Everything that is read of a sweep's folder to be drawn."""

    rows: pd.DataFrame
    measures: xarray.Dataset
    map: xarray.DataArray | None
    """The map of a named sweep."""
    lines: list[Line]
    verdicts: list[Verdict]


def read_data(sweep: Sweep) -> SweepData:
    """Read all finished tasks of a sweep. Raises `StoreError` or `EngineFailure`."""
    rows, measures = sweep.table(), sweep.read()
    if not sweep.named:
        return SweepData(rows, measures, None, [], [])
    return SweepData(rows, measures, sweep.map(), sweep.lines(), sweep.judge())


class SweepResults(Viewer):
    """Draws a sweep; `fail(text)` tells what cannot be read, `address(name)` says where a lab is served."""

    def __init__(self, address: AddressOf, fail: Callable[[str], None]) -> None:
        super().__init__()
        self._address = address
        self._jobs = BackgroundJobs("sweeps page", fail)
        self._sweep: Sweep | None = None
        self._data: SweepData | None = None
        self._read, self._due = 0, 0.0
        self._names: dict[str, str] = {}
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        self.cell, self.claims = (pn.pane.HTML("", margin=(4, 0), stylesheets=[sheet("sweep_page")]) for _ in range(2))
        self.measure, self.across, self.up = (
            pmui.Select(label=label, options={}, visible=False, **at_most(260)) for label in ("Shown", "Across", "Up")
        )
        self.map_pane, self.slices, self.members = pn.Column(**wide), pn.FlexBox(**wide), MembersPanel()
        self.map: Any = None
        axes = pn.FlexBox(self.measure, self.across, self.up, **wide)
        drawn = pn.Column(axes, self.slices, self.map_pane, self.cell, self.claims, **wide)
        self._panel = pn.Column(ViewChooser({"Map": drawn, "Members": self.members}), visible=False, **wide)
        for each in (self.measure, self.across, self.up):
            each.param.watch(lambda event: self.redraw(), "value")

    def show(self, sweep: Sweep | None) -> None:
        """Show another sweep, as soon as it is read."""
        self._sweep, self._data, self._read, self._due, self.map = sweep, None, 0, 0.0, None
        self._panel.visible = False
        self.cell.object = self.claims.object = ""
        if sweep:
            own = sweep.named is None
            axes = [name for name, values in sweep.plan.axes.items() if len(values) > 1]
            first = [*(name for name in axes if name != "seed"), *axes, None, None]
            measures = [measure.text for measure in sweep.plan.measures]
            self._names = column_names([*sweep.plan.axes, *measures], [sweep.plan.engine])
            self.measure.param.update(options=self._options(measures), value=measures[0], visible=own)
            self.across.param.update(options=self._options(axes), value=first[0], visible=own)
            self.up.param.update(options=self._options(axes), value=first[1], visible=own)

    def _options(self, columns: Sequence[str]) -> dict[str, str]:
        return {self._names[column]: column for column in columns}

    def refresh(self, done: int) -> bool:
        """Read the sweep where more tasks are done than were read; returns whether it is being read. Call it often."""
        self._jobs.collect()
        if self._sweep and not self._jobs and done != self._read and time.monotonic() >= self._due:
            self._start(self._sweep, done)
        return bool(self._jobs)

    def _start(self, sweep: Sweep, done: int) -> None:
        begun, self._read = time.monotonic(), done

        def take(answer: SweepData) -> None:
            now = time.monotonic()
            self._due = now + SPARING * (now - begun)
            if sweep is self._sweep:  # another one may have been chosen meanwhile
                self._data = answer
                self.redraw()

        self._jobs.start(lambda: read_data(sweep), take)

    @property
    def visible(self) -> bool:
        """Whether there is something to see."""
        return self._panel.visible

    def close(self) -> None:
        """Do nothing more."""
        self._jobs.close()

    # -- drawing ---------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw the map and the members at the values that the sliders have."""
        if not (self._data and self._sweep):
            return
        try:
            self._draw_map(self._data, self._sweep)
        except DynascopeError as error:
            self.map_pane[:], self.slices[:], self.map = [sentence(str(error))], [], None
        self.members.show(self._data.rows, [self._sweep.plan.engine])
        self.claims.object = "".join(_claims(self._sweep, self._data.verdicts))
        self._panel.visible = True

    def _draw_map(self, answer: SweepData, sweep: Sweep) -> None:
        from dashboard.runs.sweep_map import SweepMap, averaged

        if sweep.named and answer.map is not None:
            data, axes = answer.map, (sweep.named.across, sweep.named.up)
        else:
            axes = self.across.value, self.up.value
            data = averaged(answer.measures[self.measure.value], *axes)
        before = self.map.at if self.map else None
        self.map = SweepMap(data, *axes, answer.lines, self.show_cell, before, self._names)
        drawn = pane(self.map.drawing, dict.fromkeys(self.map.slices, pmui.DiscreteSlider))
        for slider in drawn.widget_box:
            slider.param.update(SLIDER)
        self.slices[:], self.map_pane[:] = list(drawn.widget_box), [drawn]
        self.cell.object = self.cell.object or f"<p>{CLICK}{EMPTY if self.map.has_holes else ''}</p>"

    def show_cell(self, point: dict[str, Any]) -> None:
        """Say what is in a cell, with the way to its run in the lab."""
        if self._sweep is None:
            return
        plan = self._sweep.plan
        others = {name: list(values) for name, values in plan.axes.items() if name not in point}
        token = link.encode(plan.experiment.override(others | point), ViewState())
        href = link.with_query(self._address(plan.engine.name), s=token)
        where = ", ".join(f"{self._names.get(name, name)} = {_shown(value)}" for name, value in point.items())
        value = number(self.map.value_at(point))
        self.cell.object = (
            f"<p role='status'><b>{escape(self.map.label)}: {value}</b> at {escape(where)} "
            f"<a href='{escape(href)}'>Open this run</a></p>"
        )

    def __panel__(self) -> pn.Column:
        return self._panel


def _shown(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _claims(sweep: Sweep, verdicts: list[Verdict]) -> Iterator[str]:
    """Say what theory claims of a map, and whether it holds."""
    if sweep.named and sweep.named.heuristic:
        yield f"<p>The line is a heuristic: {html(sweep.named.heuristic)}</p>"
    for verdict in verdicts:
        yield f"<p>{_sign(verdict)} {html(verdict.claim)}: {_measured(verdict)}</p>"


def _sign(verdict: Verdict) -> str:
    return {True: "<span class='held'>✓</span>", False: "<span class='failed'>✗</span>"}.get(verdict.holds, "…")  # type: ignore[arg-type]


def _measured(verdict: Verdict) -> str:
    measured = "not yet" if verdict.measured is None else number(verdict.measured)
    sign = {"above": "above", "below": "below"}.get(verdict.kind)
    within = (
        f"{sign} {number(verdict.predicted)}" if sign else f"{number(verdict.predicted)} ± {number(verdict.tolerance)}"
    )
    return f"<b>{measured}</b>, predicted {within}"
