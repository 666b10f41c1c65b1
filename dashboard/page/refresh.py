"""What is drawn: brings a page to what its player shows, when there is something new to show."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dashboard.figures.marks import theory
from dashboard.figures.overlays import merged
from dashboard.page.messages import divergence
from dashboard.ui.batch import batch
from dashboard.ui.eta import Remaining, ahead
from engines.core.protocol.errors import FAULTS

if TYPE_CHECKING:
    from dashboard.page.lab import Lab
    from engines.core.live.runner import Status
    from engines.core.protocol.config import Config
    from engines.core.protocol.declarations import Phase
    from engines.core.runs.run import Run

BUSY = 0.24
"""Seconds between two drawings while a run goes as fast as it can: the processor is better spent on it."""

SLOW = 0.8
"""Seconds between two tellings of the story, the verdicts and the summaries."""


class Screen:
    """Draws a lab. Called at each tick, under the document's lock."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._remaining = Remaining()
        self._drawn: Any = None
        self._drawn_at = 0.0
        self._decorated: Any = None
        self._told: tuple[float, Any] = (0.0, None)
        self._news = self._change = ""

    def retell(self) -> None:
        """Tell the story again at the next tick, however little time has passed."""
        self._told = (0.0, None)

    def redecorate(self) -> None:
        """Show theory, phases and the pinned run again at the next drawing."""
        self._decorated = None

    def tick(self) -> None:
        """Look, and draw what is new, in one batch."""
        with batch():
            self._look()

    def _look(self) -> None:
        if self._lab.bridge.lost():
            self._lab.probes.abandon()
        runner = self._lab.player.runner
        status, run = runner.status, runner.run
        self._lab.player.arrive()
        self._lab.sharing.collect()
        self._lab.shelf.collect()
        self._lab.probes.collect(run, status.playing)
        view = (status, run, (len(run), len(run.probe_results)), *self._lab.player.view())
        if not len(run) and self._lab.bridge.there:
            self._lab.transport.refresh(status, 0, 0, 0, ahead=0, left="", scrubbing=False)
        if view == self._drawn or not len(run) or self._resting(status) or not self._lab.bridge.ready():
            self._fail(status.message)
            return
        self._drawn, self._drawn_at = view, time.monotonic()
        self._draw()
        self._lab.bridge.sent()

    def _resting(self, status: Status) -> bool:
        """Whether a run at full speed was drawn a moment ago, and nobody did anything since."""
        if self._lab.player.runner.speed or not status.playing or self._drawn is None:
            return False
        same = self._drawn[3:] == self._lab.player.view() and self._drawn[1] is self._lab.player.runner.run
        return same and time.monotonic() - self._drawn_at < BUSY

    def _draw(self) -> None:
        player = self._lab.player
        status, run = player.runner.status, player.runner.run
        if not self._lab.stage.show(run, player.curves, player.focus):
            self._lab.stage.stream(run)
        subject = (player.configs, status.horizon, player.curves, player.edited, len(player.ghost), id(player.others))
        if self._decorated != subject:
            self._decorated = subject
            self.decorate(player.configs)
        scrubbing = player.cursor is not None
        self._lab.stage.update(run, status, player.at(), scrubbing, player.curves, player.focus)
        self._time(status, scrubbing)
        self._lab.probes.look(run, player.at(), player.focus)
        self._fail(status.message)
        self._tell(status)

    def _time(self, status: Status, scrubbing: bool) -> None:
        player, run = self._lab.player, self._lab.player.runner.run
        left = self._remaining.text(run, status, player.runner.speed)
        view = {"scrubbing": scrubbing, "pinned": bool(player.pinned_as), "speed": player.speed}
        # Steps that were asked for by number end before the horizon.
        rest = {"ahead": round(ahead(run, status)), "left": "" if player.held else left}
        self._lab.transport.refresh(status, len(run), player.index(), player.at(), **rest, **view)

    def decorate(self, configs: list[Config]) -> None:
        """Show theory, phases and the pinned run; while a slider is dragged, of members that are not run yet."""
        horizon = self._lab.player.runner.status.horizon
        lines = theory.predict(self._lab.engine, self._lab.player.curves, configs, horizon, self._lab.player.edited)
        behind = merged([self._lab.player.ghost, self._lab.player.others])
        self._lab.stage.decorate([] if self._lab.asked else lines, self._phases(), behind)

    def _phases(self) -> list[Phase]:
        try:
            return self._lab.engine.phases(self._lab.player.runner.run, self._lab.player.focus)
        except FAULTS:
            return []

    def _fail(self, message: str) -> None:
        self._lab.notices.say("failure", "error", message) if message else None

    def _tell(self, status: Status) -> None:
        """The slow part: words and verdicts, about once a second and at every stop."""
        player, now = self._lab.player, time.monotonic()
        subject = (player.runner.run, player.focus, status.playing, len(player.runner.run.probe_results))
        if now - self._told[0] < SLOW and subject == self._told[1]:
            return
        self._told = (now, subject)
        run = player.runner.run
        self._lab.story.refresh(run, player.focus, player.label, player.edited)
        self._lab.stage.show_phases(self._phases())
        self._lab.stage.describe(run, player.curves, player.at(), player.label)
        self._lab.comparison.show(player, self._lab.stage.cards[0].look.log_x)
        self._lab.notices.say("divergence", "lesson", divergence(run))
        self._announce(status, run)

    def _announce(self, status: Status, run: Run) -> None:
        """Screen readers hear what starts, stops and fails, not each number."""
        preset = self._lab.player.experiment.preset
        gone, count = int((run.diverged_at >= 0).sum()), len(run.configs)
        news = self._state(status) + (f", {gone} of {count} diverged" if gone else "")
        if news != self._news:
            whole = f"{preset.title if preset else self._lab.engine.title}: {news}"
            self._lab.bridge.announcement = ". ".join(filter(None, [self._change, whole]))
            self._news, self._change = news, ""

    def changed(self, text: str) -> None:
        """Say that a knob was changed, at once, and again with what comes of it."""
        self._lab.bridge.announcement = self._change = text

    def _state(self, status: Status) -> str:
        if status.playing:
            return "playing"
        how = "stopped" if status.message else "finished" if status.step >= status.horizon else "paused"
        return f"{how} at step {self._lab.player.at()}"
