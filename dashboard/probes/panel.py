"""Expensive observables, each computed when the reader or a verdict asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import panel as pn
from panel.viewable import Viewer

from dashboard.probes.card import ProbeCard, Save
from dashboard.probes.exhibit import GRID
from dashboard.probes.picture import STRETCH
from dashboard.probes.verdict_jobs import Needed
from dashboard.ui.component import FOLDER

if TYPE_CHECKING:
    from dashboard.session.view_state import ViewContext
    from engines.core.protocol.engine import Probe
    from engines.core.runs.run import Run

LABEL = (FOLDER / "label.css").read_text()


class Probes(Viewer):
    """A card for each probe of an engine; nothing where it has none. `save(name, make)` gives the reader a file."""

    def __init__(self, probes: Sequence[Probe], save: Save = lambda name, make: None) -> None:
        super().__init__()
        self.cards = [ProbeCard(probe, save) for probe in probes]
        self._needed = Needed({card.probe.name: card for card in self.cards})
        heading = pn.pane.HTML(
            "<h2>Probes: too expensive for every frame, computed when you ask</h2>", stylesheets=[LABEL], margin=0
        )
        grid = pn.Column(*self.cards, stylesheets=[GRID], margin=0, **STRETCH)
        self._panel = pn.Column(heading, grid, visible=bool(self.cards), margin=0, **STRETCH)

    def show(self, context: ViewContext) -> None:
        """Offer to compute the probes of the member and the step that are shown."""
        for card in self.cards:
            card.look(context.run, context.step, context.focus)

    def collect(self, run: Run, playing: bool) -> None:
        """Show what has been computed since the last tick, and begin with what the verdicts on a run need."""
        for card in self.cards:
            card.collect()
        self._needed.follow(run, playing)

    def clear(self) -> None:
        """Forget all results: another experiment begins."""
        for card in self.cards:
            card.clear()

    def abandon(self) -> None:
        """Wait for no result any more: the page is gone."""
        for card in self.cards:
            card.abandon()

    def __panel__(self) -> pn.Column:
        return self._panel
