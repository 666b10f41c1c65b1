import numpy as np
import pytest

from dashboard.figures.marks.figure import FigureOptions
from dashboard.figures.marks.line import LineMark, LineSpec
from dashboard.figures.marks.path import PathMark
from dashboard.figures.marks.streamed_source import Column, StreamedSource
from dashboard.figures.overlays import OverlayCurve
from dashboard.session.curves import curves
from engines.core.protocol.declarations import Plot
from engines.core.runs.run import Run
from tests.dashboard.figures.examples import ENGINE, members

LOSS, OVER = np.array([1.0, 1e-4, -1e-4, -1.0]), np.array([1.0, 1e-2, 1e-4, 1e-6])


def drawn(kind, x, log_y=True, symlog=1e-6):
    """Two members; the second has twice the values of the first."""
    run = Run(ENGINE, members(a=(1, 2)))
    for step, (loss, over) in enumerate(zip(LOSS, OVER, strict=True)):
        run.recording.dense.append(step, {"loss": loss * np.array([1, 2]), "rare": over * np.array([1, 2])})
    both = curves(run.configs)
    feed = StreamedSource([Column(curve, name) for curve in both for name in ("loss", "rare")])
    feed.update(run)
    plot = Plot(name="p", title="p", doc="p", channels=("loss",), x=x, symlog=symlog)
    strokes = [LineSpec(Column(curve, "loss"), curve.label, "loss", curve.color, "solid") for curve in both]
    quiet = {"on_zoom": lambda: None, "on_reset": lambda: None, "on_tap": lambda key: None}
    mark = kind(plot, ENGINE, strokes, feed, FigureOptions(True, log_y), **quiet)
    mark.show_cursor(run, 3, False)
    mark.follow(3, 3)
    return run, mark


def test_the_source_holds_raw_values_whatever_the_scale():
    _, mark = drawn(LineMark, "step")
    assert mark.stream.source.data["c0.loss"].tolist() == LOSS.tolist()


def test_the_range_of_a_line_on_both_signs_shows_all_of_it_in_places():
    _, mark = drawn(LineMark, "step")
    low, high = mark.figure.y_range.start, mark.figure.y_range.end
    assert low < mark.scale.places(-2.0) and mark.scale.places(2.0) < high < 8


def test_a_click_picks_the_curve_where_the_scale_draws_it():
    _, mark = drawn(LineMark, "step")
    assert mark.nearest_curve(2.0, float(mark.scale.places(-2e-4))) == "c1"
    assert mark.nearest_curve(2.0, float(mark.scale.places(-1e-4))) == "c0"
    assert mark.nearest_curve(2.0, 0.0) == ""


def test_a_linear_switch_draws_raw_values():
    _, mark = drawn(LineMark, "step", log_y=False)
    assert mark.figure.y_range.end == pytest.approx(2 + 0.06 * 4)
    assert mark.nearest_curve(3.0, -1.0) == "c0"


def test_a_path_begins_with_a_ring_and_ends_with_a_dot():
    _, mark = drawn(PathMark, "rare")
    ends = mark.ends.data
    assert ends["fill"] == [0, 0, 1, 1]
    assert ends["x"] == pytest.approx([1, 2, 1e-6, 2e-6])
    assert ends["y"] == pytest.approx([1, 2, -1, -2])


def test_the_dots_are_at_the_step_that_is_looked_at():
    run, mark = drawn(PathMark, "rare")
    mark.show_cursor(run, 1, True)
    assert mark.ends.data["x"] == pytest.approx([1, 2, 1e-2, 2e-2])


def test_a_dot_never_runs_ahead_of_its_curve():
    run, mark = drawn(PathMark, "rare")
    run.recording.dense.append(4, {"loss": np.ones(2), "rare": np.ones(2) * 1e-9})
    mark.show_cursor(run, 4, False)
    assert mark.ends.data["x"][-1] == pytest.approx(2e-6)


def test_both_ranges_of_a_path_hold_all_of_it():
    _, mark = drawn(PathMark, "rare")
    across = mark.figure.x_range
    assert 1e-8 < across.start < 1e-6 and 2 < across.end < 20
    assert mark.figure.y_range.start < mark.scale.places(-2.0)


def test_a_click_picks_the_path_that_is_near_on_both_axes():
    _, mark = drawn(PathMark, "rare")
    assert mark.nearest_curve(1e-2, float(mark.scale.places(1e-4))) == "c0"
    assert mark.nearest_curve(2e-2, float(mark.scale.places(2e-4))) == "c1"
    assert mark.nearest_curve(1e-3, float(mark.scale.places(1.0))) == ""


def test_a_pinned_run_is_a_path_too():
    _, mark = drawn(PathMark, "rare")
    steps = np.arange(3)
    values = {"rare": [3.0, 2.0, 1.0], "loss": [0.0, 1e-3, -1e-3]}
    mark.show_overlays({name: [OverlayCurve(steps, np.array(each), None, "grey")] for name, each in values.items()})
    overlays = mark.sources["overlays"].data
    assert overlays["xs"] == [[3, 2, 1]]
    assert overlays["ys"] == [mark.scale.places([0.0, 1e-3, -1e-3]).tolist()]
