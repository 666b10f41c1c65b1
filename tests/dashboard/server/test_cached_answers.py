"""What is kept for all pages is what Panel and Bokeh would have worked out for each."""

import json
import re
import time
from pathlib import Path

import panel as pn
import pytest
from bokeh.core.has_props import HasProps, MetaHasProps, _HasProps_to_serializable
from bokeh.core.json_encoder import serialize_json
from bokeh.core.property.descriptors import PropertyDescriptor
from bokeh.core.serialization import Serializer
from bokeh.document import Document
from panel.custom import JSComponent
from panel.io.resources import Resources

from dashboard.page.lab import Lab
from dashboard.server import cached_answers
from engines.matrix_sensing.engine import ENGINE

BUFFER = re.compile(r'(?<="type":"bytes","data":{)"id":"p\d+"')
"""The number of an array's bytes: each time a new one."""

KINDS = ("__css__", "_bundle_css", "__javascript__", "__javascript_modules__")

PLAIN_VALUES, PLAIN_RESOURCES = HasProps.query_properties_with_values, Resources.extra_resources
PLAIN_DEFAULT, PLAIN_UNSTABLE = PropertyDescriptor.instance_default, PropertyDescriptor.has_unstable_default
"""As Bokeh and Panel have them."""


@pytest.fixture
def installed():
    cached_answers.install()
    yield
    as_bokeh_does()
    Resources.extra_resources = PLAIN_RESOURCES


def as_bokeh_does():
    HasProps.query_properties_with_values = PLAIN_VALUES
    PropertyDescriptor.instance_default = PLAIN_DEFAULT
    PropertyDescriptor.has_unstable_default = PLAIN_UNSTABLE
    Serializer._encoders[MetaHasProps] = _HasProps_to_serializable


def test_a_page_is_sent_as_bokeh_would_send_it(installed):
    lab = Lab(ENGINE, suspended=True)
    end = time.monotonic() + 60
    while not lab.refresh.ready_to_draw:
        assert time.monotonic() < end
        time.sleep(0.01)
    lab.refresh.draw_beside()
    document = Document()
    document.add_root(pn.panel(lab).get_root(document))

    def sent():
        return BUFFER.sub("", serialize_json(document.to_json()))

    kept, again = sent(), sent()
    as_bokeh_does()
    plain = sent()
    lab.close()
    about = json.loads(plain)
    assert len(about["defs"]) > 30 and plain.count('"Figure"') >= 3
    assert str(Path.cwd()) not in kept
    about = json.loads(plain.replace(json.dumps(str(Path.cwd())), '""'))
    assert json.loads(kept) == about and json.loads(again) == about


def test_a_page_asks_for_the_same_files_and_for_those_of_what_is_declared_later(installed):
    resources = Resources(mode="server")

    def files(find):
        found = []
        for kind in KINDS:
            find(resources, found, kind)
        return found

    for _ in range(2):
        assert files(Resources.extra_resources) == files(PLAIN_RESOURCES)

    class Later(JSComponent):
        __javascript__ = ["static/extensions/later.js"]
        _esm = "export function render() {}"

    assert "static/extensions/later.js" in files(Resources.extra_resources)
    assert files(Resources.extra_resources) == files(PLAIN_RESOURCES)


APART = """
import weakref
from bokeh.document import Document
from dashboard.server.cached_answers import set_apart, set_apart_anew

def page():
    document = Document()
    document.page = document
    return document

first = page()
set_apart()
second, alive = page(), weakref.WeakSet([first])
del first
set_apart_anew()
alive.add(second)
print(len(alive))
del second
set_apart_anew()
print(len(alive))
"""


def test_a_page_that_is_being_made_while_the_program_is_set_apart_anew_is_let_go_later(fresh_python):
    found = fresh_python("-c", APART)
    assert found.stdout.split() == ["1", "0"], found.stderr
