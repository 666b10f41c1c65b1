"""The scale for both signs as the browser computes it."""

import numpy as np
import pytest

from dashboard.figures.marks import axes, hover
from dashboard.figures.marks.axes import Scale

THRESHOLD = 1e-6
MADE = Scale(log=False, threshold=THRESHOLD)


@pytest.fixture(scope="module")
def run(chromium):
    """Evaluate the body of a function with some arguments."""
    page = chromium.new_page()
    yield lambda code, **args: page.evaluate(
        f"(args) => {{ const {{ {', '.join(args)} }} = args; return Array.from((() => {{ {code} }})()) }}", args
    )
    page.close()


def ticks(run, low, high):
    ends = {"range": {"start": float(MADE.places(low)), "end": float(MADE.places(high))}}
    places = run(axes.TICKS, threshold=THRESHOLD, cb_data=ends)
    return ["".join(run(axes.TICK_LABEL, threshold=THRESHOLD, tick=place, ticks=places)) for place in places]


def test_the_browser_places_values_where_the_server_does(run):
    values = [-3e4, -1e-7, 0.0, 2e-6, 5.0]
    np.testing.assert_allclose(run(axes.PLACES, threshold=THRESHOLD, xs=values), MADE.places(values), rtol=1e-12)


def test_ticks_are_zero_and_powers_of_ten_of_both_signs(run):
    assert sorted(ticks(run, -1.5, 1.5)) == sorted(["0", "10⁰", "−10⁰", "10⁻³", "−10⁻³"])
    assert ticks(run, 0.5, 5e4) == ["10⁰", "10¹", "10²", "10³", "10⁴"]


def test_where_hardly_a_decade_is_in_sight_ticks_are_even(run):
    assert ticks(run, 1.9, 9.1) == ["2", "4", "6", "8"]
    for power, name in ((7, "10⁻⁷"), (15, "10⁻¹⁵")):
        size = 1.1 * 10.0**-power
        assert ticks(run, -size, size) == [f"−{name}", "0", name]


def test_a_hover_reads_the_raw_value(run):
    law = {"xs": [[0], [0]], "ys": [[float(MADE.places(value))] for value in (-2.5, 3e-9)]}
    args = {
        "theory": {"data": law | {"name": ["", ""], "color": ["", ""]}},
        "x": 0,
        "up": 0,
        "log_x": False,
        "log_y": False,
    }
    args["figure"] = {"y_range": {"start": -9, "end": 9}, "inner_height": 100}
    functions = hover.SCRIPT.split("const view =")[0]
    read = run(f"{functions} return laws().map(({{ rows }}) => rows[1][1])", threshold=THRESHOLD, **args)
    assert read == ["−2.5", "3×10⁻⁹"]
