import numpy as np
import pytest

from dashboard.figures.marks.ranking import RankingMark
from dashboard.figures.marks.sweep import plots_without_knobs
from dashboard.ui.palette import GREY
from engines.core.protocol.declarations import Plot
from tests.dashboard.figures.examples import members, picture, recorded, show

LOSS = {"channels": ("loss",), "kind": "ranking"}


def ranked(values, configs=None, **options):
    configs = configs or members(a=range(1, len(values) + 1))
    run = recorded(configs, (0, 1), loss=np.asarray(values, float))
    return run, picture(RankingMark, run, LOSS, **options)


def names(mark):
    return [name.partition(",")[0] for name in mark.source.data["name"]]


def test_the_least_value_stands_on_top():
    _, mark = ranked([3, 1, 2])
    assert names(mark) == ["a = 2", "a = 3", "a = 1"]
    assert mark.source.data["right"] == [1, 2, 3]
    assert mark.source.data["y"] == [3, 2, 1]
    assert mark.figure.yaxis.major_label_overrides[3] == "a = 2"


def test_bars_begin_left_of_all_that_is_in_sight_on_a_logarithmic_axis_and_at_zero_on_a_linear_one():
    _, mark = ranked([1e-3, 1, 10])
    assert max(mark.source.data["left"]) < mark.figure.x_range.start < 1e-3
    _, mark = ranked([1, 2, 3], log_y=False)
    assert set(mark.source.data["left"]) == {0} and mark.figure.x_range.start == 0


def test_what_has_no_value_stands_last_without_a_bar():
    run, mark = ranked([3, 1, 2])
    run.diverged_at[1] = 0
    show(mark, run)
    assert names(mark)[-1] == "a = 2"
    assert np.isnan(mark.source.data["right"][-1])
    assert "1 of 3 diverged" in mark.note


def test_a_band_shows_its_ends():
    _, mark = ranked([1, 2, 6, 5, 5, 5], members(a=(1, 2), seed=(0, 1, 2)))
    assert mark.source.data["right"] == [2, 5]
    assert (mark.source.data["low"][0], mark.source.data["high"][0]) == (1, 6)
    assert "least to largest of 3" in mark.note


def test_a_click_puts_the_curve_of_a_bar_in_focus_and_that_is_rimmed():
    picked = []
    run, mark = ranked([3, 1, 2], picked=picked.append)
    mark.tap(2.9)
    mark.tap(9.0)
    assert picked == [1]
    show(mark, run, focus=2)
    assert [rim == GREY for rim in mark.source.data["rim"]] == [False, True, False]


@pytest.mark.parametrize(
    ("axes", "kept"), [({"a": (1, 2, 3, 4, 5)}, False), ({"a": (1, 2), "sign": ("plus", "minus")}, True)]
)
def test_one_number_is_not_ranked(axes, kept):
    plots = [Plot(name="p", title="p", doc="p", **LOSS)]
    assert ("p" not in plots_without_knobs(plots, members(**axes))) is kept
