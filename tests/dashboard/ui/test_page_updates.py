"""Updates to a notebook, as the messages that its page gets."""

from types import SimpleNamespace

import panel as pn
import pytest
from bokeh.document import Document
from panel.io.resources import CDN_DIST
from panel.io.state import set_curdoc

from dashboard.notebook import Cell
from dashboard.ui.page_updates import one_update


@pytest.fixture
def notebook():
    """A function that shows a part in a notebook's page; it returns the document, and what the page gets as text."""
    shown = []

    def show(part, policy="combine"):
        document, messages = Document(), []
        comm = SimpleNamespace(_comm=True, id="comm", send=lambda *text, **_: messages.extend(map(str, text)))
        cell = Cell(part, lambda document: None, lambda: None, 300)
        root = cell.get_root(document, comm)
        document.add_root(root)
        document.hold(policy)
        shown.append((cell, root))
        return document, messages

    yield show
    for cell, root in shown:
        cell._cleanup(root)


@pytest.mark.parametrize("policy", ["combine", "collect"])
def test_a_notebooks_page_is_never_sent_elsewhere_for_a_style_sheet(notebook, policy):
    """However Bokeh holds events: whether a later list takes the place of an earlier one, or both are sent."""
    pane = pn.pane.HTML("old")
    column = pn.Column(pane)
    document, messages = notebook(column, policy)
    with set_curdoc(document), one_update():
        pane.object = "new"
        column.append(pn.pane.HTML("another"))
        column.pop(0)
    assert any("another" in message for message in messages)
    assert not any(CDN_DIST in message for message in messages)


def test_words_that_change_do_not_bring_their_style_sheets_again(notebook):
    pane = pn.pane.HTML("old")
    document, messages = notebook(pn.Column(pane))
    with set_curdoc(document), one_update():
        pane.object = "new"
    assert any("new" in message for message in messages)
    assert not any("stylesheets" in message for message in messages)
