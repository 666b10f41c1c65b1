import numpy as np

from dashboard.figures.marks.heat import LARGEST, HeatMark
from tests.dashboard.figures.examples import members, picture, recorded

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
    mark = heat(np.ones((2 * LARGEST, 4)), np.ones((4, 4)))
    assert mark.source.data["image"][0].shape == (LARGEST, 4)
    assert mark.note == f"{LARGEST} × 4 of {2 * LARGEST} × 4 entries drawn"
