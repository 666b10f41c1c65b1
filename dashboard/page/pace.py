"""How often pages are drawn: all of them together take no more than a share of the event loop that they answer on."""

from __future__ import annotations

import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

SHARE = 0.4
"""Share of the event loop's time that drawings of all pages may take while runs play."""

GONE = 1.0
"""Seconds after the end of its wait after which a page that was not drawn is closed, hidden or paused."""


class Pace:
    """Tells each page how long to wait after a drawing: so many times what that took as there are pages."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: WeakKeyDictionary[object, float] = WeakKeyDictionary()
        """Until when each page waits that was drawn."""

    def count(self, page: object, seconds: float) -> None:
        """Count a drawing of a page, which took so many seconds."""
        now = self._clock()
        others = sum(until > now - GONE for other, until in list(self._until.items()) if other is not page)
        self._until[page] = now + seconds * ((1 + others) / SHARE - 1)

    def is_others_turn(self, page: object) -> bool:
        """Whether it is others' turn."""
        return self._clock() < self._until.get(page, 0.0)


PACE = Pace()
"""The pace of this process."""
