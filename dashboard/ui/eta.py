"""How long a run still takes: an estimate from what has happened lately."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from engines.core.data.schedule import THIN, Schedule

if TYPE_CHECKING:
    from engines.core.live.runner import Status
    from engines.core.runs.run import Run

MEMORY = 5.0
"""Seconds that count as lately."""

SOON = 2.0
"""Less than this is not worth saying."""

UNITS = ((90.0, 1.0, "s"), (5400.0, 60.0, "min"), (172_800.0, 3600.0, "h"), (float("inf"), 86_400.0, "days"))
"""Up to so many seconds, in units of so many, called so."""


class Remaining:
    """Watches one run after another; `text` forgets what was before a pause, another run or another speed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int, int]] = deque()
        self._subject: tuple[Run, float | None] | None = None

    def text(self, run: Run, status: Status, speed: float | None) -> str:
        """About how long it takes to the horizon; "" where that is unknown or very soon."""
        if (run, speed) != self._subject or not status.playing:
            self._seen.clear()
        self._subject = run, speed
        now = self._clock()
        self._seen.append((now, status.step, len(run)))
        while len(self._seen) > 2 and now - self._seen[0][0] > MEMORY:
            self._seen.popleft()
        then, step, rows = self._seen[0]
        if now - then < 1 or status.step <= step:
            return ""
        pace = (status.step - step) / (now - then), (len(run) - rows) / (now - then)
        return said(_seconds(run, status, speed, *pace))


def _seconds(run: Run, status: Status, speed: float | None, steps_lately: float, frames_lately: float) -> float:
    """With a speed, frames set the pace, unless computing the steps of the last of them takes longer."""
    left = status.horizon - status.step
    if not speed or not frames_lately:
        return left / steps_lately
    return max(ahead(run, status) / min(speed, frames_lately), left / max(status.rate, steps_lately))


def ahead(run: Run, status: Status) -> float:
    """About how many frames lie between here and the horizon."""
    events = run.recording.events
    origin = events[-1].step if events else 0
    both = Schedule(origin), Schedule(origin, THIN.dense, THIN.per_decade)
    return max(0.0, sum(each.count(status.horizon) - each.count(status.step) for each in both))


def said(seconds: float) -> str:
    """A duration as people say it.

    >>> said(1.2), said(12.4), said(23), said(200), said(8000)
    ('', 'about 12 s left', 'about 25 s left', 'about 3 min left', 'about 2 h left')
    """
    if seconds < SOON:
        return ""
    _, unit, name = next(entry for entry in UNITS if seconds <= entry[0])
    count = round(seconds / unit)
    return f"about {5 * round(count / 5) if count > 20 else count} {name} left"
