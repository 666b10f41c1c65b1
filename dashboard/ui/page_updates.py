"""Updates: changes that reach the page in one message, in a browser and in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import panel as pn
from bokeh.model import Model
from bokeh.models import ImportedStyleSheet
from panel.io import hold
from panel.io.notebook import push, replace_inline_css


@contextmanager
def one_update() -> Iterator[None]:
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
            write_styles(document, document.models)
            push(document, comm)


def write_styles(document: Any, models: Iterable[Model]) -> None:
    """Write style sheets into the models that name some: a notebook has no server that could be asked for them.

    Panel is told, too: otherwise each change of a pane would name them anew.
    """
    written: Any = pn.state._stylesheets.setdefault(document, {})

    def text(sheet: Any) -> Any:
        if not isinstance(sheet, ImportedStyleSheet):
            return sheet
        if isinstance(written.get(sheet.url, sheet), ImportedStyleSheet):
            written[sheet.url] = replace_inline_css(sheet)
        return written[sheet.url]

    for model in models:
        sheets = getattr(model, "stylesheets", ())
        if any(isinstance(sheet, ImportedStyleSheet) for sheet in sheets):
            model.stylesheets = [text(sheet) for sheet in sheets]  # type: ignore[reportAttributeAccessIssue]
    for name, sheet in list(written.items()):  # Panel's name for it may differ from its address
        written[name] = text(sheet)
