import numpy as np

from dashboard.figures.marks.scatter import MOST_POINTS, ScatterMark
from dashboard.figures.tables import html_table, summary
from engines.core.protocol.declarations import Plot
from tests.dashboard.figures.examples import ENGINE, members, picture, recorded

PLOT = {"channels": ("x",), "kind": "scatter", "by": "kind", "classes": ("clean", "corrupted"), "symlog": 1e-3}


def classed(values, kinds, **options):
    run = recorded(members(a=(1, 2)), x=np.array(values, float), kind=np.array(kinds, float))
    return run, picture(ScatterMark, run, {**PLOT, **options.pop("plot", {})}, **options)


def test_the_points_of_the_member_in_focus_have_the_hue_of_their_class():
    _, mark = classed([[1, 2, 3], [4, -5, 6]], [[0, 0, 1], [1, 0, 0]], focus=1)
    data = mark.source.data
    assert dict(zip(data["y"], data["name"], strict=True)) == {4: "corrupted", -5: "clean", 6: "clean"}
    assert dict(zip(data["index"], data["x"], strict=True)) == {1: 1, 2: 2, 3: 3}
    assert len(set(zip(data["name"], data["color"], strict=True))) == 2


def test_a_rare_class_is_drawn_last_whatever_its_place():
    _, mark = classed([[1, 2, 3], [1, 2, 3]], [[0, 1, 1], [0, 1, 1]])
    assert mark.source.data["name"] == ["corrupted", "corrupted", "clean"]


def test_a_rare_class_is_whole_where_the_others_are_thinned_and_the_page_says_so():
    kinds = np.zeros((2, 5 * MOST_POINTS))
    kinds[:, :30] = 1
    _, mark = classed(np.ones((2, 5 * MOST_POINTS)), kinds)
    drawn = mark.source.data["name"]
    assert MOST_POINTS / 2 < len(drawn) <= MOST_POINTS
    assert drawn.count("corrupted") == 30
    assert mark.note == f"{len(drawn):,} of 5,000 points drawn"
    assert [line["label"] for line in mark.legend] == [f"clean, {len(drawn) - 30} of 4,970", "corrupted, 30"]


def test_a_class_without_points_is_named_nowhere():
    _, mark = classed([[1, 2, 3], [1, 2, 3]], [[1, 1, 1], [1, 1, 1]])
    assert [line["label"] for line in mark.legend] == ["corrupted, 3"]
    assert [row[0] for row in mark.numbers.rows] == ["corrupted"]


def test_what_a_logarithmic_axis_cannot_draw_is_said():
    _, mark = classed([[1, -2, 3], [1, 1, 1]], [[0, 0, 1], [0, 0, 0]], plot={"symlog": 0.0})
    assert mark.note == "2 of 3 points drawn"
    _, mark = classed([[1, -2, np.nan], [1, 1, 1]], [[0, 0, 1], [0, 0, 0]])
    assert mark.note == "2 points"


def test_two_channels_are_drawn_against_each_other_in_the_hues_of_the_curves():
    run = recorded(members(a=(1, 2)), x=np.array([[1.0, 2.0], [3.0, 4.0]]), kind=np.array([[5.0, 6.0], [7.0, 8.0]]))
    plot = {"channels": ("x", "kind"), "kind": "scatter"}
    data = picture(ScatterMark, run, plot).source.data
    assert (data["x"], data["y"]) == ([1, 2, 3, 4], [5, 6, 7, 8])
    assert len(set(data["color"])) == 2


def test_table_and_summary_say_how_each_class_is_spread():
    run, mark = classed([[1, 2, 30], [4, 5, 6]], [[0, 0, 1], [0, 0, 0]])
    assert mark.numbers.rows == [["clean", "2", "1", "1.5", "2"], ["corrupted", "1", "30", "30", "30"]]
    plot = Plot(name="p", title="Residuals", doc="By class.", **PLOT)
    assert "<th scope='row'>corrupted</th><td>1</td>" in html_table("Residuals", mark.numbers)
    assert "class corrupted; points 1;" in summary(plot, ENGINE, run, (), 0, mark.numbers)
