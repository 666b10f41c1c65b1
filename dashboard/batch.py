"""Changes that reach the page together, in whatever home it lives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import panel as pn
from panel.io import hold
from panel.io.notebook import patch_inline_stylesheets

_seen: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""The models of each notebook's document that carry their style sheets already."""


@contextmanager
def batch() -> Iterator[None]:
    """Hold all changes of the current document, and send them at the end in one message.

    The page of a server hears of its document by itself; to one in a notebook the changes have to be sent.
    """
    document = pn.state.curdoc
    comm = next((view[3] for view in pn.state._views.values() if view[2] is document), None)
    with hold(document, comm=comm):
        if comm is None:
            yield
            return
        outer, pn.state._hold = pn.state._hold, True  # otherwise Panel sends each change at once
        try:
            yield
        finally:
            pn.state._hold = outer
            _carry_styles(document)


def _carry_styles(document: Any) -> None:
    """Write style sheets into models that are new: a notebook has no server that could be asked for them."""
    seen = _seen.setdefault(document, set())
    fresh = [model for model in document.models if model.id not in seen]
    for model in fresh:
        if hasattr(model, "stylesheets"):
            patch_inline_stylesheets(model)
    seen.update(model.id for model in fresh)
