"""The page of sweeps: begin one, watch it, cancel it, and look at its map, from which each cell opens in its lab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from dashboard.runs import library, sweep_jobs
from dashboard.runs.sweep_form import SweepForm
from dashboard.session import link
from dashboard.session.view_state import ViewState
from dashboard.ui.component import sheet
from dashboard.ui.eta import duration
from dashboard.ui.formatting import number
from engines.core.protocol.errors import ConfigError, DynascopeError, UnknownName

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Verdict
    from engines.core.sweeps.folder import Sweep

PERIOD = 1000
"""Milliseconds between two looks at what is being computed."""

ELSEWHERE = "Sweeps are begun where the server runs (launch.py sweep), not by its visitors."

Address = Callable[[str], str]


class SweepPage(Viewer):
    """The body of the page; made under its document's lock."""

    def __init__(self, address: Address, place: Path | None = None) -> None:
        """Show the sweeps of a library (default: this visitor's); `address(name)` says where a lab is served.

        Raises `ConfigError` on a server that others reach: what visitors compute there is bounded, a sweep is not.
        """
        super().__init__()
        if library.public():
            raise ConfigError(ELSEWHERE)
        self._place, self._address = library.opened(place).folder, address
        self._sweep: Sweep | None = None
        self._tasks = 0
        self._drawn: tuple[Any, ...] = ()
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        select: dict[str, Any] = {"options": [], "size": "small", "margin": (6, 10, 6, 0)}
        button: dict[str, Any] = {"size": "small", "variant": "outlined", "margin": (10, 10, 6, 0), "visible": False}
        text: dict[str, Any] = {"margin": (4, 0), "stylesheets": [sheet("sweep_page")]}
        self.form = SweepForm(lambda: self._attempt(self._begin))
        self.error, self.status, self.cell, self.claims = (pn.pane.HTML("", **text) for _ in range(4))
        self.chosen = pmui.Select(label="Kept sweeps", width=420, **select)
        self.stop, self.go_on = pmui.Button(label="Cancel", **button), pmui.Button(label="Go on", **button)
        self.bar = pmui.LinearProgress(value=0, variant="determinate", visible=False, **wide)
        self.measure, self.across, self.up = (
            pmui.Select(label=label, width=200, visible=False, **select) for label in ("Shown", "Across", "Up")
        )
        self.map_pane = pn.Column(**wide)
        self.slices: Any = pn.FlexBox(**wide)
        kept = pn.FlexBox(self.chosen, self.stop, self.go_on, align_items="center", **wide)
        axes = pn.FlexBox(self.measure, self.across, self.up, **wide)
        result = pn.Column(kept, self.bar, self.status, axes, self.slices, self.map_pane, self.cell, self.claims,
                           stylesheets=[sheet("comparison_panel")], **wide)  # fmt: skip
        title = pn.pane.HTML("<h1>Sweeps</h1>", **text)
        self._panel = pn.Column(title, self.form, self.error, result, sizing_mode="stretch_width",
                                margin=(10, 24, 24, 24))  # fmt: skip
        self._listen()
        self._list()

    def _listen(self) -> None:
        self.chosen.param.watch(lambda event: self._attempt(self._choose), "value")
        self.stop.on_click(lambda event: sweep_jobs.cancel(Path(self.chosen.value)))
        self.go_on.on_click(lambda event: self._attempt(self._compute))
        for select in (self.measure, self.across, self.up):
            select.param.watch(lambda event: self._attempt(self._draw), "value")

    def start(self) -> None:
        """Begin to look how far sweeps are; call it once the page is being shown."""
        pn.state.add_periodic_callback(self.tick, period=PERIOD)

    def _attempt(self, act: Callable[[], Any]) -> None:
        """Do something; what cannot be done is said."""
        said = ""
        try:
            act()
        except DynascopeError as error:
            said = f"<p class='wrong' role='alert'>{escape(str(error))}</p>"
        if said != self.error.object:
            self.error.object = said

    # -- beginning and watching ------------------------------------------------------------------------------

    def _begin(self) -> None:
        from engines.core.sweeps.folder import Sweep

        plan, folder = self.form.plan(), self.form.folder(self._place)
        Sweep.create(plan, folder)
        self.form.called.value = ""
        self._list(folder)
        self._compute()

    def _compute(self) -> None:
        if self._sweep:
            sweep_jobs.start(self._sweep.folder, len(self._sweep.done()))
            self.tick()

    def _list(self, folder: Path | None = None) -> None:
        found = {path.name: str(path) for path in sweep_jobs.sweeps(self._place)}
        chosen = str(folder) if folder else next(iter(found.values()), None)
        self.chosen.param.update(options=found, value=chosen, visible=bool(found))
        self._attempt(self._choose)

    def _choose(self) -> None:
        from engines.core.sweeps.folder import Sweep

        self._sweep, self._drawn, self.cell.object, self.claims.object, self.map_pane[:] = None, (), "", "", []
        self.slices[:] = []
        if not self.chosen.value:
            self.status.object = "<p>No sweep is kept here yet: begin one.</p>"
            return
        if self.chosen.value not in self.chosen.options.values():
            raise UnknownName("sweep", Path(self.chosen.value).name, self.chosen.options)
        self._sweep = Sweep(self.chosen.value)
        self._tasks = sum(1 for _ in self._sweep.plan.tasks())
        self._offer_axes(self._sweep)
        self.tick()

    def _offer_axes(self, sweep: Sweep) -> None:
        own = sweep.named is None
        axes = [name for name, values in sweep.plan.axes.items() if len(values) > 1]
        first = [*(name for name in axes if name != "seed"), *axes, None, None]
        measures = [measure.text for measure in sweep.plan.measures]
        self.measure.param.update(options=measures, value=measures[0], visible=own)
        self.across.param.update(options=axes, value=first[0], visible=own)
        self.up.param.update(options=axes, value=first[1], visible=own)

    def tick(self) -> None:
        """Show how far the sweep is, and its map where tasks were finished since."""
        if self._sweep is None:
            return
        state = sweep_jobs.progress(self._sweep, self._tasks)
        for widget, visible in ((self.bar, state.running), (self.stop, state.running),
                                (self.go_on, not state.running and state.done < state.tasks)):  # fmt: skip
            if widget.visible is not visible:
                widget.visible = visible
        self.bar.value = round(100 * state.done / max(1, state.tasks))
        said = _status(self._sweep, state)
        if said != self.status.object:
            self.status.object = said
        if state.done and self._drawn[:1] != (state.done,):
            self._attempt(self._draw)

    # -- the map ---------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        from dashboard.runs.sweep_map import SweepMap, averaged

        sweep, shown = self._sweep, (self.measure.value, self.across.value, self.up.value)
        done = len(sweep.done()) if sweep else 0
        if sweep is None or not done or self._drawn == (done, *shown):
            return
        self._drawn = done, *shown
        if sweep.named:
            data, lines, axes = sweep.map(), sweep.lines(), (sweep.named.across, sweep.named.up)
        else:
            data, lines, axes = averaged(sweep.to_xarray(shown[0])[shown[0]], *shown[1:]), [], shown[1:]
        self.map = SweepMap(data, *axes, lines, self.show_cell)
        self._offer_slices()
        self._draw_slice()
        self.claims.object = "".join(_said(sweep))

    def _offer_slices(self) -> None:
        """Offer the values of the knobs by which the map is sliced; what was chosen stays."""
        if [select.label for select in self.slices] == list(self.map.slices):
            return
        made = {"size": "small", "width": 140, "margin": (6, 10, 6, 0)}
        self.slices[:] = [pmui.Select(label=name, options=each, **made) for name, each in self.map.slices.items()]
        for select in self.slices:
            select.param.watch(lambda event: self._draw_slice(), "value")

    def _draw_slice(self) -> None:
        drawn = self.map.drawing({select.label: select.value for select in self.slices})
        self.map_pane[:] = [pn.pane.HoloViews(drawn, sizing_mode="stretch_width", margin=0, linked_axes=False)]

    def show_cell(self, point: dict[str, Any]) -> None:
        """Say what is in a cell, with the way to its run in the lab."""
        if self._sweep is None:
            return
        plan = self._sweep.plan
        others = {name: list(values) for name, values in plan.axes.items() if name not in point}
        token = link.encode(plan.experiment.override(others | point), ViewState())
        href = link.with_query(self._address(plan.engine.name), s=token)
        where = ", ".join(f"{name} = {_shown(value)}" for name, value in point.items())
        value = number(self.map.value_at(point))
        self.cell.object = (
            f"<p role='status'><b>{escape(str(self.map.data.name))} {value}</b> at {escape(where)} "
            f"<a href='{escape(href)}'>Open this run</a></p>"
        )

    def __panel__(self) -> pn.Column:
        return self._panel


def _shown(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _status(sweep: Sweep, state: sweep_jobs.SweepProgress) -> str:
    """Say how far a sweep is, how fast it goes, and how long it takes still."""
    share = f"{state.done:,} of {state.tasks:,} tasks, {len(sweep.plan):,} points"
    rate = f", {number(60 * state.rate)} tasks a minute" if state.running and state.rate else ""
    left = duration(state.seconds) if state.running and state.rate else ""
    ended = "" if state.running or state.done == state.tasks else "not finished"
    parts = [share + rate, left, ended, state.failure]
    title = f"<b>{escape(sweep.named.title)}</b> {escape(sweep.named.look_for)}<br>" if sweep.named else ""
    return f"<p role='status'>{title}{escape('; '.join(filter(None, parts)))}</p>"


def _said(sweep: Sweep) -> Iterator[str]:
    """Say what theory claims of a map, and whether it holds."""
    if sweep.named and sweep.named.heuristic:
        yield f"<p>The line is a heuristic: {escape(sweep.named.heuristic)}</p>"
    for verdict in sweep.judge():
        yield f"<p>{_sign(verdict)} {escape(verdict.claim)}: {_measured(verdict)}</p>"


def _sign(verdict: Verdict) -> str:
    return {True: "<span class='held'>✓</span>", False: "<span class='failed'>✗</span>"}.get(verdict.holds, "…")  # type: ignore[arg-type]


def _measured(verdict: Verdict) -> str:
    measured = "not yet" if verdict.measured is None else number(verdict.measured)
    sign = {"above": "above", "below": "below"}.get(verdict.kind)
    within = (
        f"{sign} {number(verdict.predicted)}" if sign else f"{number(verdict.predicted)} ± {number(verdict.tolerance)}"
    )
    return f"<b>{measured}</b>, predicted {within}"
