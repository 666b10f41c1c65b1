"""The connection to the browser: at most two updates are on their way to it, and none while the page is hidden."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import param

from dashboard.ui.component import Component, script, whole
from dashboard.ui.keyboard import KEYS
from engines.core.live.limits import LIMITS

IN_FLIGHT = 2
"""Bokeh has no back-pressure: an overloaded page would fall minutes behind."""

WATCHDOG = 2.0
"""Seconds after which an update without an answer is taken as lost."""

LEASE = 6.0
"""Seconds for which a page has computed what it plays; while it is in sight it says every 1.5 that it is there."""

FIRST_LEASE = 60.0
"""Seconds until a page has to have answered for the first time."""

LOST, LOST_HIDDEN = 20.0, 150.0
"""Seconds of silence after which a page in sight, or a hidden one, is gone: browsers wake those once a minute."""


class Bridge(Component):
    """Counts the updates that the browser has drawn; its side reports visibility, keys and visits, too.

    The browser answers each `tick` after one animation frame.

    It belongs in the page from the start: BokehJS sends a model that came later in full with the first message
    that names it, which fails for components like this one; the answers of a known one keep that from happening.
    """

    tick = param.Integer(0)
    alone = param.Boolean(True, doc="Whether the page is ours; one among others, it leaves the others their keys.")
    keys = param.List([key.name for key in KEYS])
    announcement = param.String("", doc="Read out by screen readers.")
    ticket = param.String("", doc="With this the page comes back to what it has open after it lost its connection.")

    _esm = script("theme", "come_back", "bridge")
    _stylesheets = [
        ":host { position: absolute; width: 0; height: 0; } .unseen { position: absolute; width: 1px; height: 1px; "
        "overflow: hidden; clip-path: inset(50%); white-space: nowrap; }"
    ]

    def __init__(self, clock: Callable[[], float] = time.monotonic, **params: Any) -> None:
        super().__init__(**params)
        self._clock = clock
        self._on_key: Callable[[str, bool], None] = lambda key, big: None
        self._on_hidden: Callable[[bool], None] = lambda hidden: None
        self._on_sign: Callable[[], None] = lambda: None
        self._on_visit: Callable[[dict[str, str]], None] = lambda arguments: None
        self.hidden = self.idle = False
        """Whether the page is out of sight; whether nobody touched it for longer than `LIMITS.idle`."""
        self.answered = False
        """Whether the page has answered yet: what is sent before may arrive in another order."""
        self.brought: str | None = None
        """The ticket of the page that comes back as this one."""
        self.gone = False
        """Whether the reader has closed the page, or left it."""
        self.ack = 0
        self._sent_at = self._heard_at = clock()

    def listen(
        self,
        on_key: Callable[[str, bool], None],
        on_hidden: Callable[[bool], None],
        on_sign: Callable[[], None] = lambda: None,
        on_visit: Callable[[dict[str, str]], None] = lambda arguments: None,
    ) -> None:
        """Call `on_key(name, big)` for keys, `on_hidden(hidden)` and, at each sign of a page in sight, `on_sign()`.

        `on_visit(arguments)` gets those of the address to which *back* or *forward* led.
        """
        self._on_key, self._on_hidden, self._on_sign, self._on_visit = on_key, on_hidden, on_sign, on_visit

    def await_page(self) -> None:
        """Expect another page: nothing is sent before it answers."""
        self.answered, self.ack = False, self.tick

    def lost(self) -> bool:
        """Whether the page was there and is gone, with or without a word."""
        return self.answered and self._clock() - self._heard_at > (LOST_HIDDEN if self.hidden else LOST)

    def ready(self) -> bool:
        """Whether another update may be sent."""
        if self.hidden or not self.answered:
            return False
        waiting = self.tick - self.ack
        return waiting < IN_FLIGHT or self._clock() - self._sent_at > WATCHDOG

    def count_update(self) -> None:
        """Count an update; call it with the update's own changes, so that the answer follows them."""
        if self.tick - self.ack >= IN_FLIGHT:
            self.ack = self.tick  # The answer was lost; start counting afresh.
        self.tick += 1
        self._sent_at = self._clock()

    def copy(self, token: str) -> None:
        """Put a token in the address bar and its link on the clipboard; in a notebook the token on the clipboard."""
        self.send_to_script({"copy": token})

    def write_address(self, token: str, push: bool) -> None:
        """Put a token in the address bar, with `push` as another place in the history of the tab."""
        self.send_to_script({"address": token, "push": push})

    def reload(self) -> None:
        """Have the browser open its address anew."""
        self.send_to_script({"reload": True})

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self.answered, self._heard_at = True, self._clock()
        if "ack" in data:
            self.ack = max(self.ack, min(whole(data, "ack"), self.tick))
        elif "key" in data:
            self._on_key(str(data["key"]), bool(data.get("big")))
        if "idle" in data:
            self.idle = 0 < LIMITS.idle < whole(data, "idle")
        if "hidden" in data and bool(data["hidden"]) != self.hidden:
            self.hidden = bool(data["hidden"])
            self._on_hidden(self.hidden)
        elif isinstance(data.get("visit"), dict):
            self._on_visit({str(name): str(value) for name, value in data["visit"].items()})
        if "ticket" in data:
            self.brought = str(data["ticket"])
        if data.get("gone"):
            self.gone, self._heard_at = True, -math.inf
        elif not (self.hidden or self.idle):
            self._on_sign()
