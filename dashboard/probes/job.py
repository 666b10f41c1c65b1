"""One computation of a probe beside the page, and the result that is kept of it."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from engines.core.analysis.probing import compute_parts
from engines.core.protocol.engine import Part
from engines.core.protocol.errors import DynascopeError, as_engine_failure

if TYPE_CHECKING:
    from engines.core.live.scheduler import Scheduler
    from engines.core.protocol.engine import Probe
    from engines.core.runs.run import Run

log = logging.getLogger(__name__)


@cache
def probe_scheduler() -> Scheduler:
    """Start the one thread for the probes of all pages: they wait for one another, never a run for them."""
    from engines.core.live.scheduler import Scheduler

    return Scheduler(threads=1, most_apart=0)


class ProbeJob:
    """One probe of one member at one step. Once it is `done`, `part` has the result, or `failure` says why not.

    It holds the run as it was when it was asked for, so that it disturbs nothing and nothing disturbs it.
    """

    def __init__(self, probe: Probe, run: Run, step: int, member: int, options: Mapping[str, Any]) -> None:
        self.probe, self.run, self.step, self.member, self.options = probe, run.until(step), step, member, options
        self.part = Part(0.0, {})
        """The newest part; each is a value of its own, so that the page may read it while the next is computed."""
        self.started: float | None = None
        """Time at which its turn came, by `time.monotonic`."""
        self._part_time = 0.0
        self.failure = ""
        self.done = False
        probe_scheduler().request(self)

    def cancel(self) -> None:
        """Stop as soon as possible; nobody waits for it any longer."""
        self.run.cancelled = True

    def seconds_left(self) -> float:
        """Estimate the seconds until it is done, at the pace up to the newest part; 0 where that is unknown."""
        if self.started is None or self.part.share <= 0:
            return 0.0
        whole = (self._part_time - self.started) / self.part.share
        return max(0.0, self.started + whole - time.monotonic())

    def work(self, seconds: float) -> None:
        """Compute all of it; called once, on the thread for probes."""
        try:
            if not self.run.cancelled:
                self.started = time.monotonic()
                for part in compute_parts(self.probe, self.run, self.member, self.step, self.options):
                    self._part_time, self.part = time.monotonic(), part
        except BaseException as error:  # this thread computes everybody's probes
            for_people = isinstance(error, DynascopeError)
            if not (self.run.cancelled or (for_people and error.__cause__ is None)):
                log.exception("the probe %s failed", self.probe.name)
            self.failure = str(error if for_people else as_engine_failure(self.probe.name, error))
        self.done = True


class ProbeResult(NamedTuple):
    """Values of a probe, a sentence on where they come from, and the version of the run they belong to.

    `reason` says why they were computed where no reader asked. `origin` says where they come from for a program.
    """

    values: Mapping[str, Any] = {}
    text: str = ""
    version: Any = None
    reason: str = ""
    origin: Mapping[str, Any] = {}


def run_version(run: Run) -> Any:
    """Identify a run until it starts again or branches off at some step; keeps no run alive."""
    return weakref.ref(run), run.recording.generation
