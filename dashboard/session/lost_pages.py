"""Keeps what a page had open that lost its connection: for a while, until it comes back with its ticket."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from dashboard.session.start import Start

KEPT_FOR = 90.0
"""Seconds for which a page can come back."""

MOST = 64
"""Pages of which something is kept; of more the first that were lost are given up."""


class _Lost(NamedTuple):
    owner: str
    open: Start
    until: float


class LostPages:
    """Pages by their tickets, which nobody can guess: a ticket is for one page of its owner, once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pages: dict[str, tuple[str, Callable[[], Start]]] = {}
        """Owners of pages that are there, and what takes off the page what it has open."""
        self._lost: dict[str, _Lost] = {}
        """In the order in which they were lost."""

    def __len__(self) -> int:
        """Count the pages of which something is kept, and those that are there."""
        return len(self._pages) + len(self._lost)

    def enter(self, owner: str, leave: Callable[[], Start], ticket: str = "") -> str:
        """Enter a page; returns its ticket. One that came back keeps its `ticket` until it has been shown."""
        ticket = ticket or secrets.token_urlsafe()
        self._pages[ticket] = owner, leave
        return ticket

    def leave(self, ticket: str) -> bool:
        """Keep what a page had open that lost its connection; returns whether it was entered."""
        if ticket in self._pages:
            owner, leave = self._pages.pop(ticket)
            self._lost[ticket] = _Lost(owner, leave(), self._clock() + KEPT_FOR)
        return self.holds(ticket)

    def forget(self, ticket: str) -> None:
        """Take a page out: its reader has closed it, or it has another ticket now."""
        self._pages.pop(ticket, None)

    def holds(self, ticket: str) -> bool:
        """Whether a page can come back with this ticket."""
        self.expire()
        return ticket in self._pages or ticket in self._lost

    def adopt(self, ticket: str, owner: str) -> Start | None:
        """Give what was open to the page that comes back; None where it is not kept, or another visitor's.

        The server may not have noticed yet that the connection to the page before was lost.
        """
        if ticket in self._pages and self._pages[ticket][0] == owner:
            return self._pages.pop(ticket)[1]()
        self.expire()
        lost = self._lost.get(ticket)
        return self._lost.pop(ticket).open if lost and lost.owner == owner else None

    def expire(self) -> None:
        """Give up what is kept for too long, or beyond `MOST`."""
        now = self._clock()
        for ticket, page in list(self._lost.items()):
            if page.until <= now or len(self._lost) > MOST:
                del self._lost[ticket]
                assert page.open.session
                page.open.session.close()


LOST_PAGES = LostPages()
"""The pages of this process."""
