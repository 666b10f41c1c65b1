"""Headers and cookies of every answer: what a browser may do with a page, and whom it sends a cookie back to."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from bokeh.server.tornado import BokehTornado
from panel.io.server import DocHandler
from tornado.web import RequestHandler

from dashboard.server import visitors

FRAMES: list[str] = []
"""Origins whose pages may show ours in a frame; a page of ours always may."""

SCRIPTS = "script-src 'self' blob: 'unsafe-eval' 'nonce-{nonce}'"
"""Scripts come from this server, and from the text of components (`blob:`); Bokeh makes functions of text (`eval`).
Attributes such as `onerror`, and scripts that got into a page as text, do not run."""

POLICY = (
    "default-src 'self'; {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob: {socket}; "
    "worker-src 'self' blob:; frame-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'{frames}"
)

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Headers that do not depend on what is asked for."""

A_YEAR = "max-age=31536000"


def allow_frames(origins: Sequence[str]) -> None:
    """Let pages of these origins show ours in a frame."""
    FRAMES[:] = origins


def headers(handler: RequestHandler, nonce: str) -> dict[str, str]:
    """Make the headers of one answer."""
    host, secure = handler.request.host, handler.request.protocol == "https"
    frames = "".join(f" {origin}" for origin in FRAMES)
    policy = POLICY.format(
        scripts=SCRIPTS.format(nonce=nonce), socket=f"{'wss' if secure else 'ws'}://{host}", frames=frames
    )
    made = ALWAYS | {"Content-Security-Policy": policy}
    if not FRAMES:
        made["X-Frame-Options"] = "SAMEORIGIN"
    if secure:
        made["Strict-Transport-Security"] = A_YEAR
    return made


def install() -> None:
    """Put the headers on all answers of servers of pages in this process; other servers stay as they are."""
    if hasattr(RequestHandler, "_flush_plain"):
        return
    RequestHandler._flush_plain = RequestHandler.flush  # type: ignore[attr-defined]
    RequestHandler._set_cookie_plain = RequestHandler.set_cookie  # type: ignore[attr-defined]
    RequestHandler.flush = _flush  # type: ignore[method-assign]
    RequestHandler.set_cookie = _set_cookie  # type: ignore[method-assign]


def _flush(handler: RequestHandler, include_footers: bool = False) -> Any:
    if isinstance(handler.application, BokehTornado) and not handler._headers_written:
        nonce = secrets.token_urlsafe(16)
        for name, value in headers(handler, nonce).items():
            handler.set_header(name, value)
        handler.clear_header("Server")
        visitors.remember(handler)
        if isinstance(handler, DocHandler):
            handler._write_buffer = [_signed(b"".join(handler._write_buffer), nonce)]
            if "Content-Length" in handler._headers:
                handler.set_header("Content-Length", sum(map(len, handler._write_buffer)))
    return handler._flush_plain(include_footers)  # type: ignore[attr-defined]


def _signed(page: bytes, nonce: str) -> bytes:
    """Give the scripts of a page that Panel wrote the word without which none runs. No visitor's text is in it."""
    return page.replace(b"<script", f'<script nonce="{nonce}"'.encode())


def _set_cookie(handler: RequestHandler, name: str, value: str | bytes, *given: Any, **options: Any) -> None:
    if isinstance(handler.application, BokehTornado):
        options = {"samesite": "Lax", "secure": handler.request.protocol == "https", "httponly": True} | options
    handler._set_cookie_plain(name, value, *given, **options)  # type: ignore[attr-defined]
