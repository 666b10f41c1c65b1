"""Errors of Panel's own widgets about what a page sent: a line in the log, and no traceback.

Panel takes values and messages of a page at their word: one that no widget sends fails somewhere within Panel, after
the message was answered. A fault in anybody's code, ours or that of another page of this process, fails as before.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable

from panel.config import config

log = logging.getLogger(__name__)

WIDGETS = {"bokeh", "numpy", "pandas", "panel", "panel_material_ui", "param", "pyviz_comms", "tornado"}
"""Packages that read what a page sends before anybody's callback is called."""


def install() -> None:
    """Log errors of widgets about what a page sent as one line, in this process; pass all others on as before."""
    before = config.exception_handler
    if not isinstance(before, ErrorHandler):
        config.exception_handler = ErrorHandler(before)
    logging.getLogger("panel.reactive").addFilter(TRACEBACK_FILTER)


def is_browser_fault(error: BaseException) -> bool:
    """Whether only widgets and the standard library had a part in an error: no callback was called."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    packages = {str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame in frames}
    return bool(packages & WIDGETS) and packages <= WIDGETS | sys.stdlib_module_names


class TracebackFilter(logging.Filter):
    """Leaves out tracebacks of what a page sent, of which `ErrorHandler` logs a line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is kept: all but tracebacks of errors that a page caused."""
        error = record.exc_info[1] if record.exc_info else None
        return error is None or not is_browser_fault(error)


TRACEBACK_FILTER = TracebackFilter()
"""The filter of this process."""


class ErrorHandler:
    """Logs a line about what a page sent; other errors go to the handler that was there, or are raised."""

    def __init__(self, others: Callable[[BaseException], object] | None) -> None:
        self._others = others

    def __call__(self, error: BaseException) -> None:
        """Handle what went wrong while something was done for a page."""
        if is_browser_fault(error):
            log.warning("what a page sent could not be used (%s)", type(error).__name__)
        elif self._others:
            self._others(error)
        else:
            raise error
