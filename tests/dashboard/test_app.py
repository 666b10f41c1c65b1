import asyncio
import logging

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.server.views.ws import WSHandler
from panel.io.state import set_curdoc
from tornado.websocket import WebSocketClosedError

from dashboard.app import home
from dashboard.server.handlers import ClosedTabFilter


@pytest.fixture
def loop():
    """Panel begins an event loop where none runs, and leaves ending it to its caller."""
    yield
    asyncio.get_event_loop().close()
    asyncio.set_event_loop(None)


def test_a_page_is_not_told_of_the_ticks_of_others(loop):
    def told():
        return len(pn.state.param.watchers["busy"]["value"])

    before = told()
    home()
    assert told() == before


def test_a_session_without_a_page_takes_its_style_sheets_from_this_server(loop):
    """A browser that reconnects after its session was given up makes such a session."""
    document = Document()
    with set_curdoc(document):
        home()
    assert document.template_variables["dist_url"].startswith("static/")


class Gone:
    """A message to a tab that was closed."""

    async def send(self, to):
        raise WebSocketClosedError


@pytest.mark.parametrize("heard", [True, False])
def test_an_answer_to_a_closed_tab_is_no_news(caplog, monkeypatch, heard):
    monkeypatch.setattr(logging.getLogger("bokeh"), "propagate", True)  # both are as whoever was first left them
    caplog.set_level(logging.WARNING, "bokeh")
    teller, closed = logging.getLogger("bokeh.server.views.ws"), ClosedTabFilter()
    if not heard:
        teller.addFilter(closed)
    try:
        with pytest.raises(StopIteration):
            WSHandler.send_message(None, Gone()).send(None)
        teller.warning("something else")
    finally:
        teller.removeFilter(closed)
    assert caplog.messages[heard:] == ["something else"]


def test_all_that_a_page_is_made_of_is_there_before_the_first_is_open(fresh_python):
    """Browsers are told twice of a component that came later, and warn of it."""
    found = fresh_python("-c", "import sys, dashboard.app; print('dashboard.page.lesson_panel' in sys.modules)")
    assert found.stdout.strip() == "True"
