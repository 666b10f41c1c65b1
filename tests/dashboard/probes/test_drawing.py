import numpy as np
import pytest

from dashboard.probes.pictures import drawing
from dashboard.probes.pictures.drawing import arrays, draw, ready
from dashboard.probes.pictures.lines import LinesPicture
from engines.core.protocol.probe_figures import Graph, Heat, Lines, Neurons, Relief, Trace

LINES = Lines(traces=(Trace(x="t", y="loss", label="loss"), Trace(x="t", y="law", label="law", style="theory")))
GRAPH = Graph(title="g", layer="l", name="n", group="c", source="s", target="t", weight="w", label="said")
NEURONS = Neurons(
    layer="l", name="n", kind="k", kinds=("live",), way="w", owner="o", along="a", height="h", beside="b", label="said"
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


def test_each_kind_is_drawn_by_its_class_and_one_without_a_class_is_not(monkeypatch):
    assert isinstance(draw(LINES, {"t": [0, 1], "loss": [1, 2], "law": [1, 2]}), LinesPicture)
    monkeypatch.setitem(drawing.KINDS, Heat, ("nowhere", "HeatPicture"))
    assert draw(Heat(values="h", x="a", y="b"), {"h": np.ones((1, 1)), "a": [0], "b": [0]}) is None
