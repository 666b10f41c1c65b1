import numpy as np

from dashboard.figures.marks.heatmap import CLAIM, MOST_PER_SIDE, HeatMark, MapMark, claims
from engines.core.analysis.verdict_helpers import below
from engines.core.protocol.engine import Preset
from tests.dashboard.figures.examples import members, picture, recorded, show

BOTH = {"channels": ("field", "x"), "kind": "heatmap"}


def heat(first, second=None, log_y=False):
    blocks = {"field": np.asarray(first, float)[None]}
    blocks |= {"x": np.asarray(second, float)[None]} if second is not None else {}
    return picture(HeatMark, recorded(members(a=(1,)), **blocks), BOTH | {"channels": tuple(blocks)}, log_y=log_y)


def test_one_matrix_fills_the_figure_and_has_no_name():
    mark = heat([[1, 2, 3], [4, 5, 6]])
    assert (mark.figure.x_range.end, mark.figure.y_range.end) == (3, 2)
    assert mark.source.data["image"][0].tolist() == [[4, 5, 6], [1, 2, 3]]
    assert mark.source.data["name"] == [""]


def test_matrices_stand_side_by_side_under_their_names():
    data = heat([[1, 2], [3, 4]], [[5, 6, 7], [8, 9, 10]]).source.data
    assert data["name"] == ["field", "x"]
    assert data["x"][0] + data["dw"][0] < data["x"][1]
    assert data["y"] == [0, 0]


def test_all_matrices_share_one_colour_scale():
    mark = heat([[0, 1], [0, 0]], [[0, 50], [0, 0]])
    assert (mark.mapper.low, mark.mapper.high) == (0, 50)
    mark = heat([[0, 1], [0, 0]], [[0, -50], [0, 0]])
    assert (mark.mapper.low, mark.mapper.high) == (-50, 50)
    assert heat([[1e-3]], [[1e4]], log_y=True).mapper.high == 4


def test_first_rows_are_at_one_height_and_rows_are_numbered_once():
    mark = heat(np.ones((4, 2)), np.ones((2, 2)))
    data = mark.source.data
    assert data["y"] == [0, 2] and data["top"] == [4, 4]
    (rows,) = mark.figure.yaxis
    assert rows.major_label_overrides == {3.5: "1", 2.5: "2", 1.5: "3", 0.5: "4"}
    (columns,) = mark.figure.xaxis
    assert list(columns.major_label_overrides.values()) == ["1", "2", "1", "2"]


def test_a_large_matrix_is_thinned_and_the_page_says_so():
    mark = heat(np.ones((2 * MOST_PER_SIDE, 4)), np.ones((4, 4)))
    assert mark.source.data["image"][0].shape == (MOST_PER_SIDE, 4)
    assert mark.note == f"{MOST_PER_SIDE} × 4 of {2 * MOST_PER_SIDE} × 4 entries drawn"


def drawn(configs, values, picked=lambda member: None, **options):
    run = recorded(configs, loss=np.array(values, float))
    return run, picture(MapMark, run, {"channels": ("loss",), "kind": "map"}, picked=picked, log_y=False, **options)


def images(mark):
    """As they are seen, the first row on top."""
    return [np.asarray(image)[::-1].tolist() for image in mark.source.data["image"]]


def labels(axis):
    return [axis[0].major_label_overrides[tick] for tick in sorted(axis[0].major_label_overrides)]


def test_a_cell_is_a_pair_of_values_the_largest_of_the_second_knob_on_top():
    _, mark = drawn(members(a=(1, 2, 3), eta=(0.1, 0.2)), [11, 12, 21, 22, 31, 32])
    measured = images(mark)[0]
    assert measured == [[12, 22, 32], [11, 21, 31]]
    assert labels(mark.figure.yaxis) == ["0.1", "0.2"]
    assert labels(mark.figure.xaxis)[:3] == ["1", "2", "3"]
    assert mark.numbers.rows[0][:4] == ["0.2", "12", "22", "32"]


def test_theory_stands_beside_it_where_it_holds():
    """The law of these engines at step 0 is `a + seed`, broken from a = 5 on."""
    _, mark = drawn(members(a=(1, 2, 9), eta=(0.1, 0.2)), range(6))
    assert mark.source.data["name"] == ["measured", "theory"] and mark.note.startswith("theory: law")
    law = images(mark)[1]
    assert [row[:2] for row in law] == [[1, 2], [1, 2]]
    assert np.isnan([row[2] for row in law]).all()


def test_seeds_are_one_cell_and_show_their_median():
    _, mark = drawn(members(a=(1, 2), eta=(0.1, 0.2), seed=(0, 1, 2)), [1, 5, 2, *[0] * 9])
    assert images(mark)[0][1][0] == 2


def test_a_click_puts_the_member_of_a_cell_in_focus():
    picked = []
    _, mark = drawn(members(a=(1, 2, 3), eta=(0.1, 0.2)), range(6), picked.append)
    mark.tap(1.5, 0.5)
    mark.tap(1.5, 1.5)
    mark.tap(-0.5, 0.5)
    assert picked == [2, 3]


def test_a_diverged_member_has_no_colour():
    run, mark = drawn(members(a=(1, 2), eta=(0.1, 0.2)), range(4))
    run.diverged_at[3] = 0
    show(mark, run)
    assert np.isnan(images(mark)[0][0][1])


def judged(run):
    return [below("loss", [float(run["loss"][-1, member]) for member in range(len(run.configs))], 10)]


def test_a_map_shows_what_a_claim_measures_on_the_members_of_each_cell():
    run = recorded(members(a=(1, 2), eta=(0.1, 0.2), seed=(0, 1)), (0, 1), loss=np.arange(8.0))
    run.preset = Preset(name="p", title="p", look_for="", judge=judged)
    assert claims(run, 3) == ["loss"]
    mark = picture(MapMark, run, {"channels": (f"{CLAIM}0",), "kind": "map"}, log_y=False)
    assert images(mark)[0] == [[3, 7], [1, 5]], "the worst of the seeds of a cell is what a claim measures"
    assert labels(mark.figure.xaxis) == ["1", "2"]


def test_a_claim_that_cannot_be_told_of_one_cell_leaves_it_blank():
    run = recorded(members(a=(1, 2), eta=(0.1, 0.2)), (0, 1), loss=np.arange(4.0))
    mark = picture(MapMark, run, {"channels": (f"{CLAIM}0",), "kind": "map"}, log_y=False)
    assert np.isnan(mark.source.data["image"][0]).all()
