import numpy as np
import pytest

from dashboard.figures.tables import ROWS
from dashboard.probes.picture import Illustration
from dashboard.probes.pictures.numbers import numbers
from engines.core.protocol.probe_figures import Heat, Lines, Relief, Trace
from tests.browser.shown import GRAPH, NEURONS, RELIEF, graph, neurons, relief

LINES = Lines(x_label="time", traces=(Trace(x="t", y="loss", label="loss"), Trace(x="t", y="law", label="law")))


def test_traces_over_one_axis_share_a_table_and_others_have_their_own():
    values = {"t": [0.0, 1.0], "loss": [4.0, 2.0], "law": [3.0, np.nan], "s": [7.0], "late": [8.0]}
    (only,) = numbers(LINES, values)
    assert only == (["time", "loss", "law"], [["0", "4", "3"], ["1", "2", "–"]], "")
    more = Lines(traces=(*LINES.traces, Trace(x="s", y="late", label="late")))
    assert numbers(more, values)[1] == (["s", "late"], [["7", "8"]], "")


@pytest.mark.parametrize("kind", [Heat, Relief])
def test_a_plane_has_its_coordinates_at_its_sides(kind):
    declared = kind(values="z", x="x", y="y", x_label="along")
    (only,) = numbers(declared, {"z": [[1.0, 2.0], [3.0, 4.0]], "x": [5.0, 6.0], "y": [7.0, 8.0]})
    assert only == (["y \\ along", "5", "6"], [["7", "1", "2"], ["8", "3", "4"]], "")


def test_edges_are_told_by_the_names_of_what_they_join_the_heaviest_first():
    values = {"layer": [0, 1, 1], "name": ["a", "b", "c"], "group": [0, 0, 0]}
    (only,) = numbers(GRAPH, values | {"source": [0, 0], "target": [1, 2], "weight": [0.1, 0.5]})
    assert only == (["from", "to", "interaction"], [["a", "c", "0.5"], ["a", "b", "0.1"]], "")
    (many,) = numbers(GRAPH, graph())
    assert len(many.rows) == ROWS and many.note.startswith(f"the heaviest {ROWS} of ")
    assert many.rows[0] == ["0.0", "1.0", "0.75"]


def test_ways_out_of_a_network_are_rows():
    values = neurons()
    (only,) = numbers(NEURONS, values)
    assert only.rows[0][0] == values["way"][0] and len(only.rows[0]) == 11
    assert only.heads[1] == "along the way, at 0" and only.heads[-1] == "in a random direction, at 3"
    assert float(only.rows[0][-1]) == pytest.approx(values["beside"][0, -1], rel=1e-3)


@pytest.mark.parametrize(
    ("declared", "values", "printable"),
    [(GRAPH, graph(), True), (NEURONS, neurons(), True), (RELIEF, relief(), False)],
    ids=["graph", "neurons", "relief"],
)
def test_a_picture_shows_its_table_when_asked_and_offers_to_print_what_a_browser_can(declared, values, printable):
    made = Illustration(declared, "a_1")
    made.show(values)
    assert made._caption.shown["printable"] is printable
    assert made._table.object == "" and not made._table.visible
    made._caption._handle_msg({"toggle": "table", "on": True})
    assert made._table.visible and made._table.object.count("<table>") == 1
    assert made._caption.shown["toggles"][0]["on"]
    made._caption._handle_msg({"toggle": "table", "on": False})
    assert not made._table.visible
