"""The tick of a page: brings its displays to what its session shows, when there is something new to show."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dashboard.figures.marks import prediction_lines
from dashboard.figures.overlays import Overlays, merged, overlay_curves
from dashboard.page.layout import Displays
from dashboard.page.messages import divergence
from dashboard.page.pace import PACE
from dashboard.session.session import Session
from dashboard.session.view_state import SPEEDS, PinnedRun, ViewContext
from dashboard.ui.bridge import WATCHDOG, Bridge
from dashboard.ui.eta import RemainingTime, frames_ahead
from dashboard.ui.page_updates import one_update

if TYPE_CHECKING:
    from engines.core.protocol.config import Config
    from engines.core.protocol.declarations import Phase
    from engines.core.runs.run import Run

BUSY = 0.24
"""Seconds between two drawings while a run goes as fast as it can: the processor is better spent on it."""

SLOW = 0.8
"""Seconds between two refreshments of the explanation, the verdicts and the summaries."""

RESTS = "The run rests because nobody has touched this page for a while: it goes on at the next click or key."


class Refresh:
    """Draws a session on the displays of its page. Called at each tick, under the document's lock.

    `collect` are called first at each tick: they take over what was made beside the page. `present` puts the experiment
    of the session on the page, and `dim(on)` fades what is there of another one.
    """

    def __init__(
        self,
        session: Session,
        bridge: Bridge,
        displays: Displays,
        collect: Sequence[Callable[[], object]],
        present: Callable[[], None],
        dim: Callable[[bool], None],
    ) -> None:
        self._session, self._bridge, self._displays, self._collect = session, bridge, displays, collect
        self._present, self._dim = present, dim
        self._run_on_page: Run | None = None
        """The run that all displays of the page are about."""
        self._presented_at = -1
        """Number of the update that brought it."""
        self._remaining = RemainingTime()
        self._drawn: ViewContext | None = None
        self._drawn_at = 0.0
        self._decorated: Any = None
        self._described: tuple[float, Any] = (0.0, None)
        self._words_behind = False
        """Whether the words are of an earlier moment than the last drawing."""
        self._pinned: tuple[PinnedRun | None, Overlays] = (None, {})
        """The pinned run that was drawn last, and its curves."""
        self._news = self._change = ""
        self._beside = False
        """Whether another thread draws."""

    @property
    def ready_to_draw(self) -> bool:
        """Whether there is a frame, or a reason why there will be none."""
        runner = self._session.runner
        return bool(len(runner.run) or runner.status.message)

    def draw_beside(self) -> None:
        """Draw what is there, in any thread, before the displays are on their page: they come with it."""
        context, self._beside = self._session.view_context(), True
        try:
            if context.rows and not self.preparing:
                self._drawn, self._drawn_at = context, time.monotonic()
                self._draw(context)
        finally:
            self._beside = False

    def redraw(self) -> None:
        """Draw everything again at the next tick, also theory, phases and other runs."""
        self._drawn = self._decorated = None

    def describe_soon(self) -> None:
        """Refresh the words at the next drawing, however little time has passed since the last time."""
        self._described = (0.0, None)

    @property
    def preparing(self) -> bool:
        """Whether the page still shows what was open before."""
        return self._session.runner.run is not self._run_on_page

    def present(self) -> None:
        """Have all displays of the page be about the run of the session, from now on."""
        self._run_on_page = self._session.runner.run
        self._present()
        self.redraw()
        self.describe_soon()

    def _present_when_ready(self) -> None:
        """Have everything change in one update, with the first frame; until it is drawn what was there is faded.

        What cannot be prepared has no first frame: it is presented with the reason, and without figures.
        """
        runner, ready = self._session.runner, self._bridge.ready()
        if self.preparing and ready and self.ready_to_draw:
            self.present()
            self._presented_at = self._bridge.tick + 1
            if not len(runner.run):
                self._show_nothing()
        drawing = self._bridge.ack < self._presented_at and time.monotonic() - self._drawn_at < WATCHDOG
        self._dim(self.preparing or drawing)

    def _show_nothing(self) -> None:
        self._displays.grid.clear()
        self._displays.explanation.show(self._session.view_context())
        self._displays.messages.show("divergence", "lesson", "")
        self._bridge.count_update()

    def tick(self) -> None:
        """Take over what is ready, and draw what is new, in one update."""
        if self._beside:
            return
        begun, drawn = time.perf_counter(), self._drawn_at
        with one_update():
            self._tick()
        if self._drawn_at != drawn:
            PACE.count(self, time.perf_counter() - begun)

    def _tick(self) -> None:
        displays, runner = self._displays, self._session.runner
        if self._bridge.lost():
            displays.probes.cancel()
        for collect in self._collect:
            collect()
        displays.probes.collect(runner.run, runner.status.playing)
        self._present_when_ready()
        context = self._session.view_context()
        if not context.rows and self._bridge.answered:
            displays.transport.show(context)
        if self.preparing:
            return
        new = context != self._drawn or self._words_due()
        if context.rows and self._bridge.ready() and new and not self._drawn_just_now(context):
            self._drawn, self._drawn_at = context, time.monotonic()
            self._draw(context)
            self._bridge.count_update()
        displays.messages.show("idle", "info", RESTS if self._bridge.idle else "")
        displays.messages.show("run", "error", context.status.message or context.status.refusal)

    def _drawn_just_now(self, context: ViewContext) -> bool:
        """Whether a run that plays was drawn a moment ago, and nobody did anything since."""
        if not context.status.playing or self._drawn is None or self._drawn.choices != context.choices:
            return False
        full_speed = SPEEDS[context.speed][0] is None
        return PACE.is_others_turn(self) or (full_speed and time.monotonic() - self._drawn_at < BUSY)

    def _draw(self, context: ViewContext) -> None:
        grid = self._displays.grid
        if not grid.build(context):
            grid.stream(context.run)
        drawn_of = (context.configs, context.status.horizon, context.curves, context.late_edit, context.pinned)
        if self._decorated != drawn_of:
            self._decorated = drawn_of
            self.decorate(context, context.configs)
        grid.update(context)
        if self._displays.lesson:
            self._displays.lesson.follow(context)
        self._displays.messages.show("theory of points", "error", grid.failure())
        # Steps that were asked for by number end before the horizon: while the reader paused, nothing is left.
        left = self._remaining.text(context.run, context.status, SPEEDS[context.speed][0])
        self._displays.transport.show(
            context, frames_ahead(context.run, context.status), "" if context.paused else left
        )
        self._displays.probes.show(context)
        self._describe(context)

    def decorate(self, context: ViewContext, configs: Sequence[Config]) -> None:
        """Show theory, phases and other runs; while a slider is dragged, theory of members that are not run yet."""
        engine, lesson = self._session.engine, self._displays.lesson
        lines, failure = prediction_lines.predict(
            engine, context.curves, configs, context.status.horizon, context.late_edit
        )
        self._displays.messages.show("theory", "error", failure)
        overlays = merged([self._pinned_curves(context), self._displays.library.overlays])
        untold = bool(lesson and lesson.stage != "open")
        self._displays.grid.decorate([] if untold else lines, self._phases(context), {} if untold else overlays)

    def _pinned_curves(self, context: ViewContext) -> Overlays:
        if context.pinned is not self._pinned[0]:
            pinned = context.pinned
            self._pinned = (pinned, overlay_curves(pinned.run, pinned.curves) if pinned else {})
        return self._pinned[1]

    def _phases(self, context: ViewContext) -> Sequence[Phase]:
        if not context.rows or (self._displays.lesson and self._displays.lesson.stage != "open"):
            return []
        find = lambda: self._session.engine.phases(context.run, context.focus)  # noqa: E731
        return self._displays.messages.attempt("The division into phases", find, [])

    # -- words: the slow part, about once a second and at every stop -------------------------------------------

    def _describe(self, context: ViewContext) -> None:
        displays, now = self._displays, time.monotonic()
        computing = displays.probes.computing_for_verdicts(context.run)
        ended = (context.status.playing, context.status.step >= context.status.horizon, computing)
        written_of = (context.run, context.focus, ended, context.probe_results, context.edited)
        self._words_behind = now - self._described[0] < SLOW and written_of == self._described[1]
        if self._words_behind:
            return
        self._described = (now, written_of)
        session, preset = self._session, self._session.experiment.preset
        displays.heading.show(session.engine, preset, session.edited_by_reader, session.in_lesson)
        displays.explanation.show(context, computing)
        displays.grid.show_phases(self._phases(context))
        displays.grid.describe(context)
        displays.comparison.show(context, displays.grid.cards[0].options.log_x)
        self._show_divergence(context.run)
        self._announce(context)

    def _show_divergence(self, run: Run) -> None:
        messages, advice = self._displays.messages, "The advice about stability"
        stability = self._session.engine.stability
        text = divergence(run, lambda config: messages.attempt(advice, lambda: stability(config), ""))
        messages.show("divergence", "lesson", text)
        if not text:  # nobody asks for the advice any more
            messages.show(advice, "error", "")

    def _words_due(self) -> bool:
        """Whether the words have to follow a drawing after which nothing happened any more."""
        return self._words_behind and time.monotonic() - self._described[0] >= SLOW

    def _announce(self, context: ViewContext) -> None:
        """Have screen readers hear what starts, stops and fails, not each number."""
        diverged, count = int((context.run.diverged_at >= 0).sum()), len(context.run.configs)
        news = _activity(context) + (f", {diverged} of {count} diverged" if diverged else "")
        if news != self._news:
            text = f"{self._title()}: {news}"
            self._bridge.announcement = ". ".join(filter(None, [self._change, text]))
            self._news, self._change = news, ""

    def _title(self) -> str:
        preset, lesson = self._session.experiment.preset, self._displays.lesson
        return lesson.lesson.title if lesson else preset.title if preset else self._session.engine.title

    def announce_change(self, text: str) -> None:
        """Have screen readers hear of a changed knob, at once, and again with what comes of it."""
        self._bridge.announcement = self._change = text


def _activity(context: ViewContext) -> str:
    status = context.status
    if status.playing:
        return "playing"
    how = "stopped" if status.message else "finished" if status.step >= status.horizon else "paused"
    return f"{how} at step {context.step}"
