"""Visitors: the cookie by which one is known again, places for so many, and a queue for the others."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from bokeh.server.tornado import BokehTornado
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from dashboard.runs.library import VISITOR

FORGOTTEN = 20.0
"""Seconds after which somebody who does not ask any more has left the queue."""

AGAIN = 4
"""Seconds after which a waiting page asks again."""

A_YEAR = 365

PAGE = (
    "<!doctype html><html lang='en'><meta charset='utf-8'><title>Dynascope: please wait</title>"
    "<meta http-equiv='refresh' content='{again}'><meta name='viewport' content='width=device-width'>"
    "<body style='font: 16px/1.5 system-ui, sans-serif; margin: 12vh auto; max-width: 34rem; padding: 0 1rem'>"
    "<main><h1>All {places} places are taken.</h1><p role='status'>You are number {position} in the queue. "
    "This page opens by itself as soon as it is your turn; keep it open.</p></main></html>"
)


class Queue:
    """Visitors in the order in which they came, as long as they go on asking."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.places = 0
        """Pages that may be open at a time; 0: as many as there are."""
        self._clock = clock
        self._seen: dict[str, float] = {}

    def position(self, visitor: str, taken: int) -> int:
        """Return a visitor's place in the queue from 1 on; 0 where there is room, and the queue is left."""
        now = self._clock()
        self._seen = {who: last_visit for who, last_visit in self._seen.items() if now - last_visit < FORGOTTEN}
        self._seen[visitor] = now
        ahead = list(self._seen).index(visitor)
        free = self.places - taken
        if not self.places or ahead < free:
            del self._seen[visitor]
            return 0
        return ahead + 1 - max(free, 0)


QUEUE = Queue()
"""The queue of this process."""


class QueueHandler(RequestHandler):
    """Says how long the queue is, and asks again."""

    def initialize(self, position: int) -> None:
        """Name the place in the queue."""
        self._position = position

    def prepare(self) -> None:
        """Answer any HTTP method with the place in the queue."""
        self.set_status(503)
        self.set_header("Retry-After", str(AGAIN))
        self.set_header("Cache-Control", "no-store")
        self.finish(PAGE.format(again=AGAIN, places=QUEUE.places, position=self._position))


def name_of(request: HTTPServerRequest) -> str:
    """Return the visitor's cookie; "" for a new one."""
    cookie = request.cookies.get(VISITOR)
    return cookie.value if cookie and len(cookie.value) <= 64 else ""


def introduce(request: HTTPServerRequest) -> str:
    """Give a new visitor a cookie, as if it had been sent already; returns it."""
    name = secrets.token_urlsafe(24)
    request.cookies[VISITOR] = name  # type: ignore[assignment]
    request.new_visitor = name  # type: ignore[attr-defined]
    return name


def remember(handler: RequestHandler) -> None:
    """Send a new visitor's cookie along with the answer."""
    name = getattr(handler.request, "new_visitor", "")
    if name:
        handler.set_cookie(VISITOR, name, expires_days=A_YEAR, path="/")


def sessions(server: BokehTornado) -> int:
    """Count the pages that are open."""
    contexts = server._applications
    return sum(len(list(context.sessions)) for context in contexts.values())
