"""What is kept for all pages is what Panel and Bokeh would have worked out for each."""

import json

import pytest
from bokeh.core.has_props import MetaHasProps, _HasProps_to_serializable
from bokeh.core.json_encoder import serialize_json
from bokeh.core.serialization import Serializer
from bokeh.document import Document
from panel.custom import JSComponent
from panel.io.resources import Resources

from dashboard.page.lab import Lab  # noqa: F401  # declares all components of a page
from dashboard.server import worked_out_once
from dashboard.ui.bridge import Bridge

KINDS = ("__css__", "_bundle_css", "__javascript__", "__javascript_modules__")


@pytest.fixture
def installed():
    worked_out_once.install()
    yield
    Resources.extra_resources = worked_out_once._plain_resources
    Serializer._encoders[MetaHasProps] = _HasProps_to_serializable


def told():
    document = Document()
    document.add_root(Bridge().get_root(document))
    found = json.loads(serialize_json(document.to_json()))
    return found["defs"]


def test_the_browser_is_told_of_the_same_types(installed):
    kept, again = told(), told()
    Serializer._encoders[MetaHasProps] = _HasProps_to_serializable
    plain = told()
    assert len(plain) > 50
    assert kept == plain and again == plain


def test_a_page_asks_for_the_same_files_and_for_those_of_what_is_declared_later(installed):
    resources = Resources(mode="server")

    def files(find):
        found = []
        for kind in KINDS:
            find(resources, found, kind)
        return found

    for _ in range(2):
        assert files(Resources.extra_resources) == files(worked_out_once._plain_resources)

    class Later(JSComponent):
        __javascript__ = ["static/extensions/later.js"]
        _esm = "export function render() {}"

    assert "static/extensions/later.js" in files(Resources.extra_resources)
    assert files(Resources.extra_resources) == files(worked_out_once._plain_resources)
