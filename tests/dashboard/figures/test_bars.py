import numpy as np

from dashboard.figures.marks.bars import BarsMark
from tests.dashboard.figures.examples import members, picture, recorded


def bars(*channels):
    run = recorded(members(a=(1,)), **{name: np.array([[1.0, 2.0]]) for name in channels})
    return picture(BarsMark, run, {"channels": channels, "kind": "bars"}, log_y=False)


def test_bars_of_several_channels_are_told_apart_in_the_legend():
    mark = bars("x", "kind")
    hues = [sample["color"] for sample in mark.legend]
    assert [sample["label"] for sample in mark.legend] == ["x", "kind"]
    assert mark.source.data["color"] == [hues[0], hues[0], hues[1], hues[1]]


def test_bars_of_one_channel_need_no_legend():
    assert bars("x").legend == []


def test_components_are_called_what_the_plot_calls_them():
    run = recorded(members(a=(1,)), x=np.array([[1.0, 2.0]]))
    mark = picture(BarsMark, run, {"channels": ("x",), "kind": "bars", "labels": ("first", "second")}, log_y=False)
    assert mark.figure.xaxis[0].major_label_overrides == {1: "first", 2: "second"}
    assert mark.source.data["place"] == ["first", "second"]
