from dashboard.figures.marks.phases import EVER, phase_columns
from engines.core.protocol.declarations import Phase

PHASES = [Phase(step=30, label="fit", doc="it fits"), Phase(step=0, label="growth"), Phase(step=40, label="tail")]


def spans(window, log=False):
    found = phase_columns(PHASES, window, log)
    return list(zip(found["left"], found["right"], found["label"], strict=True))


def named(window, log=False):
    return [text for text in phase_columns(PHASES, window, log)["text"] if text]


def test_each_phase_is_a_span_up_to_the_next():
    assert [(left, right) for left, right, _ in spans((0, 100))][1:] == [(30, 40), (40, EVER)]
    assert [label for *_, label in spans((0, 100))] == ["growth", "fit", "tail"]
    assert phase_columns(PHASES, (0, 100), False)["doc"] == ["", "it fits", ""]


def test_neighbours_differ_in_their_tint():
    tints = phase_columns(PHASES, (0, 100), False)["tint"]
    assert tints[0] == tints[2] != tints[1]


def test_a_name_stands_where_its_span_has_room_for_it():
    assert named((0, 2000)) == ["tail"]
    assert named((0, 100)) == ["growth", "fit", "tail"]


def test_a_name_moves_into_the_window_with_its_span():
    assert phase_columns(PHASES, (35, 60), False)["at"][1:] == [35, 40]


def test_a_logarithmic_axis_shows_what_began_at_step_zero():
    (left, right, label), *_ = spans((1, 1e4), log=True)
    assert 0 < left < 1 and (right, label) == (30, "growth")


def test_a_phase_without_a_step_of_its_own_is_no_span():
    twice = [*PHASES, Phase(step=40, label="floor")]
    assert "tail" not in phase_columns(twice, (0, 100), False)["label"]
