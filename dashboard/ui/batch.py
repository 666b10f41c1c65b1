"""Batches: changes that reach the page in one message, in a browser and in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import panel as pn
from bokeh.models import ImportedStyleSheet
from panel.io import hold
from panel.io.notebook import patch_inline_stylesheets, push


@contextmanager
def batch() -> Iterator[None]:
    """Hold all changes of the current document, and send them at the end in one message.

    The page of a server hears of its document by itself; to one in a notebook the changes have to be sent.
    """
    document: Any = pn.state.curdoc
    comm = next((view[3] for view in list(pn.state._views.values()) if view[2] is document), None)
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
    """Write style sheets into the models that name some: a notebook has no server that could be asked for them."""
    for model in document.models:
        if any(isinstance(sheet, ImportedStyleSheet) for sheet in getattr(model, "stylesheets", ())):
            patch_inline_stylesheets(model)
