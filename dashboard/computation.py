"""A probe that is being computed beside the page."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from engines.core.errors import DynascopeError
from engines.core.probing import parts

if TYPE_CHECKING:
    from engines.core.engine import Probe
    from engines.core.run import Run
    from engines.core.scheduler import Scheduler

log = logging.getLogger(__name__)


@cache
def beside() -> Scheduler:
    """One thread for the probes of all pages: they wait for one another, never a run for them."""
    from engines.core.scheduler import Scheduler

    return Scheduler(threads=1)


class Computation:
    """One probe of one member at one step: `values`, or the `failure` as a sentence, are there once it is `done`.

    It holds the run as it was when it was asked for, so that it disturbs nothing and nothing disturbs it.
    """

    def __init__(self, probe: Probe, run: Run, step: int, member: int) -> None:
        self.probe, self.run, self.member = probe, run.until(step), member
        self.step = int(self.run.steps[-1])
        self.values: Mapping[str, Any] = {}
        self.failure = ""
        self.done = False
        beside().request(self)

    def abandon(self) -> None:
        """Stop as soon as possible; nobody waits for it any longer."""
        self.run.abandoned = True

    def work(self, seconds: float) -> None:
        """Compute all of it; called once, on the thread for probes."""
        try:
            if not self.run.abandoned:
                for part in parts(self.probe, self.run, self.member, self.step, {}):
                    self.values = part.values
        except DynascopeError as error:
            self.failure = str(error)
        except Exception as error:
            if not self.run.abandoned:
                log.exception("the probe %s failed", self.probe.name)
            self.failure = f"{type(error).__name__}: {error}"
        self.done = True
