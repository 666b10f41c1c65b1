"""One channel against that of the pinned run: a ratio on logarithmic axes, a difference elsewhere."""

import numpy as np
import pytest

import engines
from dashboard.runs.comparison import Comparison
from dashboard.runs.comparison_curve import ComparisonCurve
from dashboard.session.view_state import PinnedRun, ViewContext
from engines.core.live.runner import Status

LAB = "matrix_sensing"
ENGINE = engines.load(LAB)


@pytest.fixture(scope="module")
def runs():
    return [engines.run(LAB, preset="P3", set={"alpha": alpha}, seeds=[0], steps=60) for alpha in (0.3, 0.5)]


def test_a_channel_of_a_logarithmic_figure_is_drawn_as_a_ratio(runs):
    made = ComparisonCurve(ENGINE)
    made.show(*runs, (0, 0), False, "relative_error")
    before, now = (run["relative_error"][:, 0] for run in runs)
    np.testing.assert_array_equal(made.source.data["apart"], now / before)
    assert "now / pinned" in made.figure.yaxis.axis_label
    assert made.figure.y_range.start < (now / before).min() and made.figure.y_range.end >= 1


def test_another_is_drawn_as_a_difference_in_a_figure_of_its_own(runs):
    made = ComparisonCurve(ENGINE)
    made.show(*runs, (0, 0), False, "relative_error")
    first = made.figure
    made.show(*runs, (0, 0), True, "effective_rank")
    assert made.figure is not first and "now − pinned" in made.figure.yaxis.axis_label
    before, now = (run["effective_rank"][:, 0] for run in runs)
    np.testing.assert_array_equal(made.source.data["apart"], now - before)


def test_the_reader_chooses_the_channel_also_while_nothing_runs(runs):
    made = Comparison(ENGINE)
    made.show(ViewContext(runs[1], Status(), step=60, pinned=PinnedRun(runs[0], ()), comparing=True), False)
    assert made.table.chosen == "relative_error" and made.table.content["head"].endswith("Changed: α 0.3 → 0.5")
    made.table.receive({"channel": "loss"})
    np.testing.assert_array_equal(made.curve.source.data["now"], runs[1]["loss"][:, 0])
    made.table.receive({"channel": "nothing"})
    assert made.table.chosen == "loss"
