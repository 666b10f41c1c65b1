"""Changes that reach the page together, in whatever home it lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import panel as pn
from panel.io import hold
from panel.io.notebook import patch_inline_stylesheets, push

_seen: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""The models of each notebook's document that carry their style sheets already."""


@contextmanager
def batch() -> Iterator[None]:
    """Hold all changes of the current document, and send them at the end in one message.

    The page of a server hears of its document by itself; to one in a notebook the changes have to be sent.
    """
    document = pn.state.curdoc
    comm = next((view[3] for view in pn.state._views.values() if view[2] is document), None)
    if comm is None:
        with hold(document):
            yield
        return
    outer, pn.state._hold = pn.state._hold, True  # otherwise Panel sends each change at once
    try:
        yield
    finally:
        pn.state._hold = outer
        if not outer:
            _carry_styles(document)
            push(document, comm)


def _carry_styles(document: Any) -> None:
    """Write style sheets into models whose are new: a notebook has no server that could be asked for them."""
    seen = _seen.setdefault(document, set())
    fresh = [model for model in document.models if model.id not in seen]
    changed = [event.model for event in document.callbacks._held_events if getattr(event, "attr", "") == "stylesheets"]
    for model in fresh + changed:
        if hasattr(model, "stylesheets"):
            patch_inline_stylesheets(model)
    seen.update(model.id for model in fresh)
