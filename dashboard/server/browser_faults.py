"""Errors of Panel's own widgets about what a page sent: a line in the log, and no traceback.

Panel takes values and messages of a page at their word: one that no widget sends fails somewhere within Panel, after
the message was answered. A fault of ours fails as before.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from panel.config import config

log = logging.getLogger(__name__)

OURS = tuple(str(Path(__file__).parents[2] / name) for name in ("dashboard", "engines", "dynascope"))
"""Folders of our code."""


def install() -> None:
    """Have it so in this process."""
    config.exception_handler = _handle
    logging.getLogger("panel.reactive").addFilter(BROWSER_FAULTS)


def is_ours(error: BaseException) -> bool:
    """Whether any code of ours had a part in an error."""
    return any(frame.filename.startswith(OURS) for frame in traceback.extract_tb(error.__traceback__))


class BrowserFaultFilter(logging.Filter):
    """Leaves out tracebacks of what Panel alone could not use: `_handle` says it in a line."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is about anything else."""
        error = record.exc_info[1] if record.exc_info else None
        return error is None or is_ours(error)


BROWSER_FAULTS = BrowserFaultFilter()
"""The filter of this process."""


def _handle(error: BaseException) -> None:
    """Handle what went wrong while something was done for a page."""
    if is_ours(error):
        raise error
    log.warning("what a page sent could not be used (%s)", type(error).__name__)
