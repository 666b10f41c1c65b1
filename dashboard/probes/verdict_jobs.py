"""What the verdicts on a run need: probes that are computed unasked once the run is long enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dashboard.probes.result import course

if TYPE_CHECKING:
    from dashboard.probes.card import ProbeCard
    from dashboard.probes.job import Computation
    from engines.core.runs.run import Run

CHANGED = "cancelled: the run was changed"


class Needed:
    """Computes the probes of a preset of every member, one after the other, and gives the run their outcomes.

    Another run, or another course of it, ends that; so does the reader who cancels one of them.
    """

    def __init__(self, cards: Mapping[str, ProbeCard]) -> None:
        self._cards = cards
        self._course: Any = None
        self._tried: set[tuple[str, int]] = set()
        self._given_up = False
        self._going: tuple[tuple[str, int], Computation] | None = None

    def follow(self, run: Run, playing: bool) -> None:
        """Look at the run again: keep what is done, begin with what comes next."""
        if self._course != course(run):
            self._turn(run)
        if self._going and self._going[1].done:
            self._keep(run)
        if not (self._going or self._given_up or playing) and _long_enough(run):
            self._next(run)

    def _turn(self, run: Run) -> None:
        if self._going and self._cards[self._going[0][0]].computation is self._going[1]:
            self._cards[self._going[0][0]].stop(CHANGED)
        self._course, self._tried, self._given_up, self._going = course(run), set(), False, None

    def _keep(self, run: Run) -> None:
        assert self._going
        (key, done), self._going = self._going, None
        self._given_up = done.run.cancelled
        if not (done.failure or done.run.cancelled):
            run.probe_results[key] = done.part.values

    def _next(self, run: Run) -> None:
        assert run.preset
        for name, chosen in run.preset.probes.items():
            for member in range(len(run.configs)):
                if (name, member) not in self._tried | run.probe_results.keys():
                    return self._begin(run, name, member, chosen)

    def _begin(self, run: Run, name: str, member: int, chosen: Mapping[str, Any]) -> None:
        assert run.preset
        if not self._cards[name].computation:  # what the reader asked for comes first
            self._tried.add((name, member))
            self._going = (name, member), self._cards[name].serve(run, run.preset.steps, member, chosen)


def _long_enough(run: Run) -> bool:
    return bool(run.preset and run.preset.probes and len(run) and run.steps[-1] >= run.preset.steps)
