"""One probe on the page: what is asked of it, what is being computed, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import panel as pn
from panel.viewable import Viewer

from dashboard.probes.exhibit import Exhibit
from dashboard.probes.form import IDLE, Ask
from dashboard.probes.job import Computation
from dashboard.probes.picture import STRETCH
from dashboard.probes.result import Outcome, course
from dashboard.session.curves import member_label
from dashboard.ui.component import FOLDER
from dashboard.ui.eta import duration
from dashboard.ui.formatting import describe
from engines.core.data.plain_json import to_json

if TYPE_CHECKING:
    from engines.core.protocol.engine import Part, Probe
    from engines.core.runs.run import Run

CARD = (FOLDER / "card.css").read_text()

WIDE = ":host { grid-column: 1 / -1; }"

PAUSE = 0.5
"""Seconds between two drawings of what is known so far."""

EARLIER = "from before the run was started again or branched"

WAITING = "waiting for other computations"

NEEDED = "because the verdicts need it"

Save = Callable[[str, Callable[[], str]], None]


class ProbeCard(Viewer):
    """One probe: a computation on its way, and the outcome of the last one with what it belongs to.

    `save(name, make)` gives the reader a file.
    """

    def __init__(self, probe: Probe, save: Save = lambda name, make: None) -> None:
        super().__init__()
        self.probe, self._deliver = probe, save
        self.computation: Computation | None = None
        self._view: tuple[Run, int, int] | None = None
        self._asked: tuple[Any, str] = (None, "")
        self._outcome = Outcome()
        self._served: dict[int, Outcome] = {}
        """What was computed unasked, by member."""
        self._failure = ""
        self._sketched: tuple[Part | None, float] = (None, 0.0)
        self._ask, self.exhibit = Ask(probe, self.compute, self.stop, self.save), Exhibit(probe.pictures, probe.name)
        sheets = [CARD, WIDE] if len(probe.pictures) > 1 else [CARD]
        self._panel = pn.Column(self._ask, self.exhibit, stylesheets=sheets, margin=0, **STRETCH)

    # -- what is asked -----------------------------------------------------------------------------------------

    def look(self, run: Run, step: int, member: int) -> None:
        """Offer to compute what is looked at, and say whether the outcome that is shown belongs to it."""
        self._view = run, step, member
        if not self._sketching:
            self._recall()
            self.exhibit.show(self._outcome.values)
        self._ask.show(step=step)
        self._say()

    def compute(self) -> None:
        """Start on what the button offers, unless something is being computed already."""
        if self._view and not self.computation:
            self._start(*self._view)

    def serve(self, run: Run, step: int, member: int, options: Mapping[str, Any]) -> Computation:
        """Compute unasked, with these options, what the verdicts on a run need."""
        self._ask.choose(options)
        return self._start(run, step, member, NEEDED)

    def _start(self, run: Run, step: int, member: int, why: str = "") -> Computation:
        self._asked = course(run), why
        self.computation = Computation(self.probe, run, step, member, dict(self._ask.options))
        self._failure = ""
        self._ask.show(busy=True, why=why)
        self._say()
        return self.computation

    def save(self) -> None:
        """Give the reader everything that is shown, as JSON."""
        values, about = self._outcome.values, self._outcome.about
        if values:
            name = f"{about['engine']}_{self.probe.name}_step_{about['step']}.json"
            self._deliver(name, lambda: to_json({**about, "values": values}))

    def abandon(self) -> None:
        """Wait no longer for what is being computed."""
        if self.computation:
            self.computation.abandon()
            self.computation = None

    def stop(self, text: str = "cancelled") -> None:
        """Wait no longer, and say so; nothing half done stays."""
        if self.computation:
            self._failure = text
        self.abandon()
        self._settle()

    def clear(self) -> None:
        """Forget everything but the options: another experiment begins."""
        self.abandon()
        self._outcome, self._served, self._failure = Outcome(), {}, ""
        self._settle()

    # -- what came of it ---------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Show what has been computed, and how far it is."""
        going = self.computation
        if going and going.done:
            self._finish(going)
        elif going:
            left = WAITING if going.began is None else duration(going.left())
            self._ask.show(share=round(going.part.share, 2), left=left)
            self._sketch(going)

    def _sketch(self, going: Computation) -> None:
        """Draw what is known so far, of the member in focus and not too often."""
        part, now = going.part, time.monotonic()
        focused = self._view is not None and self._view[2] == going.member
        if part.values and focused and part is not self._sketched[0] and now - self._sketched[1] > PAUSE:
            self._sketched = part, now
            self.exhibit.show(dict(part.values))
            self._say()

    def _finish(self, done: Computation) -> None:
        self.computation = None
        self._failure = done.failure
        if not done.failure:
            self._keep(done)
        self._settle()

    def _keep(self, done: Computation) -> None:
        source, why = self._asked
        about = _about(done)
        self._outcome = Outcome(dict(done.part.values), _told(done, "Computed", why), source, why, about)
        if why:
            self._served = {m: found for m, found in self._served.items() if found.source == source}
            self._served[done.member] = self._outcome
        self._recall()

    def _recall(self) -> None:
        """Of what was computed unasked, choose the member in focus's."""
        if self._outcome.why and self._view:
            self._outcome = self._served.get(self._view[2], self._outcome)

    @property
    def _sketching(self) -> bool:
        """Whether something is shown that is not done yet."""
        return self.computation is not None and self.exhibit.values is not self._outcome.values

    def _settle(self) -> None:
        """Show the outcome, if there is one, and nothing else."""
        self._ask.show(**IDLE)
        self.exhibit.show(self._outcome.values)
        self._say()

    def _say(self) -> None:
        """Say whose values are shown, and what went wrong."""
        text = self._outcome.text
        if self.computation and self._sketching:
            text = _told(self.computation, "So far", self._asked[1])
        elif text and self._view and self._outcome.source != course(self._view[0]):
            text = f"{text} – {EARLIER}"
        self._ask.show(note=text, failure=self._failure or self.exhibit.failure, savable=bool(self._outcome.values))

    def __panel__(self) -> pn.Column:
        return self._panel


def _about(done: Computation) -> dict[str, Any]:
    """Which values they are: the same names as on the command line, and the knobs."""
    return {
        "engine": done.run.engine.name,
        "probe": done.probe.name,
        "member": done.member,
        "step": done.step,
        "options": dict(done.options),
        "config": dict(done.run.configs[done.member]),
    }


def _told(done: Computation, how: str, why: str) -> str:
    whose = member_label(done.run.configs, done.member)
    chosen = f"with {describe(dict(done.options))}" if done.options else ""
    at = f"{how} at step {done.step:,}" + (f", {why}" if why else "")
    return " · ".join(filter(None, [at, whose, chosen]))
