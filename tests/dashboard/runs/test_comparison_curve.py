"""One channel against that of the pinned run: a ratio on logarithmic axes, a difference elsewhere."""

import numpy as np
import pytest

import engines
from dashboard.runs.comparison import Comparison
from dashboard.runs.comparison_curve import Contrast
from dashboard.session.session import Player

LAB = "matrix_sensing"
ENGINE = engines.load(LAB)


@pytest.fixture(scope="module")
def runs():
    return [engines.run(LAB, preset="P3", set={"alpha": alpha}, seeds=[0], steps=60) for alpha in (0.3, 0.5)]


def test_a_channel_of_a_logarithmic_figure_is_drawn_as_a_ratio(runs):
    made = Contrast(ENGINE)
    made.show(*runs, (0, 0), False, "relative_error")
    before, now = (run["relative_error"][:, 0] for run in runs)
    np.testing.assert_array_equal(made.source.data["apart"], now / before)
    assert "now / pinned" in made.figure.yaxis.axis_label
    assert made.figure.y_range.start < (now / before).min() and made.figure.y_range.end >= 1


def test_another_is_drawn_as_a_difference_in_a_figure_of_its_own(runs):
    made = Contrast(ENGINE)
    made.show(*runs, (0, 0), False, "relative_error")
    first = made.figure
    made.show(*runs, (0, 0), True, "effective_rank")
    assert made.figure is not first and "now − pinned" in made.figure.yaxis.axis_label
    before, now = (run["effective_rank"][:, 0] for run in runs)
    np.testing.assert_array_equal(made.source.data["apart"], now - before)


def test_the_reader_chooses_the_channel_also_while_nothing_runs(runs):
    made, player = Comparison(ENGINE), Player(ENGINE)
    player.pinned, player.pinned_as = runs[0], object()
    player.runner = type("Still", (), {"run": runs[1]})
    made.show(player, False)
    assert made.sheet.chosen == "relative_error" and made.sheet.told["head"].endswith("Changed: α 0.3 → 0.5")
    made.sheet._handle_msg({"channel": "loss"})
    np.testing.assert_array_equal(made.contrast.source.data["now"], runs[1]["loss"][:, 0])
    made.sheet._handle_msg({"channel": "nothing"})
    assert made.sheet.chosen == "loss"
