"""The schedule of observed steps: a function of the step number alone, never of the clock or the chunk size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Every step up to `dense` after `origin`, then about `per_decade` steps a decade.

    The k-th late step is `round(dense * 10**(k / per_decade))`; a run of 10**9 steps is about 1,500 frames.
    """

    origin: int = 0
    dense: int = 100
    per_decade: int = 200

    def next(self, step: int) -> int:
        """Return the smallest scheduled step after `step`.

        >>> Schedule().next(0), Schedule().next(100), Schedule().next(1000)
        (1, 101, 1012)
        """
        since = step - self.origin
        if since < self.dense:
            return step + 1
        return self.origin + next(late for late in self._late(since) if late > since)

    def count(self, step: int) -> float:
        """Estimate how many steps after the origin are observed up to `step`.

        >>> Schedule().count(50), Schedule().count(10_000)
        (50, 500.0)
        """
        since = max(0, step - self.origin)
        return since if since <= self.dense else self.dense + self.per_decade * math.log10(since / self.dense)

    def __contains__(self, step: int) -> bool:
        return step <= self.origin or self.next(step - 1) == step

    @property
    def thin(self) -> Schedule:
        """The schedule of thin channels and checkpoints that begins where this does."""
        return Schedule(self.origin, THIN.dense, THIN.per_decade)

    def steps(self, stop: int) -> list[int]:
        """List all scheduled steps from the origin to `stop`, which is itself included."""
        scheduled = [self.origin]
        while scheduled[-1] < stop:
            scheduled.append(min(self.next(scheduled[-1]), stop))
        return scheduled

    def _late(self, since: int) -> Iterator[int]:
        # Float error in the index is harmless: the search starts two places early.
        index = max(0, int(self.per_decade * math.log10(since / self.dense)) - 1)
        while True:
            yield round(self.dense * 10 ** (index / self.per_decade))
            index += 1


THIN = Schedule(dense=8, per_decade=24)
"""The schedule of snapshots and checkpoints."""
