import numpy as np

from dashboard.figures.marks.vectors import BarsMark, ProfileMark
from tests.dashboard.figures.examples import members, picture, recorded


def bars(*channels):
    run = recorded(members(a=(1,)), **{name: np.array([[1.0, 2.0]]) for name in channels})
    return picture(BarsMark, run, {"channels": channels, "kind": "bars"}, log_y=False)


def test_bars_of_several_channels_are_told_apart_in_the_legend():
    mark = bars("x", "kind")
    assert [(sample["label"], sample["dash"]) for sample in mark.legend] == [("x", "dot"), ("kind", "ring")]
    assert len(set(mark.source.data["color"])) == 1, "the colour is the member's"
    filled, hollow = mark.source.data["fill"][0], mark.source.data["fill"][-1]
    assert mark.source.data["fill"] == [filled, filled, hollow, hollow] and hollow < filled


def test_bars_of_one_channel_need_no_legend():
    assert bars("x").legend == []


def test_bars_are_called_what_the_plot_calls_them():
    run = recorded(members(a=(1,)), x=np.array([[1.0, 2.0]]))
    mark = picture(BarsMark, run, {"channels": ("x",), "kind": "bars", "labels": ("first", "second")}, log_y=False)
    assert mark.figure.xaxis[0].major_label_overrides == {1: "first", 2: "second"}
    assert mark.source.data["place"] == ["first", "second"]


def profile(values, log_y=True, **plot):
    run = recorded(members(a=tuple(range(1, len(values) + 1))), x=np.array(values, float))
    return picture(ProfileMark, run, {"channels": ("x",), "kind": "profile", **plot}, log_y=log_y)


def test_every_curve_has_a_line_through_its_points():
    mark = profile([[1, 2, 4], [3, 2, 1]])
    assert mark.lines.data["ys"] == [[1, 2, 4], [3, 2, 1]]
    assert mark.lines.data["xs"] == [[0, 1, 2]] * 2
    assert len(set(mark.lines.data["color"])) == 2
    assert mark.source.data["y"] == [1, 2, 4, 3, 2, 1]


def test_a_shorter_vector_ends_early_and_a_logarithmic_axis_has_no_room_for_zero():
    mark = profile([[1, 2, 4], [3, 0, np.nan]])
    assert mark.lines.data["xs"] == [[0, 1, 2], [0]]
    assert profile([[1, 2, 4], [3, 0, np.nan]], log_y=False).lines.data["ys"][1] == [3, 0]


def test_points_of_a_profile_are_called_what_the_plot_calls_them():
    mark = profile([[1, 2, 4]], labels=("input",))
    assert mark.figure.xaxis[0].major_label_overrides == {0: "input", 1: "2", 2: "3"}
    assert mark.source.data["place"] == ["input", "2", "3"]
    assert [row[0] for row in mark.numbers.rows] == ["input", "2", "3"]
    assert [row[1] for row in mark.numbers.rows] == ["1", "2", "4"]


def test_seeds_that_are_one_curve_show_their_median():
    run = recorded(members(seed=(1, 2, 3)), x=np.array([[1.0, 5.0], [2.0, 7.0], [9.0, 6.0]]))
    mark = picture(ProfileMark, run, {"channels": ("x",), "kind": "profile"})
    assert mark.lines.data["ys"] == [[2, 6]]


def test_a_profile_shows_no_room_for_laws_of_points_that_it_cannot_place():
    across, law = np.array([[0.0, 10.0, 100.0]]), np.array([[1e-16, 3.0, 5.0]])
    run = recorded(members(a=(1,)), x=law, kind=across)
    plot = {"channels": ("x", "x"), "kind": "profile", "x": "kind", "log_x": True}
    assert picture(ProfileMark, run, plot).figure.y_range.start > 1


def test_a_profile_over_another_vector_has_its_law_dashed():
    run = recorded(
        members(a=(1, 2)), x=np.array([[1.0, 2.0, 4.0], [8.0, 4.0, 2.0]]), kind=np.array([[1.0, 10.0, 100.0]] * 2)
    )
    mark = picture(ProfileMark, run, {"channels": ("x", "kind"), "kind": "profile", "x": "kind", "log_x": True})
    assert mark.lines.data["ys"] == [[], []] and mark.source.data["y"] == [1, 2, 4, 8, 4, 2]
    assert mark.source.data["x"] == [1, 10, 100] * 2
    assert mark.dashed.data["ys"] == [[1, 10, 100]] * 2
    assert [entry["dash"] for entry in mark.legend] == ["dashed"]
    assert mark.numbers.heads == ["i", "a = 1", "a = 2", "kind, a = 1", "kind, a = 2"]
    assert mark.numbers.rows[0] == ["1", "1", "8", "1", "1"]
    assert (mark.figure.x_range.start, mark.figure.x_range.end) != (-0.3, 2.3)
