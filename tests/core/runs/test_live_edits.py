"""Knobs that are turned together are one edit: they may contradict each other until the last is turned."""

import numpy as np
import pytest

from engines.core import api
from engines.core.data.recording import Event
from engines.core.live.runner import Runner
from engines.core.live.scheduler import Scheduler
from engines.core.protocol.errors import ConfigError
from engines.core.runs.experiment import Experiment
from engines.core.runs.replay import simulation_at
from tests.core.live.playing import wait_until
from tests.core.toy import ENGINE, Toy

TURNED = {"shift": 1.0, "eta": 1.5}
TOGETHER = [(5, "shift", 1.0, [0, 1]), (5, "eta", 1.5, [0, 1])]


@pytest.fixture(autouse=True)
def contradiction(monkeypatch):
    """Values of the toy that contradict each other where only one of the two knobs is turned."""

    def check(self):
        if self.shift > self.eta:
            raise ConfigError(f"Toy.shift={self.shift} is above eta={self.eta}")

    monkeypatch.setattr(Toy, "check", check)


def experiment(edits=()):
    return Experiment.from_preset(ENGINE, set={"a": [0.5, 1.0]}, steps=20, edits=edits)


def headless(edits=TOGETHER):
    described = experiment(edits)
    return api.simulate(api.new_run(described), described.steps, edits=described.edits)


@pytest.fixture
def play():
    """Play an experiment to its end; `turn` is called with the runner before."""
    scheduler, runners = Scheduler(), []

    def play(described, turn=lambda runner: None):
        runner = Runner(ENGINE, described.configs(), horizon=20, scheduler=scheduler, edits=described.edits)
        runners.append(runner)
        turn(runner)
        runner.play()
        wait_until(lambda: scheduler.active() == 0)
        return runner

    yield play
    for runner in runners:
        runner.close()


def test_a_run_makes_them_at_once_and_repeats_them_bit_for_bit(tmp_path):
    run = headless()
    assert run.configs[0] == Toy(a=0.5, **TURNED)
    np.testing.assert_array_equal(simulation_at(run, 20, 1).observe().values["x"][0], run["x"][-1, 1])
    longer = api.resume(run, 40)
    assert longer.notes == () and longer.steps[-1] == 40
    again = Experiment.from_json(ENGINE, Experiment.from_run(run).to_json())
    assert again.edits == tuple(Event(*values[:3], (0, 1)) for values in TOGETHER)


def test_one_by_one_in_either_order_the_last_state_counts():
    assert headless(TOGETHER[::-1])["x"][-1] == pytest.approx(headless()["x"][-1])
    with pytest.raises(ConfigError, match="is above eta"):
        experiment([TOGETHER[0], (6, *TOGETHER[1][1:])])


def test_a_page_turns_them_as_one_event_and_a_link_plays_them_again(play):
    start = experiment()
    turned, edits = start.edit(TURNED)
    assert turned.configs() == [Toy(a=a, **TURNED) for a in (0.5, 1.0)]
    live = play(start, lambda runner: (runner.step(5), wait_until(lambda: len(runner.run) == 6), runner.apply(*edits)))
    assert live.status.message == ""
    assert [event.step for event in live.run.recording.events] == [5, 5]
    assert len(live.run) == 21  # the frame before the edit is recorded once
    planned = play(experiment(TOGETHER))
    np.testing.assert_array_equal(planned.run["x"], live.run["x"])
    np.testing.assert_array_equal(headless()["x"], live.run["x"])
