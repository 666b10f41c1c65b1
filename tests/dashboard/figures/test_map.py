import numpy as np

from dashboard.figures.marks.map import MapMark
from tests.dashboard.figures.examples import members, picture, recorded, show


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
    assert mark.source.data["name"] == ["measured", "theory: law"]
    law = images(mark)[1]
    assert [row[:2] for row in law] == [[1, 2], [1, 2]]
    assert np.isnan([row[2] for row in law]).all()


def test_seeds_are_one_cell_and_show_their_median():
    _, mark = drawn(members(a=(1, 2), eta=(0.1, 0.2), seed=(0, 1, 2)), [1, 5, 2, *[0] * 9])
    assert images(mark)[0][1][0] == 2


def test_a_click_puts_the_member_of_a_cell_in_focus():
    picked = []
    _, mark = drawn(members(a=(1, 2, 3), eta=(0.1, 0.2)), range(6), picked.append)
    mark._tapped(1.5, 0.5)
    mark._tapped(1.5, 1.5)
    mark._tapped(-0.5, 0.5)
    assert picked == [2, 3]


def test_a_diverged_member_has_no_colour():
    run, mark = drawn(members(a=(1, 2), eta=(0.1, 0.2)), range(4))
    run.diverged_at[3] = 0
    show(mark, run)
    assert np.isnan(images(mark)[0][0][1])
