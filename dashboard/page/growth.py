"""Growth: a page is put up piece by piece, so that other pages are served between two pieces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import panel as pn
from panel.layout.base import ListLike

DEPTH = 5
"""Layouts inside one another whose parts are pieces of their own; what is inside those comes as a whole."""

PIECE = 0.04
"""Seconds of work after which the others get a turn."""


async def grow(holder: pn.Column, body: Any) -> None:
    """Put a body in place of what a holder holds: first its empty layouts, then their parts from top to bottom."""
    emptied = list(_emptied(body, DEPTH))
    holder[:] = [body]
    while emptied:
        await asyncio.sleep(0)
        _put(emptied)


def _put(emptied: list[tuple[Any, Any]]) -> None:
    """Put the first parts where they belong, as many as fit into a piece."""
    document, end = pn.state.curdoc, time.thread_time() + PIECE
    with document.models.freeze() if document else nullcontext():  # else all models are looked at after each part
        while emptied and time.thread_time() < end:
            layout, part = emptied.pop(0)
            layout.append(part)


def _emptied(layout: Any, depth: int) -> Iterator[tuple[Any, Any]]:
    """Take the parts out of layouts; yields each with the layout that it belongs into, in the order of the page."""
    parts = list(layout)
    inner = [part for part in parts if isinstance(part, ListLike) and depth > 1]
    if len(inner) == len(parts):
        for part in inner:
            yield from _emptied(part, depth - 1)
        return
    layout[:] = []
    for part in parts:
        if part in inner:
            found = list(_emptied(part, depth - 1))
            yield layout, part
            yield from found
        else:
            yield layout, part
