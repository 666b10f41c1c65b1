"""Logins: whoever fails again and again has to wait, twice as long each time."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from panel.auth import BasicLoginHandler
from panel.config import config
from panel.io.state import state
from tornado.escape import url_escape

FREE = 3
"""Attempts that may fail before there is a wait."""

LONGEST = 300.0
"""Seconds that anybody has to wait at most."""

MOST = 10_000
"""Addresses and names that are remembered; the oldest are forgotten."""


class Attempts:
    """Failed logins of each address and of each name, and until when they have to wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: dict[str, tuple[int, float]] = {}

    def wait(self, *keys: str) -> float:
        """Return the seconds that are left to wait; 0 where an attempt is welcome."""
        now = self._clock()
        return max(0.0, *(until - now for _, until in (self._failed.get(key, (0, now)) for key in keys)))

    def fail(self, *keys: str) -> None:
        """Count a failed attempt."""
        for key in keys:
            count = self._failed.pop(key, (0, 0.0))[0] + 1
            pause = min(2.0 ** (count - FREE), LONGEST) if count >= FREE else 0.0
            self._failed[key] = (count, self._clock() + pause)
        while len(self._failed) > MOST:
            del self._failed[next(iter(self._failed))]

    def succeed(self, *keys: str) -> None:
        """Forget earlier failures."""
        for key in keys:
            self._failed.pop(key, None)


ATTEMPTS = Attempts()
"""The failed logins of this process."""


def install() -> None:
    """Slow down failures of the login with a password, and compare in constant time."""
    if not hasattr(BasicLoginHandler, "_post_plain"):
        BasicLoginHandler._post_plain = BasicLoginHandler.post  # type: ignore[attr-defined]
    BasicLoginHandler.prepare = _prepare  # type: ignore[method-assign]
    BasicLoginHandler.post = _post  # type: ignore[method-assign]
    BasicLoginHandler._validate = _validate  # type: ignore[method-assign]


def _prepare(handler: BasicLoginHandler) -> None:
    """Have the form bring the token along for which `--enable-xsrf-cookies` asks: Panel's leaves it out."""
    field = handler.xsrf_form_html() if handler.settings.get("xsrf_cookies") else ""
    template: Any = SimpleNamespace(render=partial(handler._login_template.render, xsrf_field=field))
    handler._login_template = template


def _post(handler: BasicLoginHandler) -> None:
    keys = (f"address {handler.request.remote_ip}", f"name {handler.get_argument('username', '')[:200]}")
    wait = ATTEMPTS.wait(*keys)
    if wait:
        handler.set_status(429)
        handler.set_header("Retry-After", str(int(wait) + 1))
        text = f"Too many attempts: try again in {int(wait) + 1} s."
        handler.finish(handler._login_template.render(login_endpoint=handler._login_endpoint, errormessage=text))
        return
    name, password = handler.get_argument("username", ""), handler.get_argument("password", "")
    if handler._validate(name, password):
        ATTEMPTS.succeed(*keys)
        return handler._post_plain()  # type: ignore[attr-defined]
    ATTEMPTS.fail(*keys)
    handler.redirect(f".{handler._login_endpoint}?error={url_escape('Invalid user name or password')}")


def _validate(handler: BasicLoginHandler, username: str, password: str) -> bool:
    """Check a password against the one of all visitors, or against the file of names and passwords."""
    given: Any = state._server_config.get(handler.application, {}).get("basic_auth", config.basic_auth)
    if isinstance(given, str) and Path(given).is_file():
        given = json.loads(Path(given).read_text(encoding="utf-8"))
    expected = given.get(username) if isinstance(given, dict) else given
    # A name that is not known takes as long as one that is.
    same = secrets.compare_digest(password.encode(), str(expected or secrets.token_hex()).encode())
    return same and expected is not None
