import pytest

from dashboard.controls.ensemble import EnsembleForm, read_values
from engines.core.protocol.config import Knob
from engines.core.protocol.errors import ConfigError
from tests.core.toy import Toy

ALPHA = Knob(name="alpha", type=float, log=True, bounds=(1e-6, 10))
K = Knob(name="k", type=int, bounds=(1, 100))


@pytest.mark.parametrize(
    ("knob", "text", "values"),
    [
        (ALPHA, "0.1, 0.3, 1", [0.1, 0.3, 1.0]),
        (ALPHA, " 1e-3;0.1 ", [1e-3, 0.1]),
        (ALPHA, "0.1, 0.1", [0.1]),
        (ALPHA, "0.01 … 1 × 3", [0.01, 0.1, 1.0]),
        (ALPHA, "0.01...1 x3", [0.01, 0.1, 1.0]),
        (ALPHA, "0.001 to 0.1", [0.001, 0.003162, 0.01, 0.03162, 0.1]),
        (K, "2, 3, 30", [2, 3, 30]),
        (K, "1 … 9 × 5", [1, 3, 5, 7, 9]),
        (K, "7", [7]),
    ],
)
def test_values_are_read_as_a_list_or_as_a_range(knob, text, values):
    assert read_values(knob, text) == values


@pytest.mark.parametrize(
    "text",
    ["", "  ", "0.1, many", "0.1, 20", "1 … 2 × 0", "1 … 2 × 100000", "0 … 1 × 3", ",".join(map(str, range(999)))],
)
def test_what_cannot_be_read_is_a_sentence(text):
    with pytest.raises(ConfigError):
        read_values(ALPHA, text)


def form():
    asked = []
    return asked, EnsembleForm(Toy, asked.append, lambda on, mean: asked.append((on, mean)))


def test_two_knobs_are_spread_at_once():
    asked, made = form()
    made.receive({"spread": [["a", "1, 2"], ["eta", "0.1, 0.2, 0.3"]]})
    assert asked == [{"a": [1.0, 2.0], "eta": [0.1, 0.2, 0.3]}]


def test_what_is_wrong_with_one_of_them_changes_nothing():
    asked, made = form()
    made.receive({"spread": [["a", "1, 2"], ["eta", "soon"]]})
    assert asked == [] and "soon" in made.shown["error"]
    made.receive({"spread": [["nothing", "1"]]})
    made.receive({"spread": "all of it"})
    made.receive({"spread": [None]})
    assert asked == []


@pytest.mark.parametrize(
    ("chosen", "meant"), [("single", (False, False)), ("spread", (True, False)), ("mean", (True, True))]
)
def test_seeds_are_drawn_as_asked(chosen, meant):
    asked, made = form()
    made.receive({"bands": chosen})
    assert asked == [meant]
    made.show(3, *meant)
    assert made.shown["bands"] == chosen
