import numpy as np
import pytest

from dashboard.figures.tables import ROWS
from dashboard.probes.pictures.heatmap import HeatPicture
from dashboard.probes.pictures.lines import LinesPicture
from dashboard.probes.pictures.picture_kinds import arrays, draw, ready, tables
from engines.core.protocol.probe_figures import Graph, Heat, Lines, Neurons, Relief, Trace
from tests.browser import shown

LINES = Lines(traces=(Trace(x="t", y="loss", label="loss"), Trace(x="t", y="law", label="law", style="theory")))
GRAPH = Graph(title="g", layer="l", name="n", group="c", source="s", target="t", weight="w", label="said")
NEURONS = Neurons(
    layer="l",
    name="n",
    kind="k",
    kinds=("live",),
    path_name="w",
    path_neuron="o",
    distance="a",
    loss="h",
    reference_loss="b",
    label="said",
)
RELIEF = Relief(values="h", x="a", y="b", x_label="said", path=("p", "q", "r", "s"))


@pytest.mark.parametrize(
    ("declared", "names"),
    [(LINES, {"t", "loss", "law"}), (GRAPH, set("lncstw")), (NEURONS, set("lnkwoahb")), (RELIEF, set("habpqrs"))],
)
def test_the_arrays_of_each_kind_are_read_off_its_declaration(declared, names):
    assert arrays(declared) == names
    assert ready(declared, dict.fromkeys(names, 0)) == declared


def test_a_trace_or_a_way_that_is_not_known_yet_is_left_out():
    assert ready(LINES, {"t": 0, "loss": 0}).traces == LINES.traces[:1]
    assert ready(LINES, {"t": 0}) is None
    assert ready(RELIEF, dict.fromkeys("habpq")).path == ()
    assert ready(RELIEF, dict.fromkeys("abpqrs")) is None


def test_each_kind_is_drawn_by_its_class():
    assert isinstance(draw(LINES, {"t": [0, 1], "loss": [1, 2], "law": [1, 2]}), LinesPicture)
    heat = Heat(values="h", x="a", y="b")
    assert isinstance(draw(heat, {"h": np.ones((1, 1)), "a": [0], "b": [0]}), HeatPicture)


TWO_TRACES = Lines(x_label="time", traces=(Trace(x="t", y="loss", label="loss"), Trace(x="t", y="law", label="law")))


def test_traces_over_one_axis_share_a_table_and_others_have_their_own():
    values = {"t": [0.0, 1.0], "loss": [4.0, 2.0], "law": [3.0, np.nan], "s": [7.0], "late": [8.0]}
    (only,) = tables(TWO_TRACES, values)
    assert only == (["time", "loss", "law"], [["0", "4", "3"], ["1", "2", "–"]], "")
    more = Lines(traces=(*TWO_TRACES.traces, Trace(x="s", y="late", label="late")))
    assert tables(more, values)[1] == (["s", "late"], [["7", "8"]], "")


@pytest.mark.parametrize("kind", [Heat, Relief])
def test_a_plane_has_its_coordinates_at_its_sides(kind):
    declared = kind(values="z", x="x", y="y", x_label="along")
    (only,) = tables(declared, {"z": [[1.0, 2.0], [3.0, 4.0]], "x": [5.0, 6.0], "y": [7.0, 8.0]})
    assert only == (["y \\ along", "5", "6"], [["7", "1", "2"], ["8", "3", "4"]], "")


def test_edges_are_told_by_the_names_of_what_they_join_the_heaviest_first():
    values = {"layer": [0, 1, 1], "name": ["a", "b", "c"], "group": [0, 0, 0]}
    (only,) = tables(shown.GRAPH, values | {"source": [0, 0], "target": [1, 2], "weight": [0.1, 0.5]})
    assert only == (["from", "to", "interaction"], [["a", "c", "0.5"], ["a", "b", "0.1"]], "")
    (many,) = tables(shown.GRAPH, shown.graph())
    assert len(many.rows) == ROWS and many.note.startswith(f"the heaviest {ROWS} of ")
    assert many.rows[0] == ["0.0", "1.0", "0.75"]


def test_ways_out_of_a_network_are_rows():
    values = shown.neurons()
    (only,) = tables(shown.NEURONS, values)
    assert only.rows[0][0] == values["way"][0] and len(only.rows[0]) == 11
    assert only.heads[1] == "along the way, at 0" and only.heads[-1] == "in a random direction, at 3"
    assert float(only.rows[0][-1]) == pytest.approx(values["beside"][0, -1], rel=1e-3)
