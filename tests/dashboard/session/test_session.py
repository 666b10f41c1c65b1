"""What is open can be edited, undone, redone and come back to."""

import numpy as np
import pytest

from dashboard.session.history import live_edits
from dashboard.session.session import Session
from engines.core.runs.experiment import Experiment
from tests.core.live.playing import wait_until
from tests.core.toy import ENGINE, Toy


@pytest.fixture
def session():
    opened = Session(ENGINE)
    opened.paused, opened.speed = True, "max"
    opened.start(Experiment.from_preset(ENGINE, ENGINE.preset("first"), {"a": 1.0, "seed": 0}, steps=1000))
    yield opened
    opened.close()


def walk(session, to):
    steps = lambda: session.runner.run.steps  # noqa: E731
    wait_until(lambda: len(steps()))
    session.step(to - int(steps()[-1]))
    wait_until(lambda: steps()[-1] == to and not session.runner.status.playing)


def knobs(session):
    return {name: getattr(session.configs[0], name) for name in ("d", "a", "eta")}


def test_edits_are_undone_one_by_one_and_redone_until_another_is_made(session):
    before = knobs(session)
    for values in ({"d": 4}, {"a": 2.0}, {"eta": 0.3}):
        session.edit(values)
    session.undo()
    assert knobs(session) == {"d": 4, "a": 2.0, "eta": 0.1}
    session.undo()
    session.undo()
    assert knobs(session) == before and not session.history.can_undo
    session.undo()  # there is nothing more
    assert knobs(session) == before
    session.redo()
    assert knobs(session) == {"d": 4, "a": 1.0, "eta": 0.1}
    session.edit({"a": 5.0})
    assert not session.history.can_redo
    session.undo()
    assert knobs(session) == {"d": 4, "a": 1.0, "eta": 0.1}


def test_a_live_knob_is_turned_back_while_the_run_goes_on(session):
    walk(session, 30)
    run = session.runner.run
    session.edit({"eta": 0.3})
    session.undo()
    walk(session, 40)
    assert session.runner.run is run and run.configs[0].eta == 0.1
    assert session.edited.unjudged.startswith("a 1, 2 → 1, η on the way")


def test_what_was_begun_again_is_undone_with_the_live_edits_at_their_steps(session):
    walk(session, 30)
    session.edit({"eta": 0.3})
    walk(session, 60)
    losses = session.runner.run["loss"][:, 0]
    session.edit({"a": 2.0})
    session.undo()
    assert knobs(session)["eta"] == 0.3
    walk(session, 60)
    np.testing.assert_array_equal(session.runner.run["loss"][:, 0], losses)


def test_members_that_get_different_values_need_a_restart():
    before = [Toy(eta=0.1), Toy(eta=0.2)]
    assert live_edits(before, [Toy(eta=0.3), Toy(eta=0.4)]) is None
    assert live_edits(before, [Toy(a=2.0, eta=0.1), Toy(a=2.0, eta=0.2)]) is None
    assert live_edits(before, before[:1]) is None
    assert live_edits(before, before) == []
    (edit,) = live_edits(before, [Toy(eta=0.3), Toy(eta=0.3)])
    assert (edit.knob, edit.value, edit.members) == ("eta", 0.3, (0, 1))


def test_a_pause_and_a_cursor_are_come_back_to_however_slow_the_run_is_shown(session):
    session.set_speed("5")
    session.come_back_to(20, 60)
    session.go_on()
    assert session.paused_at == 60
    wait_until(lambda: session.collect() or (session.cursor == 20 and session.pending_pause is None))
    wait_until(lambda: not session.runner.status.playing)
    assert session.paused and session.paused_at == session.runner.run.steps[-1] == 60
    assert session.runner.speed == 5


def test_a_branch_shows_the_knobs_of_the_step_that_was_gone_back_to(session):
    walk(session, 30)
    session.edit({"eta": 0.3})
    walk(session, 60)
    session.scrub(session.runner.run.recording.dense.index_at(20))
    session.branch()
    wait_until(lambda: session.runner.run.steps[-1] == 20)
    assert knobs(session)["eta"] == session.runner.run.configs[0].eta == 0.1
    assert "η" not in session.edited.line
