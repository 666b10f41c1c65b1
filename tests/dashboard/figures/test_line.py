from dashboard.figures.marks import line
from engines.core.protocol.declarations import Phase

PHASES = [Phase(step=0, label="growth"), Phase(step=30, label="fit"), Phase(step=40, label="tail")]


def said(window, log=False):
    found = line.phase_columns(PHASES, window, log)
    return list(zip(found["x"], found["label"], strict=True))


def test_labels_that_would_collide_are_written_as_one():
    assert said((0, 2000)) == [(0, ""), (30, ""), (40, "growth · fit · tail")]
    assert said((0, 100)) == [(0, "growth"), (30, ""), (40, "fit · tail")]
    assert said((0, 60)) == [(0, "growth"), (30, "fit"), (40, "tail")]


def test_a_logarithmic_axis_has_no_step_zero():
    assert said((1, 1e4), log=True) == [(30, ""), (40, "fit · tail")]


def test_a_label_near_the_end_is_written_to_the_left():
    assert line.phase_columns(PHASES, (0, 45), False)["side"] == ["left", "left", "right"]
