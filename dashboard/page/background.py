"""A lab is made and drawn for the first time beside the event loop, which answers other visitors meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

import panel as pn

if TYPE_CHECKING:
    from dashboard.page.lab import Lab

Made = TypeVar("Made")

MAKER = ThreadPoolExecutor(1, "pages")
"""The thread in which labs are made and drawn for the first time."""

FIRST_FRAME = 2.0
"""Seconds for which a page waits for the first frame of its run, so that it comes with figures."""


async def beside(act: Callable[[], Made]) -> Made:
    """Have something made beside the event loop, one thing at a time."""
    return await asyncio.get_running_loop().run_in_executor(MAKER, copy_context().run, act)


async def draw_first_frame(lab: Lab) -> None:
    """Draw the first frame before the page has the lab, where it comes soon: its figures are made beside, too."""
    end = time.monotonic() + FIRST_FRAME
    while not lab.refresh.ready_to_draw and time.monotonic() < end:
        await asyncio.sleep(0.02)
    await beside(lab.refresh.draw_beside)


@contextmanager
def session_held() -> Iterator[None]:
    """Have the session of the current document not end: that empties all models, also those in another's hands."""
    context: Any = pn.state.curdoc and pn.state.curdoc.session_context
    session = context.session if context else None
    if session is None:  # in a notebook
        yield
        return
    session.block_expiration()
    try:
        yield
    finally:
        session.unblock_expiration()


def make_models(holder: pn.Column, lab: Lab) -> None:
    """Make what Bokeh shows of a lab; it is not on the page before the lab is in its holder, which finds it made."""
    for ref, (model, _) in list(holder._models.items()):
        if ref in pn.state._views:
            _, root, document, comm = pn.state._views[ref]
            shown: Any = pn.panel(lab)
            shown._get_model(document, root, model, comm)
