"""Counts the pages that are open; once none is, the memory that they held goes back to the machine."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any

import panel as pn

from dashboard.server.cached_answers import give_memory_back, set_apart_anew

SOON = (1.0, 5.0)
"""Seconds for which no page has to be open: a reader who goes from one to another has none for a moment.

What threads let go of only after the first time is given back the second.
"""

_OPEN: set[str] = set()
"""Names of the sessions of these pages."""


def count_page() -> None:
    """Count the page that is being made as open until its session ends; in a notebook there is none."""
    context: Any = pn.state.curdoc and pn.state.curdoc.session_context
    if context is not None:
        _OPEN.add(context.id)
        pn.state.on_session_destroyed(_closed)


def _closed(context: Any) -> None:
    _OPEN.discard(context.id)
    free_memory_soon()


def free_memory_soon() -> None:
    """Have memory given back in a moment, unless a page is open: it would wait meanwhile."""
    if not _OPEN:
        # In a context of its own: that of a closed page is one of the things to let go of.
        for seconds in SOON:
            asyncio.get_running_loop().call_later(seconds, _free_memory, context=Context())


def _free_memory() -> None:
    if not _OPEN:
        set_apart_anew()
        give_memory_back()
