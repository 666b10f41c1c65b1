import pytest

from dashboard.probes.result import ProbePicture
from tests.browser.shown import GRAPH, NEURONS, RELIEF, graph, neurons, relief


@pytest.mark.parametrize(
    ("declared", "values", "printable"),
    [(GRAPH, graph(), True), (NEURONS, neurons(), True), (RELIEF, relief(), False)],
    ids=["graph", "neurons", "relief"],
)
def test_a_picture_shows_its_table_when_asked_and_offers_to_print_what_a_browser_can(declared, values, printable):
    made = ProbePicture(declared, "a_1")
    made.show(values)
    assert made.caption.shown["printable"] is printable
    assert made.table.object == "" and not made.table.visible
    made.caption.receive({"toggle": "table", "on": True})
    assert made.table.visible and made.table.object.count("<table>") == 1
    assert made.caption.shown["toggles"][0]["on"]
    made.caption.receive({"toggle": "table", "on": False})
    assert not made.table.visible
