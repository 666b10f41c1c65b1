"""Keeps a server to the one window that it was started for."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from bokeh.server.auth_provider import AuthProvider
from tornado.web import RequestHandler

COOKIE = "dynascope"

ENTER = "enter"
"""The address that takes a token."""


class Guard(AuthProvider):
    """Pages and their sockets ask for a cookie, and a cookie is given once, to whoever brings a token first.

    Other programs and users of this machine can reach the port, too: without the cookie they get 403 and a sentence.
    """

    def __init__(self) -> None:
        self._token = ""
        self._secret = secrets.token_urlsafe()

    def invite(self, page: str) -> str:
        """An address that opens the door once and leads to `page`; an earlier invitation is void."""
        self._token = secrets.token_urlsafe()
        return f"/{ENTER}?{urlencode({'token': self._token, 'to': page})}"

    def redeem(self, token: str) -> str:
        """The cookie's value for a token, which is void from then on; "" for any other."""
        if not self._token or not secrets.compare_digest(token.encode(), self._token.encode()):
            return ""
        self._token = ""
        return self._secret

    def _user(self, handler: Any) -> str | None:
        given = handler.get_cookie(COOKIE) or ""
        return "window" if secrets.compare_digest(given.encode(), self._secret.encode()) else None

    @property
    def get_user(self) -> Callable[[Any], str | None]:
        """The window, or nobody."""
        return self._user

    @property
    def get_login_url(self) -> Callable[[Any], str]:
        """Where a request without the cookie is sent."""
        return lambda handler: f"/{ENTER}"

    get_user_async = login_url = logout_url = login_handler = logout_handler = None


class Enter(RequestHandler):
    """Takes a token."""

    def initialize(self, guard: Guard) -> None:
        """Whose token it is."""
        self._guard = guard

    def get(self) -> None:
        """Give the cookie for a token, and go on to the page; else 403."""
        secret = self._guard.redeem(self.get_argument("token", ""))
        if not secret:
            self.set_status(403)
            self.finish("This page belongs to the window of Dynascope that it was started for.")
            return
        self.set_cookie(COOKIE, secret, httponly=True, samesite="Strict")
        self.redirect("/" + self.get_argument("to", "").lstrip("/\\"))
