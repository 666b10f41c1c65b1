import numpy as np
import pytest
from bokeh.models import BoxZoomTool, PanTool

from dashboard.figures.marks.figure import FigureOptions
from dashboard.figures.marks.space import DOT, GUIDE, SpaceMark
from dashboard.ui.palette import GREY
from engines.core.protocol.declarations import Channel, Plot
from tests.core.toy import ToyEngine
from tests.dashboard.figures.examples import members, recorded, show

CLASSES = ("one", "two", "frame")


class Spatial(ToyEngine):
    channels = tuple(Channel(name=name, label=name, doc=name, dims=("point",)) for name in ("x", "y", "z", "kind"))


def space(*axes, kinds=(0, 1, 2), steps=(0,), **blocks):
    configs = members(a=(1, 2))
    both = {name: np.array([values, values[::-1]], float) for name, values in {**blocks, "kind": kinds}.items()}
    run = recorded(configs, steps, **both)
    plot = Plot(name="p", title="p", doc="p", channels=axes, kind="space", by="kind", classes=CLASSES, guide="frame")
    mark = SpaceMark(plot, Spatial(), FigureOptions(False, False), lambda member: None)
    show(mark, run)
    return run, mark


def test_points_have_the_hue_of_their_class_and_the_guide_is_thin_and_grey():
    _, mark = space("x", "y", x=(1, 2, 3), y=(0, 0, 4))
    data = mark.source.data
    assert data["name"] == list(CLASSES)
    assert len(set(data["color"][:2])) == 2
    assert data["color"][2] == GREY
    assert data["size"] == [DOT, DOT, GUIDE]
    assert [line["label"] for line in mark.legend] == list(CLASSES)


def test_the_window_holds_every_point_however_it_is_turned_and_those_of_the_start_too():
    run, mark = space("x", "y", "z", x=(1, 2, 3), y=(0, 0, 4), z=(0, 0, 12))
    assert mark.figure.y_range.end == pytest.approx(13 * 1.08)
    assert mark.figure.y_range.start == -mark.figure.y_range.end
    near = {name: 0.01 * run.recording.dense[name][0] for name in "xyz"}
    run.recording.dense.append(5, {**near, "kind": run.recording.dense["kind"][0]})
    show(mark, run, step=5)
    assert mark.source.data["x"] == [0.01, 0.02, 0.03]
    assert mark.figure.y_range.end == pytest.approx(13 * 1.08)


def test_dragging_turns_three_directions_and_leaves_two_alone():
    _, flat = space("x", "y", x=(1, 2, 3), y=(0, 0, 4))
    _, solid = space("x", "y", "z", x=(1, 2, 3), y=(0, 0, 4), z=(0, 0, 1))
    moving = (PanTool, BoxZoomTool)
    assert any(isinstance(tool, moving) for tool in flat.figure.tools)
    assert not any(isinstance(tool, moving) for tool in solid.figure.tools)
    assert "pan" in solid.figure.js_event_callbacks
    assert "pan" not in flat.figure.js_event_callbacks
    assert solid.note == "drag to turn"


def test_what_is_not_finite_is_left_out_and_the_table_has_the_middle_of_each_class():
    _, mark = space("x", "y", x=(1, 2, np.nan, 5), y=(0, 0, 4, 2), kinds=(0, 0, 1, 2))
    assert mark.source.data["x"] == [1, 2, 5]
    assert mark.numbers.rows == [["one", "2", "1.5", "0"]]


def test_another_member_in_focus_is_shown():
    run, mark = space("x", "y", x=(1, 2, 3), y=(0, 0, 4))
    show(mark, run, focus=1)
    assert mark.source.data["x"] == [3, 2, 1]
