import numpy as np
import pytest

from dashboard.probes.pictures.layers import TALLEST, stacked_columns
from dashboard.probes.pictures.neurons import FLOOR, SHAPES, NeuronsPicture
from dashboard.ui.palette import category
from engines.core.protocol.probe_figures import Neurons

DECLARED = Neurons(
    layer="layer", name="name", kind="kind", kinds=("live", "dead", "always on"), path_name="way", path_neuron="owner",
    distance="along", loss="height", reference_loss="beside", label="loss",
)  # fmt: skip

VALUES = {
    "layer": [0, 0, 1, 1, 1], "name": ["a", "b", "c", "d", "<e>"], "kind": [0, 2, 0, 2, 0],
    "way": ["rescale a", "turn c", "turn c back", "all together"], "owner": [0, 2, 2, -1],
    "along": np.linspace(0, 2, 3),
    "height": [[1e-30, 2e-30, 3e-30], [0.0, 1e-40, 1e-20], [1e-9, np.nan, np.inf], [1.0, 2.0, 3.0]],
    "beside": [[1e-30, 4.0, 12.0], [0.0, 1.0, 2.0], [1e-9, 1.0, 1.0], [1.0, 1.0, 1.0]],
}  # fmt: skip


def test_neurons_stand_in_columns_and_are_told_by_hue_shape_and_legend():
    made = NeuronsPicture(DECLARED, VALUES)
    dots = made.nodes.data
    assert dots["x"] == [0, 0, 1, 1, 1]
    assert dots["y"] == pytest.approx([1 / 4, 3 / 4, 1 / 6, 1 / 2, 5 / 6])
    assert dots["color"] == [category(kind) for kind in VALUES["kind"]]
    assert dots["shape"] == [SHAPES[kind] for kind in VALUES["kind"]]
    assert [entry["label"] for entry in made.legend][:2] == ["live, 3", "always on, 2"]
    assert len({entry["color"] for entry in made.legend}) == len(made.legend) == 4
    assert dots["paths"] == [1, 0, 2, 0, 0] and dots["alpha"][0] > dots["alpha"][1]


def test_what_a_logarithmic_axis_has_no_place_for_is_drawn_at_the_floor_and_said():
    made = NeuronsPicture(DECLARED, VALUES)
    height = np.array(made.paths.data["loss"])
    assert height[0] == pytest.approx([1e-30, 2e-30, 3e-30], rel=1e-15)
    assert height[1] == pytest.approx([FLOOR, FLOOR, 1e-20], rel=1e-15)
    assert np.isnan(height[2]).tolist() == [False, True, True]
    assert made.note == "pale: no way of its own · 3 of 24 values below 10⁻³⁴ are drawn there"
    low, high = made.paths.data["low"][0], made.paths.data["high"][0]
    assert 1e-33 < low < 1e-30 and 12 < high < 1e4


def test_the_first_way_is_drawn_and_told_before_anything_is_chosen():
    made = NeuronsPicture(DECLARED, VALUES)
    assert made.chosen.data["loss"] == made.paths.data["loss"][0]
    assert made.select.options == [("0", "rescale a"), ("1", "turn c"), ("2", "turn c back"), ("3", "all together")]
    assert made.highlighted.booleans == [True, False, False, False, False]
    for part in ("rescale a", "loss is <b>3×10⁻³⁰</b>", "random direction of the same length it is <b>12</b>"):
        assert part in made.sentence.text
    assert (made.curve.y_range.start, made.curve.y_range.end) == (made.paths.data["low"][0], made.paths.data["high"][0])


def test_other_numbers_for_the_same_ways_leave_the_choice_and_other_ways_take_it_back():
    made = NeuronsPicture(DECLARED, VALUES)
    made.select.value, made.nodes.selected.indices = "2", [2]
    made.update(VALUES | {"beside": np.ones((4, 3))})
    assert made.select.value == "2" and made.nodes.selected.indices == [2]
    assert made.chosen.data["reference_loss"] == [1, 1, 1]
    made.update(VALUES | {"way": ["p", "q", "r", "s"]})
    assert made.select.value == "0" and made.nodes.selected.indices == []


def test_a_network_without_a_way_is_a_map_and_a_sentence():
    none = {"way": [], "owner": np.zeros(0, int), "height": np.zeros((0, 3)), "beside": np.zeros((0, 3))}
    made = NeuronsPicture(DECLARED, VALUES | none)
    assert made.sentence.text == "There is no way out of here." and made.select.disabled
    assert not any(made.highlighted.booleans) and len(made.nodes.data["x"]) == 5


def test_a_wide_layer_goes_on_beside_itself():
    x, y, _ = stacked_columns(np.repeat([0, 1], [4, 3 * TALLEST]))
    assert len(set(zip(x, y, strict=True))) == len(x)
    assert len(set(x[4:])) == 3 and set(np.round(x[4:])) == {1}
    assert x[4:].mean() == pytest.approx(1) and np.diff(np.unique(y[4:])).min() > 0.03


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": [0, 3, 0, 0, 0]}, {"kind": [0]}, {"owner": [0, 5, 2, -1]}, {"height": np.ones((4, 2))}, {"along": []},
        {"owner": [0]},
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError):
        NeuronsPicture(DECLARED, VALUES | wrong)
    with pytest.raises(KeyError):
        NeuronsPicture(DECLARED, {})
