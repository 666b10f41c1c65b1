"""The one thread that owns all scenes: a scene drawn by another thread than the one that made it stays blank."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import panel as pn
from panel.io import hold


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="render")


def ask(work: Callable[[], Any], then: Callable[[Future], None] = lambda done: None) -> None:
    """Have something rendered, and go on with the outcome in the document that asked; without a server, wait."""
    document = pn.state.curdoc
    future = _thread().submit(work)
    if document is None or document.session_context is None:
        future.exception()
        then(future)
        return
    future.add_done_callback(lambda done: document.add_next_tick_callback(partial(_tell, document, then, done)))


def _tell(document: Any, then: Callable[[Future], None], done: Future) -> None:
    with hold(document):
        then(done)


def free(scenes: list[Any]) -> None:
    """Close scenes where they were made, without waiting: whoever collects garbage calls this, maybe that thread."""
    _thread().submit(_close, scenes)


def _close(scenes: list[Any]) -> None:
    while scenes:
        scenes.pop().close()


def failure(error: BaseException) -> str:
    """Why there is no picture, as a sentence."""
    if isinstance(error, ImportError):
        return f"The picture in three dimensions needs pyvista, which cannot be loaded here: {error}."
    return f"The picture in three dimensions cannot be drawn here: {type(error).__name__}: {error}."
