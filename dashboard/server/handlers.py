"""Answers to requests that are no pages: how much is computed, and addresses at which nothing is."""

from __future__ import annotations

import logging
import sys
from html import escape
from typing import Any

from tornado.web import RequestHandler
from tornado.websocket import WebSocketClosedError

from dashboard.session import link
from dashboard.session.lost_pages import LOST_PAGES


def absent(token: str) -> str:
    """Name the package that a link needs and that is not installed, in a sentence; "" where there is none."""
    absent = link.missing(token) if token else ""
    return f"This link cannot be opened: {absent}." if absent else ""


class StatusHandler(RequestHandler):
    """Answers with the number of runs that are being computed, as JSON; for monitoring."""

    def get(self) -> None:
        """Answer without starting a scheduler."""
        scheduler = sys.modules.get("engines.core.live.scheduler")
        self.write({"active": scheduler.shared().active() if scheduler else 0})


class KeptHandler(RequestHandler):
    """Tells a page that lost its connection whether what it had open is there to come back to, as JSON."""

    def get(self) -> None:
        """Answer for the ticket in a header: addresses are written into logs."""
        self.set_header("Cache-Control", "no-store")
        self.write({"kept": LOST_PAGES.holds(self.request.headers.get("Dynascope-Ticket", ""))})


class NotFoundHandler(RequestHandler):
    """Answers for an address that is none of ours: a sentence, and where to go."""

    def prepare(self) -> None:
        """Answer every method alike."""
        from engines import names

        self.set_status(404)
        missing = absent(self.request.query_arguments.get("s", [b""])[0].decode("utf-8", "replace"))
        application: Any = self.application  # Bokeh's own, which knows under which path it is served
        root = application.prefix
        labs = "".join(f"<li><a href='{root}/{name}'>{name.replace('_', ' ')}</a></li>" for name in names())
        why = f"<p>{escape(missing)}</p>" if missing else ""
        self.finish(
            "<!doctype html><html lang='en'><title>Dynascope</title><meta name='viewport' content='width=device-width'>"
            "<body style='font: 16px/1.5 system-ui, sans-serif; margin: 12vh auto; max-width: 34rem; padding: 0 1rem'>"
            f"<main><h1>There is no lab at this address.</h1>{why}<p>These are here:</p><ul>{labs}</ul>"
            f"<p><a href='{root}/'>All labs</a></p></main>"
        )


class ClosedTabFilter(logging.Filter):
    """Leaves out what a closed tab leaves behind: answers to it that could no longer be sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is about anything else."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, WebSocketClosedError) and "connection was closed" not in str(record.msg)


CLOSED_TABS = ClosedTabFilter()
"""The filter of this process."""
