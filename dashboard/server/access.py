"""Keeps a server to the one window that it was started for."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, PathMatches, Rule
from tornado.web import RequestHandler

ENTER = "enter"
"""The address that takes a token."""


class Guard(Matcher):
    """Finds strangers: requests without the cookie, which is given once, to whoever brings a token first.

    Other programs and users of this machine can reach the port, too; whatever they ask for, they get 403.
    """

    def __init__(self) -> None:
        self._token = ""
        self._secret = secrets.token_urlsafe()
        # Browsers send a cookie to every port of a machine: two servers must not take each other's.
        self.cookie = f"dynascope_{secrets.token_hex(4)}"

    def invite(self, page: str) -> str:
        """An address that opens the door once and leads to `page`; an earlier invitation is void."""
        self._token = secrets.token_urlsafe()
        return f"/{ENTER}?{urlencode({'token': self._token, 'to': page})}"

    def redeem(self, token: str) -> str:
        """The cookie's value for a token, which is void from then on; "" for any other."""
        if not self._token or not _same(token, self._token):
            return ""
        self._token = ""
        return self._secret

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """What Tornado asks of a rule: {} for a stranger, None for the window."""
        given = request.cookies.get(self.cookie)
        return None if given and _same(given.value, self._secret) else {}

    def rules(self) -> list[Rule]:
        """Go before all other rules of a server: pages, sockets and files alike are behind them."""
        return [Rule(PathMatches(f"/{ENTER}"), Enter, {"guard": self}), Rule(self, Refused)]


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


class Refused(RequestHandler):
    """Answers a stranger."""

    def prepare(self) -> None:
        """Answer every method alike."""
        self.set_status(403)
        self.finish("This page belongs to the window of Dynascope that it was started for.")


class Enter(Refused):
    """Takes a token: gives the cookie for it and goes on to the page; else 403."""

    def initialize(self, guard: Guard) -> None:
        """Whose token it is."""
        self._guard = guard

    def prepare(self) -> None:
        """Answer every method alike: a token is for one request of any kind."""
        secret = self._guard.redeem(self.get_argument("token", ""))
        if not secret:
            return super().prepare()
        self.set_cookie(self._guard.cookie, secret, httponly=True, samesite="Strict")
        self.redirect("/" + self.get_argument("to", "").lstrip("/\\"))
