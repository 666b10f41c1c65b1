import numpy as np
import pytest

from dashboard.figures.marks.prediction_lines import MOST_CONFIGS, PredictionTable
from dashboard.figures.marks.sweep import (
    MOST_SERIES,
    THIN,
    WIDE,
    SweepMark,
    plots_without_knobs,
    read_sweep,
    two_most_varied,
)
from dashboard.ui.palette import GREY
from engines.core.data.recording import Event
from engines.core.protocol.declarations import Plot
from engines.loss_landscape.config import LossLandscape
from tests.core.toy import Toy
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


def test_a_number_that_comes_later_is_not_said_to_have_diverged():
    _, mark = swept(members(a=(1, 2)), [np.nan, np.nan])
    assert mark.note == "no member has a value at this step yet"


def test_series_without_a_hue_of_their_own_are_counted_in_the_legend_and_the_one_in_focus_is_named():
    configs = members(a=[1 + i for i in range(MOST_SERIES)], eta=[0.1 * (1 + i) for i in range(MOST_SERIES + 1)])
    _, mark = swept(configs, focus=1)
    named = [line["label"] for line in mark.legend if not line["label"].startswith("theory")]
    assert named == ["thick: a = 1", f"{MOST_SERIES - 1} others"]
    assert mark.lines.data["width"] == [WIDE] + [THIN] * (MOST_SERIES - 1)


def test_a_series_has_the_colour_of_its_members_where_they_have_one():
    _, mark = swept([Toy(eta=0.1), Toy(eta=0.1, sign="minus"), Toy(eta=0.2, sign="minus")])
    assert mark.lines.data["color"] == [mark.source.data["color"][0], GREY]
    assert len(set(mark.source.data["color"])) == 3


def test_twice_as_many_series_are_drawn_where_a_few_hues_stand_for_families():
    found = read_sweep(members(sign=("plus", "minus"), a=range(1, 9), shift=range(7)))
    assert (len(found.series), found.total, found.knob.name) == (14, 14, "a")
    assert len({one.color for one in found.series}) == 2 and GREY not in {one.color for one in found.series}


def test_theory_is_the_median_over_the_seeds_of_laws_that_hold():
    _, mark = swept(members(a=(1, 2, 5), seed=(0, 1, 2)), step=3)
    assert mark.dashed.data["xs"] == [[1, 2]]
    assert mark.dashed.data["ys"] == [[1 * 4 + 1, 2 * 4 + 1]]
    assert mark.legend[-1]["label"] == "theory: law"


def test_theory_is_asked_once_whatever_the_step():
    run, mark = swept(members(a=(1, 2), seed=(0, 1)))
    before = Theorist.requested
    for step in (1, 2, 3):
        show(mark, run, step=step)
    assert Theorist.requested == before


def test_a_knob_turned_on_the_way_ends_theory():
    run, mark = swept(members(a=(1, 2)))
    assert mark.dashed.data["ys"] != [[]]
    run.recording.events.append(Event(2, "eta", 0.2, (0, 1)))
    show(mark, run, step=3)
    assert mark.dashed.data["ys"] == [[]]
    assert not any(line["label"].startswith("theory") for line in mark.legend)


def test_a_large_ensemble_asks_theory_of_some_and_draws_everyone():
    before = Theorist.requested
    _, mark = swept(members(a=np.linspace(0.1, 4, 250).tolist(), seed=(0, 1)))
    assert len(mark.source.data["y"]) == 500
    assert 0 < Theorist.requested - before <= MOST_CONFIGS
    assert len(mark.dashed.data["ys"][0]) > MOST_CONFIGS / 2


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
    mark.tap(1.0, 2e3)
    mark.tap(1.0, 2.0)
    mark.tap(0.5, 50.0)
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
    predictions = PredictionTable(ENGINE, "loss", [members(a=(1,))], 10_000)
    for step in (0, 7, 100, 5003, 10_000):
        assert predictions.at_step(step) == pytest.approx([1 + step])


def test_the_swept_knob_is_the_number_that_varies_most_and_never_a_seed():
    assert read_sweep(members(a=(1, 2, 3), eta=(0.1, 0.2), seed=range(9))).knob.name == "a"
    assert read_sweep(members(a=(1, 2), eta=(0.1, 0.2, 0.3))).knob.name == "eta"


def test_where_no_number_varies_there_is_no_sweep():
    assert read_sweep(members(seed=range(5))) is None
    assert read_sweep(members(sign=("plus", "minus"), flat=(False,))) is None


def test_of_knobs_that_vary_as_much_one_that_varies_alone_is_swept():
    cases = [{"shift": 1, "eta": 0.1}, {"shift": 2, "eta": 0.2}]
    assert read_sweep([Toy(a=a, **case) for case in cases for a in (1, 2)]).knob.name == "a"


def test_a_knob_that_follows_the_swept_one_tells_no_series_apart():
    cases = [{"a": 1, "eta": 0.1}, {"a": 2, "eta": 0.2}, {"a": 4, "eta": 0.3}]
    found = read_sweep([Toy(sign=sign, **case) for sign in ("plus", "minus") for case in cases])
    assert found.knob.name == "a"
    assert [strand.label for strand in found.series] == ["plus", "minus"]
    assert [list(strand.points) for strand in found.series] == [[1, 2, 4], [1, 2, 4]]


def test_a_knob_that_stays_while_the_swept_one_varies_tells_series_apart():
    cases = [{"a": a, "eta": eta} for a, etas in ((1, (0.1, 0.2, 0.3)), (2, (0.4, 0.5, 0.6))) for eta in etas]
    found = read_sweep([Toy(**case) for case in cases])
    assert found.knob.name == "eta"
    assert [list(strand.points) for strand in found.series] == [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]


def test_members_that_differ_in_the_seed_alone_share_a_point_and_others_a_strand():
    found = read_sweep(members(sign=("plus", "minus"), a=(2, 1, 4), seed=(0, 1)))
    assert [strand.label for strand in found.series] == ["plus", "minus"]
    assert found.series[0].points == {1: (2, 3), 2: (0, 1), 4: (4, 5)}
    assert list(found.series[1].points) == [1, 2, 4]
    assert len({strand.color for strand in found.series}) == 2


def test_a_logarithmic_knob_has_a_logarithmic_axis_while_all_values_are_positive():
    assert read_sweep(members(a=(0.01, 1, 100))).log
    assert not read_sweep(members(shift=(0, 1, 2))).log


def test_a_zero_gives_way_to_a_logarithmic_axis_where_several_values_are_positive():
    angles = [LossLandscape(angle=angle) for angle in (0.0, 0.003, 0.03, 0.3)]
    found = read_sweep(angles)
    assert found.log and list(found.series[0].points) == [0.003, 0.03, 0.3]
    few = read_sweep(angles[:3])
    assert not few.log and list(few.series[0].points) == [0, 0.003, 0.03]


def test_more_strands_than_hues_are_counted_and_not_drawn():
    found = read_sweep(
        members(a=[1 + i for i in range(MOST_SERIES + 3)], eta=[0.1 * (1 + i) for i in range(MOST_SERIES + 5)])
    )
    assert found.knob.name == "eta"
    assert (len(found.series), found.total) == (MOST_SERIES, MOST_SERIES + 3)


def test_a_map_is_over_the_two_numbers_that_vary_most():
    assert two_most_varied(members(a=(1, 2), eta=(0.1, 0.2, 0.3), sign=("plus", "minus"))) == ("eta", "a")
    assert two_most_varied(members(a=(1, 2), seed=(0, 1))) is None


def test_figures_of_ensembles_are_left_out_where_too_few_numbers_vary():
    plots = [Plot(name=kind, title="", channels=("loss",), doc="", kind=kind) for kind in ("line", "sweep", "map")]
    assert plots_without_knobs(plots, members(seed=(0, 1), sign=("plus", "minus"))) == {"sweep", "map"}
    assert plots_without_knobs(plots, members(a=(1, 2))) == {"map"}
    assert plots_without_knobs(plots, members(a=(1, 2), eta=(0.1, 0.2))) == set()
