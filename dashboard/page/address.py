"""Has the address of the page say what is open: it can be reloaded, left and come back to, and opened a second time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dashboard.session.link import LONGEST
from dashboard.ui.bridge import Bridge

PAUSE = 1.0
"""Seconds between two addresses while the reader scrubs: browsers refuse more than some hundred a minute."""


class Address:
    """Writes the token of `token()` into the address where `state()` has become another one.

    A page among others, in a notebook, has no address of its own.
    """

    def __init__(self, bridge: Bridge, state: Callable[[], Any], token: Callable[[], str]) -> None:
        self._bridge, self._state, self._token = bridge, state, token
        self._written: Any = None
        self._written_at = 0.0

    def mark_written(self) -> None:
        """Count what is open now as what the address says."""
        self._written = self._state()

    def rewrite(self) -> None:
        """Write what is open again: an address on its way when the reader went back lands in this place."""
        self._written = None
        self.write()

    def follow(self) -> None:
        """Write what became of the view; call it at each tick."""
        if time.monotonic() - self._written_at > PAUSE:
            self.write()

    def write(self, push: bool = False) -> None:
        """Write what is open over the address before, or with `push` as one that the reader can leave by *back*.

        What is too large for a link leaves the address as it is.
        """
        state = self._state() if self._bridge.alone and self._bridge.answered else self._written
        if state == self._written:
            return
        self._written, self._written_at = state, time.monotonic()
        token = self._token()
        if len(token) <= LONGEST:
            self._bridge.write_address(token, push)
