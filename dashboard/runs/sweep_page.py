"""The page of sweeps: begin one, watch it, cancel it, and look at its map, from which each cell opens in its lab."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from dashboard.runs import library, sweep_jobs
from dashboard.runs.sweep_form import SweepForm
from dashboard.runs.sweep_results import AddressOf, SweepResults
from dashboard.ui.component import sheet
from dashboard.ui.eta import duration
from dashboard.ui.formatting import number
from dashboard.ui.notation import html
from dashboard.ui.styles import at_most
from engines.core.protocol.errors import ConfigError, DynascopeError, UnknownName

if TYPE_CHECKING:
    from engines.core.sweeps.folder import Sweep

PERIOD = 500
"""Milliseconds between two looks at what is being computed."""

WHAT = "A lab is computed at every combination of some knobs' values, and what comes of each is drawn as a map."

ELSEWHERE = "Sweeps are begun where the server runs (launch.py sweep), not by its visitors."


READING = "<p role='status'>Reading and drawing…</p>"
"""Said until there is something to see: the first drawing of a server takes seconds."""


class SweepPage(Viewer):
    """The body of the page; made under its document's lock."""

    def __init__(self, address: AddressOf, folder: Path | None = None) -> None:
        """Show the sweeps of a library (default: this visitor's); `address(name)` says where a lab is served.

        Raises `ConfigError` on a server that others reach: what visitors compute there is bounded, a sweep is not.
        """
        super().__init__()
        if library.public():
            raise ConfigError(ELSEWHERE)
        self._folder, self._address = library.opened(folder).folder, address
        self._sweep: Sweep | None = None
        self._tasks = 0
        wide: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
        button: dict[str, Any] = {"size": "small", "variant": "outlined", "margin": (10, 10, 6, 0), "visible": False}
        text: dict[str, Any] = {"margin": (4, 0), "stylesheets": [sheet("sweep_page")]}
        self.form = SweepForm(lambda: self._attempt(self._begin))
        self.error, self.status = pn.pane.HTML("", **text), pn.pane.HTML("", **text)
        self.results = SweepResults(address, self._say)
        self.chosen = pmui.Select(label="Kept sweeps", options=[], **at_most(420))
        self.stop, self.go_on = pmui.Button(label="Cancel", **button), pmui.Button(label="Go on", **button)
        self.bar = pmui.LinearProgress(value=0, variant="determinate", visible=False, **wide)
        kept = pn.FlexBox(self.chosen, self.stop, self.go_on, align_items="center", **wide)
        sheets = [sheet("comparison_panel")]
        result = pn.Column(kept, self.bar, self.status, self.results, stylesheets=sheets, **wide)
        title = pn.pane.HTML(f"<h1>Sweeps</h1><p>{WHAT}</p>", **text)
        self._panel = pn.Column(title, self.form, self.error, result, sizing_mode="stretch_width",
                                margin=(10, 24, 24, 24))  # fmt: skip
        self._listen()
        self._list()

    def _listen(self) -> None:
        self.chosen.param.watch(lambda event: self._attempt(self._choose), "value")
        self.stop.on_click(lambda event: sweep_jobs.cancel(Path(self.chosen.value)))
        self.go_on.on_click(lambda event: self._attempt(self._compute))

    def start(self) -> None:
        """Begin to look how far sweeps are; call it once the page is being shown."""
        pn.state.add_periodic_callback(self.tick, period=PERIOD)
        pn.state.on_session_destroyed(lambda context: self.results.close())

    def _attempt(self, act: Callable[[], Any]) -> None:
        """Do something; what cannot be done is said."""
        said = ""
        try:
            act()
        except DynascopeError as error:
            said = str(error)
        self._say(said)

    def _say(self, wrong: str) -> None:
        said = wrong and f"<p class='wrong' role='alert'>{escape(wrong)}</p>"
        if said != self.error.object:
            self.error.object = said

    # -- beginning and watching ------------------------------------------------------------------------------

    def _begin(self) -> None:
        from engines.core.sweeps.folder import Sweep

        plan, folder = self.form.plan(), self.form.folder(self._folder)
        Sweep.create(plan, folder)
        self.form.called.value = ""
        self._list(folder)
        self._compute()

    def _compute(self) -> None:
        if self._sweep:
            sweep_jobs.start(self._sweep.folder, len(self._sweep.done()))
            self.tick()

    def _list(self, folder: Path | None = None) -> None:
        folders = {path.name: str(path) for path in sweep_jobs.sweeps(self._folder)}
        chosen = str(folder) if folder else next(iter(folders.values()), None)
        self.chosen.param.update(options=folders, value=chosen, visible=bool(folders))
        self._attempt(self._choose)

    def _choose(self) -> None:
        from engines.core.sweeps.folder import Sweep

        self._sweep = None
        self.results.show(None)
        if not self.chosen.value:
            self.status.object = "<p>No sweep is kept here yet: begin one.</p>"
            return
        if self.chosen.value not in self.chosen.options.values():
            raise UnknownName("sweep", Path(self.chosen.value).name, self.chosen.options)
        self._sweep = Sweep(self.chosen.value)
        self._tasks = self._sweep.plan.count_tasks()
        self.results.show(self._sweep)
        self.tick()

    def tick(self) -> None:
        """Show how far the sweep is, and its results where tasks were finished since."""
        if self._sweep is None:
            return
        progress = sweep_jobs.progress(self._sweep, self._tasks)
        for widget, visible in ((self.bar, progress.running), (self.stop, progress.running),
                                (self.go_on, not progress.running and progress.done < progress.tasks)):  # fmt: skip
            if widget.visible is not visible:
                widget.visible = visible
        self.bar.value = round(100 * progress.done / max(1, progress.tasks))
        reading = self.results.refresh(progress.done) and not self.results.visible
        said = _status(self._sweep, progress) + (READING if reading else "")
        if said != self.status.object:
            self.status.object = said

    def __panel__(self) -> pn.Column:
        return self._panel


def _status(sweep: Sweep, progress: sweep_jobs.SweepProgress) -> str:
    """Say how far a sweep is, how fast it goes, and how long it takes still."""
    share = f"{progress.done:,} of {progress.tasks:,} tasks, {len(sweep.plan):,} points"
    rate = f", {number(60 * progress.rate)} tasks a minute" if progress.running and progress.rate else ""
    left = duration(progress.seconds) if progress.running and progress.rate else ""
    ended = "" if progress.running or progress.done == progress.tasks else "not finished"
    phrases = [share + rate, left, ended, progress.failure]
    title = f"<b>{html(sweep.named.title)}</b> {html(sweep.named.look_for)}<br>" if sweep.named else ""
    return f"<p role='status'>{title}{escape('; '.join(filter(None, phrases)))}</p>"
