import numpy as np
import pytest

from dashboard.figures.marks.forecast import CALLS, Forecast
from dashboard.figures.marks.sweep import SweepMark
from engines.core.data.recording import Event
from tests.dashboard.figures.examples import ENGINE, Theorist, members, picture, recorded, show

LOSS = {"channels": ("loss",), "kind": "sweep"}


def swept(configs, values=None, **options):
    values = np.arange(1.0, len(configs) + 1) if values is None else np.asarray(values, float)
    run = recorded(configs, (0, 1, 2, 3), loss=values)
    return run, picture(SweepMark, run, LOSS, **options)


def test_every_member_is_a_dot_and_the_line_joins_the_medians():
    _, mark = swept(members(a=(1, 2), seed=(0, 1, 2)), [5, 1, 3, 20, 60, 40])
    assert mark.source.data["x"] == [1, 1, 1, 2, 2, 2]
    assert mark.source.data["y"] == [5, 1, 3, 20, 60, 40]
    assert mark.lines.data["xs"] == [[1, 2]]
    assert mark.lines.data["ys"] == [[3, 40]]


def test_a_diverged_member_is_left_out_and_counted():
    run, mark = swept(members(a=(1, 2), seed=(0, 1, 2)), [5, 1, 3, 20, 60, 40])
    run.diverged_at[[0, 3]] = 2
    show(mark, run, step=1)
    assert "diverged" not in mark.note
    show(mark, run, step=2)
    assert np.isnan(mark.source.data["y"]).tolist() == [True, False, False, True, False, False]
    assert mark.lines.data["ys"] == [[2, 50]]
    assert "2 of 6 members diverged" in mark.note


def test_theory_is_the_median_over_the_seeds_of_laws_that_hold():
    _, mark = swept(members(a=(1, 2, 5), seed=(0, 1, 2)), step=3)
    assert mark.theory.data["xs"] == [[1, 2]]
    assert mark.theory.data["ys"] == [[1 * 4 + 1, 2 * 4 + 1]]
    assert mark.legend[-1]["label"] == "theory: law"


def test_theory_is_asked_once_whatever_the_step():
    run, mark = swept(members(a=(1, 2), seed=(0, 1)))
    before = Theorist.asked
    for step in (1, 2, 3):
        show(mark, run, step=step)
    assert Theorist.asked == before


def test_a_knob_turned_on_the_way_ends_theory():
    run, mark = swept(members(a=(1, 2)))
    assert mark.theory.data["ys"] != [[]]
    run.recording.events.append(Event(2, "eta", 0.2, (0, 1)))
    show(mark, run, step=3)
    assert mark.theory.data["ys"] == [[]]
    assert not any(line["label"].startswith("theory") for line in mark.legend)


def test_a_large_ensemble_asks_theory_of_some_and_draws_everyone():
    before = Theorist.asked
    _, mark = swept(members(a=np.linspace(0.1, 4, 250).tolist(), seed=(0, 1)))
    assert len(mark.source.data["y"]) == 500
    assert 0 < Theorist.asked - before <= CALLS
    assert len(mark.theory.data["ys"][0]) > CALLS / 2


def test_where_nothing_varies_the_figure_is_empty():
    for configs in (members(a=(1,)), members(sign=("plus", "minus"))):
        _, mark = swept(configs)
        assert mark.source.data["x"] == [] and mark.numbers is None


def test_another_knob_makes_another_axis_on_the_same_mark():
    _, mark = swept(members(shift=(0, 1, 2)))
    first = mark.figure
    assert "LinearScale" in str(first.x_scale)
    show(mark, recorded(members(a=(1, 10)), loss=np.ones(2)))
    assert "LogScale" in str(mark.figure.x_scale) and mark.figure is not first
    assert mark.figure.xaxis.axis_label == "a: curvature"


def test_a_click_on_a_dot_picks_its_member():
    picked = []
    _, mark = swept(members(shift=(0, 1, 2), seed=(0, 1)), [1, 1e3, 2, 2e3, 3, 3e3], picked=picked.append)
    mark._tapped(1.0, 2e3)
    mark._tapped(1.0, 2.0)
    mark._tapped(0.5, 50.0)
    assert picked == [3, 2]


def test_the_member_in_focus_stands_out():
    run, mark = swept(members(a=(1, 2, 3)))
    show(mark, run, focus=2)
    sizes = mark.source.data["size"]
    assert sizes[2] > sizes[0] == sizes[1]


def test_the_table_has_a_row_a_value_and_a_column_a_strand():
    _, mark = swept(members(sign=("plus", "minus"), a=(1, 2)), [1, 2, 3, 4])
    assert mark.numbers.heads == ["a", "plus", "minus", "theory: plus", "theory: minus"]
    assert mark.numbers.rows == [["1", "1", "3", "1", "1"], ["2", "2", "4", "2", "2"]]


def test_between_two_steps_a_forecast_lies_on_the_line():
    forecast = Forecast(ENGINE, "loss", [members(a=(1,))], 10_000)
    for step in (0, 7, 100, 5003, 10_000):
        assert forecast.at(step) == pytest.approx([1 + step])
