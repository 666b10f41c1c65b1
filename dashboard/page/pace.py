"""How often pages are drawn: all of them together take no more than a share of the event loop that they answer on."""

from __future__ import annotations

import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

SHARE = 0.4
"""Share of the event loop's time that drawings of all pages may take while runs play."""

PRESENT = 15.0
"""Seconds for which a page that was drawn counts as one that will be drawn again."""


class Pace:
    """Tells each page how long to wait after a drawing: so many times what that took as there are pages."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._drawn: WeakKeyDictionary[object, tuple[float, float]] = WeakKeyDictionary()
        """When a page was drawn last, and until when it waits."""

    def count(self, page: object, seconds: float) -> None:
        """Count a drawing of a page, which took so many seconds."""
        now = self._clock()
        self._drawn[page] = (now, now)
        pages = sum(now - when < PRESENT for when, _ in list(self._drawn.values()))
        self._drawn[page] = (now, now + seconds * (pages / SHARE - 1))

    def waits(self, page: object) -> bool:
        """Whether it is others' turn."""
        return self._clock() < self._drawn.get(page, (0.0, 0.0))[1]


PACE = Pace()
"""The pace of this process."""
