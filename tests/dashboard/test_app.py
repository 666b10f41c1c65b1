import panel as pn
from bokeh.document import Document
from panel.io.state import set_curdoc

from dashboard.app import _local, home


def test_a_page_is_not_told_of_the_ticks_of_others():
    def told():
        return len(pn.state.param.watchers["busy"]["value"])

    before = told()
    home()
    assert told() == before


def test_a_session_without_a_page_takes_its_style_sheets_from_this_server():
    """A browser that reconnects after its session was given up makes such a session."""
    document = Document()
    with set_curdoc(document):
        _local()
    assert document.template_variables["dist_url"].startswith("static/")
