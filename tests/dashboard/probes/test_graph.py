import numpy as np
import pytest

from dashboard.probes.pictures import layers
from dashboard.probes.pictures.graph import MOST_EDGES, MOST_NODES, GraphPicture
from dashboard.ui.palette import GREY
from engines.core.protocol.probe_figures import Graph

DECLARED = Graph(layer="layer", name="name", group="group", source="source", target="target", weight="weight")


def matching(pairs=6, seed=0):
    """Two layers joined one to one by a random permutation: an order without any crossing exists."""
    other = np.random.default_rng(seed).permutation(pairs)
    return {
        "layer": np.repeat([3, 5], pairs), "name": [f"u{i}" for i in range(2 * pairs)],
        "group": np.r_[np.arange(pairs), np.argsort(other)] // 2, "source": np.arange(pairs), "target": pairs + other,
        "weight": 1.0 + np.arange(pairs),
    }  # fmt: skip


def dense(nodes, seed=0):
    """Every node of one layer is joined to every node of the next."""
    half = nodes // 2
    a, b = (each.ravel() for each in np.meshgrid(np.arange(half), half + np.arange(half), indexing="ij"))
    weight = np.random.default_rng(seed).uniform(0.1, 1, len(a))
    layer = np.repeat([0, 1], half)
    return {"layer": layer, "name": list("n" * nodes), "group": layer, "source": a, "target": b, "weight": weight}


def test_each_edge_is_a_curve_from_its_source_to_its_target_as_thick_as_it_is_heavy():
    values = matching()
    made = GraphPicture(DECLARED, values)
    lines, dots = made.edges.data, made.nodes.data
    assert len(lines["xs"]) == 6
    for place, (source, target) in enumerate(zip(lines["source"], lines["target"], strict=True)):
        ends = [lines[axis][place][end] for end in (0, -1) for axis in ("xs", "ys")]
        assert ends == pytest.approx([dots[axis][node] for node in (source, target) for axis in ("x", "y")])
    assert np.diff(lines["width"]) == pytest.approx([(6.0 - 0.6) / 6] * 5)
    assert [made.figure.xaxis.major_label_overrides[place] for place in (0.0, 1.0)] == ["layer 3", "layer 5"]


def test_an_order_without_crossings_is_found_where_there_is_one():
    for seed in range(5):
        values = matching(20, seed)
        edges = values["source"], values["target"], values["weight"]
        x = layers.column_numbers(values["layer"])
        y = layers.node_heights(x, np.zeros(40), *edges)
        first = np.r_[np.arange(20), np.arange(20)] / 20
        assert layers.crossings(x, first, *edges) > 100
        assert layers.crossings(x, y, *edges) == 0
        assert sorted(y[:20]) == pytest.approx((np.arange(20) + 0.5) / 20)


def test_crossings_are_counted_by_the_weights_of_both_edges():
    x, y = np.array([0.0, 0, 1, 1]), np.array([0.0, 1, 0, 1])
    found = [
        layers.crossings(x, y, np.array([0, 1]), np.array(ends), np.array([2.0, 5.0])) for ends in ([3, 2], [2, 3])
    ]
    assert found == [10, 0]
    assert layers.crossings(x, y, np.array([3, 1]), np.array([0, 2]), np.array([2.0, 5.0])) == 10


def test_clusters_have_colours_and_what_stands_between_them_or_alone_is_grey():
    values = matching(4) | {"group": np.array([0, 0, 1, 2, 0, 0, 1, 1]), "target": np.array([4, 5, 6, 7])}
    made = GraphPicture(DECLARED, values)
    colors = made.nodes.data["color"]
    assert len({colors[0], colors[2], GREY}) == 3
    assert colors[0] == colors[4] and colors[3] == GREY
    assert made.edges.data["color"] == [colors[0], colors[0], colors[2], GREY]
    assert [entry["label"] for entry in made.legend] == ["cluster 0, 4 nodes", "cluster 1, 3 nodes"]


def test_a_graph_too_large_to_be_seen_is_cut_to_its_heaviest_edges_and_says_so():
    values = dense(80)
    made = GraphPicture(DECLARED, values)
    assert made.note == "600 of 1,600 edges drawn, the heaviest"
    kept = np.sort(values["weight"])[-MOST_EDGES:]
    assert made.edges.data["width"] == pytest.approx(0.6 + 5.4 * kept / kept[-1])
    assert set(made.nodes.data["degree"]) == {40}
    assert "200 of 240 nodes drawn" in GraphPicture(DECLARED, dense(240)).note
    assert len(GraphPicture(DECLARED, dense(240)).nodes.data["x"]) == MOST_NODES


def test_another_graph_takes_its_place_without_another_figure():
    made = GraphPicture(DECLARED, matching())
    figure, made.least.value, made.nodes.selected.indices = made.figure, 3, [1]
    made.update(dense(20))
    assert made.figure is figure and len(made.edges.data["xs"]) == 100
    assert (made.least.value, made.least.end, made.nodes.selected.indices) == (0, 99, [])
    assert [len(each.booleans) for each in (*made.shown, *made.highlighted)] == [20, 100, 20, 100]
    assert all(made.shown[1].booleans) and not any(made.highlighted[1].booleans)


def test_names_are_written_where_they_have_room_and_never_as_markup():
    made = GraphPicture(DECLARED, matching() | {"name": ["<b>"] + ["x"] * 11})
    assert made.nodes.data["label"][0] == "<b>" and made.nodes.data["safe"][0] == "&lt;b&gt;"
    assert set(GraphPicture(DECLARED, dense(80)).nodes.data["label"]) == {""}


def test_a_graph_without_edges_is_drawn():
    empty = np.zeros(0, int)
    made = GraphPicture(DECLARED, matching() | {"source": empty, "target": empty, "weight": empty})
    assert len(made.nodes.data["x"]) == 12 and made.edges.data["xs"] == [] and made.least.disabled


@pytest.mark.parametrize(
    "wrong",
    [{"weight": np.ones(5)}, {"weight": np.r_[np.zeros(1), np.ones(5)]}, {"target": np.arange(7, 13)}, {"layer": [0]}],
)
def test_arrays_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError):
        GraphPicture(DECLARED, matching() | wrong)
    with pytest.raises(KeyError):
        GraphPicture(DECLARED, {"layer": [0]})
