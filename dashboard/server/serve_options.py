"""The flags of `panel serve` for our own server: Panel's command reads, checks and carries them out."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Sequence
from typing import Any

from panel.command.serve import Serve
from panel.config import config

from dashboard.ui.component import FOLDER
from engines.core.protocol.errors import DynascopeError

HANDLED_BY_PANEL = {
    "basic_auth", "basic_login_template", "auth_template", "logout_template", "login_endpoint", "logout_endpoint",
    "cookie_secret", "cookie_path", "root_path", "num_threads", "oauth_provider", "oauth_key", "oauth_secret",
    "oauth_redirect_uri", "oauth_extra_params", "oauth_jwt_user", "oauth_encryption_key", "oauth_error_template",
    "oauth_expiry_days", "oauth_refresh_tokens", "oauth_guest_endpoints", "oauth_optional",
}  # fmt: skip
"""Flags that Panel's command carries out; those about files, scripts and plugins have no meaning here."""

PASSED = {
    "allow_websocket_origin", "prefix", "use_xheaders", "session_token_expiration", "ssl_certfile",
    "ssl_keyfile", "websocket_max_message_size",
}  # fmt: skip
"""Flags that Bokeh's server takes under their names; more processes than one would not share their compute fairly."""

RENAMED = {
    "keep_alive": "keep_alive_milliseconds",
    "check_unused_sessions": "check_unused_sessions_milliseconds",
    "unused_session_lifetime": "unused_session_lifetime_milliseconds",
    "enable_xsrf_cookies": "xsrf_cookies",
}
"""Flags that Bokeh's server takes under another name, by Panel's name."""


def options(parser: argparse.ArgumentParser, words: Sequence[str]) -> dict[str, Any]:
    """Turn flags of `panel serve` into arguments of `panel.serve`; `parser` ends the program at an unknown one.

    Raises `DynascopeError` where Panel finds that flags do not fit together.
    """
    command = Serve(parser=parser)
    given = parser.parse_args(words)
    flags = HANDLED_BY_PANEL | PASSED | set(RENAMED)
    strange = [word for word in words if word.startswith("--") and _name(word) not in flags] or given.files
    if strange:
        parser.error(f"unrecognized arguments: {' '.join(strange)}")
    if any("*" in origin for origin in given.allow_websocket_origin or []):
        parser.error("--allow-websocket-origin names hosts exactly, without *")
    server = {RENAMED.get(name, name): getattr(given, name) for name in PASSED | set(RENAMED)}
    server = {name: value for name, value in server.items() if value not in (None, False)}
    # Panel's own pages ask its makers' server for a picture.
    given.basic_login_template = given.basic_login_template or str(FOLDER / "login.html")
    given.logout_template = given.logout_template or str(FOLDER / "logout.html")
    if not (given.cookie_secret or config.cookie_secret):
        given.cookie_secret = secrets.token_hex()  # who logged in has to do so again after a new start
    try:
        server = command.customize_kwargs(given, server)
    except (ValueError, ImportError) as error:
        raise DynascopeError(str(error)) from error
    del server["extra_patterns"]  # `panel.serve` adds the same
    return server


def _name(word: str) -> str:
    return word.partition("=")[0][2:].replace("-", "_")
