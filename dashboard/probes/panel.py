"""Expensive observables: a card for each, computed when the reader asks, or unasked when a verdict needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import panel as pn
from panel.viewable import Viewer

from dashboard.probes.card import ProbeCard
from dashboard.probes.job import run_version
from dashboard.ui.styles import DIMS, GRID, LABEL, STRETCH

if TYPE_CHECKING:
    from dashboard.probes.job import ProbeJob
    from dashboard.session.view_state import ViewContext
    from engines.core.protocol.engine import Probe
    from engines.core.runs.run import Run

CHANGED = "cancelled: the run was changed"


class Probes(Viewer):
    """A card for each probe of an engine; nothing where it has none. `save(name, make)` gives the reader a file."""

    def __init__(
        self, probes: Sequence[Probe], save: Callable[[str, Callable[[], str]], None] = lambda name, make: None
    ) -> None:
        super().__init__()
        self.cards = [ProbeCard(probe, save) for probe in probes]
        self._verdict_jobs = VerdictJobs({card.probe.name: card for card in self.cards})
        heading = pn.pane.HTML(
            "<h2>Probes: too expensive for every frame, computed when you ask</h2>", stylesheets=[LABEL], margin=0
        )
        grid = pn.Column(*self.cards, stylesheets=[GRID], margin=0, **STRETCH)
        self._panel = pn.Column(heading, grid, visible=bool(self.cards), stylesheets=[DIMS], margin=0, **STRETCH)

    def show(self, context: ViewContext) -> None:
        """Offer to compute the probes of the member and the step that are shown."""
        for card in self.cards:
            card.set_target(context.run, context.step, context.focus)
        self._panel.visible = any(card.visible for card in self.cards)

    def collect(self, run: Run, playing: bool) -> None:
        """Show what has been computed since the last time, and begin with what the verdicts on a run need."""
        for card in self.cards:
            card.collect()
        self._verdict_jobs.update(run, playing)

    def computing_for_verdicts(self, run: Run) -> bool:
        """Whether a probe is on its way, or will be, on which verdicts on a run rest."""
        return self._verdict_jobs.pending(run)

    def clear(self) -> None:
        """Forget everything but the options: another experiment begins."""
        for card in self.cards:
            card.clear()

    def cancel(self) -> None:
        """Stop all computations: the page was closed."""
        for card in self.cards:
            card.cancel()

    def __panel__(self) -> pn.Column:
        return self._panel


class VerdictJobs:
    """Computes the probes that a preset's verdicts need, of every member in turn, once the run is long enough.

    The run gets their values. Another run, or one that branches, ends that; so does a reader who cancels one of them.
    """

    def __init__(self, cards: Mapping[str, ProbeCard]) -> None:
        self._cards = cards
        self._version: Any = None
        self._tried: set[tuple[str, int]] = set()
        self._given_up = False
        self._current: tuple[tuple[str, int], ProbeJob] | None = None

    def update(self, run: Run, playing: bool) -> None:
        """Keep what is done, and start what comes next."""
        if self._version != run_version(run):
            self._restart(run)
        if self._current and self._current[1].done:
            self._keep(run)
        if not (self._current or self._given_up or playing) and _long_enough(run):
            self._start_next(run)

    def pending(self, run: Run) -> bool:
        """Whether values of a run are being computed, or will be."""
        if self._given_up or self._version != run_version(run) or not _long_enough(run):
            return False
        return self._current is not None or bool(self._missing(run))

    def _missing(self, run: Run) -> list[tuple[str, int]]:
        assert run.preset
        members = range(len(run.configs))
        every = [(name, member) for name in run.preset.probes for member in members]
        return [key for key in every if key not in self._tried | run.probe_results.keys()]

    def _restart(self, run: Run) -> None:
        if self._current and self._cards[self._current[0][0]].job is self._current[1]:
            self._cards[self._current[0][0]].stop(CHANGED)
        self._version, self._tried, self._given_up, self._current = run_version(run), set(), False, None

    def _keep(self, run: Run) -> None:
        assert self._current
        (key, job), self._current = self._current, None
        self._given_up = job.run.cancelled
        if not (job.failure or job.run.cancelled):
            run.probe_results[key] = job.part.values

    def _start_next(self, run: Run) -> None:
        for name, member in self._missing(run)[:1]:
            assert run.preset
            self._start(run, name, member, run.preset.probes[name])

    def _start(self, run: Run, name: str, member: int, options: Mapping[str, Any]) -> None:
        assert run.preset
        if not self._cards[name].job:  # what the reader asked for comes first
            self._tried.add((name, member))
            job = self._cards[name].compute_for_verdict(run, run.preset.steps, member, options)
            self._current = (name, member), job


def _long_enough(run: Run) -> bool:
    return bool(run.preset and run.preset.probes and len(run) and run.steps[-1] >= run.preset.steps)
