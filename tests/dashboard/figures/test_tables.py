import numpy as np

from dashboard.figures.marks.heatmap import HeatMark
from dashboard.figures.marks.streamed_source import Column
from dashboard.figures.marks.vectors import BarsMark
from dashboard.figures.tables import COLUMNS, ROWS, html_table, recorded_table
from dashboard.session.curves import Curve
from tests.dashboard.figures.examples import members, picture, recorded


def curve(*who):
    return Curve(
        "c",
        "c",
        "#000000",
        who,
    )


def test_a_line_has_a_row_a_step_and_a_band_its_median():
    run = recorded(members(a=(1, 2, 3)), x=np.array([1.0, 5.0, 3.0]))
    found = recorded_table(run, [("all", Column(curve(0, 1, 2), "x")), ("second", Column(curve(1), "x"))])
    assert found == (["step", "all", "second"], [["0", "3", "5"]], "")


def test_the_components_of_a_vector_have_columns_of_their_own():
    run = recorded(members(a=(1, 2)), x=np.array([[1.0, 2.0], [3.0, 4.0]]))
    columns = [(f"value {part + 1}", Column(curve(1), "x", part)) for part in range(2)]
    assert recorded_table(run, columns).rows == [["0", "3", "4"]]


def test_long_runs_and_many_curves_are_thinned_and_the_table_says_so():
    run = recorded(members(a=(1,)), x=np.array([1.0]))
    for step in range(1, 101):
        run.recording.dense.append(step, {"x": np.array([float(step)]), "kind": np.array([0.0])})
    found = recorded_table(run, [(str(place), Column(curve(0), "x")) for place in range(COLUMNS + 1)])
    assert len(found.rows) == ROWS and found.rows[-1][:2] == ["100", "100"]
    assert found.note == f"{ROWS} of 101 recorded steps, {COLUMNS} of {COLUMNS + 1} curves"


def test_nothing_recorded_is_said():
    run = recorded(members(a=(1,)), x=np.array([1.0]))
    assert recorded_table(run, [("y", Column(curve(0), "not recorded"))]).note == "Nothing is recorded yet."
    assert recorded_table(run, []).note == "Nothing is recorded yet."


def test_a_matrix_has_its_entries_at_its_rows_and_columns():
    matrix = np.arange(6.0).reshape(2, 3)
    run = recorded(members(a=(1,)), x=matrix[None])
    mark = picture(HeatMark, run, {"channels": ("x",), "kind": "heatmap"})
    assert mark.numbers == (["row \\ column", "1", "2", "3"], [["1", "0", "1", "2"], ["2", "3", "4", "5"]], "")


def test_a_large_matrix_is_thinned_to_its_corners():
    matrix = np.arange(900.0).reshape(30, 30)
    mark = picture(HeatMark, recorded(members(a=(1,)), x=matrix[None]), {"channels": ("x",), "kind": "heatmap"})
    assert mark.numbers.rows[-1][-1] == "899" and mark.numbers.heads[-1] == "30"
    assert mark.numbers.note == f"{ROWS} × {COLUMNS} of 30 × 30 entries"


def test_bars_are_all_in_the_table_also_those_that_a_logarithmic_axis_cannot_show():
    run = recorded(members(a=(1,)), x=np.array([[1.0, -2.0, 0.0]]))
    mark = picture(BarsMark, run, {"channels": ("x",), "kind": "bars", "log_y": True})
    assert [row[1] for row in mark.numbers.rows] == ["1", "−2", "0"]


def test_a_table_names_its_rows_and_what_it_is_of():
    run = recorded(members(a=(1,)), x=np.array([[1.0, 2.0]]))
    html = html_table("Sizes <all>", picture(BarsMark, run, {"channels": ("x",), "kind": "bars"}).numbers)
    assert "<caption>Sizes &lt;all&gt;</caption>" in html and html.count("scope='row'") == 2
