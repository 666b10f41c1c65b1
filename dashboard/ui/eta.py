"""Estimates how long a run still takes, from what has happened lately."""

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
"""Seconds below which the remaining time is not worth saying."""

UNITS = ((90.0, 1.0, "s"), (5400.0, 60.0, "min"), (172_800.0, 3600.0, "h"), (float("inf"), 86_400.0, "days"))
"""Up to so many seconds, in units of so many, called so."""


class RemainingTime:
    """Estimates from the last seconds of one run after another; a pause, another run or another speed begins afresh."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int, int]] = deque()
        self._subject: tuple[Run, float | None] | None = None

    def text(self, run: Run, status: Status, speed: float | None) -> str:
        """Say how long it takes to the horizon; "" where that is unknown or very soon."""
        if (run, speed) != self._subject or not status.playing:
            self._samples.clear()
        self._subject = run, speed
        now = self._clock()
        self._samples.append((now, status.step, len(run)))
        while len(self._samples) > 2 and now - self._samples[0][0] > MEMORY:
            self._samples.popleft()
        then, step, rows = self._samples[0]
        if now - then < 1 or status.step <= step:
            return ""
        pace = (status.step - step) / (now - then), (len(run) - rows) / (now - then)
        return duration(_seconds(run, status, speed, *pace))


def _seconds(run: Run, status: Status, speed: float | None, steps_lately: float, frames_lately: float) -> float:
    """Estimate the seconds to the horizon. With a speed frames set the pace, unless their steps take longer."""
    left = status.horizon - status.step
    if not speed or not frames_lately:
        return left / steps_lately
    return max(frames_ahead(run, status) / min(speed, frames_lately), left / max(status.rate, steps_lately))


def frames_ahead(run: Run, status: Status) -> float:
    """Count the frames between here and the horizon, about: one of both schedules counts twice."""
    events = run.recording.events
    origin = events[-1].step if events else 0
    both = Schedule(origin), Schedule(origin, THIN.dense, THIN.per_decade)
    return max(0.0, sum(each.count(status.horizon) - each.count(status.step) for each in both))


def duration(seconds: float) -> str:
    """Write a duration as people say it; "" where it is very short.

    >>> duration(1.2), duration(12.4), duration(23), duration(200), duration(8000)
    ('', 'about 12 s left', 'about 25 s left', 'about 3 min left', 'about 2 h left')
    """
    if seconds < SOON:
        return ""
    _, unit, name = next(entry for entry in UNITS if seconds <= entry[0])
    count = round(seconds / unit)
    return f"about {5 * round(count / 5) if count > 20 else count} {name} left"
