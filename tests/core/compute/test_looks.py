"""Steps that are observed together: their frames are those of steps observed one by one, to the last bit."""

import numpy as np
import pytest
import torch

from engines.core.compute import frames as walking
from engines.core.compute import looks
from engines.core.compute.checkpoints import Checkpoints
from engines.core.compute.frames import frames
from engines.core.compute.simulation import Simulation
from engines.core.protocol.errors import EngineFailure
from tests.core.compute.test_simulation import DIVERGING, GONE, HUGE, MEMBERS, assert_same
from tests.core.toy import ENGINE, Toy, ToyEngine
from tests.pretend_gpu import pretended

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


class Counting(ToyEngine):
    """Counts how often channels are asked for; where `alone` they are asked for step by step."""

    def __init__(self, alone=False):
        self.alone, self.asked = alone, 0

    def gather(self, problem, index):
        return None if self.alone else problem

    def observe(self, problem, state, knobs):
        self.asked += 1
        return super().observe(problem, state, knobs)


def watched(engine, members, stop=150, device=CPU):
    running = Simulation(engine, members, device)
    return [running.observe(), *(frame for frame, _ in frames(running, stop))], running


@pytest.mark.parametrize("members", [MEMBERS[:1], MEMBERS, [*MEMBERS, DIVERGING]], ids=["one", "three", "diverging"])
def test_steps_observed_together_have_the_frames_of_steps_observed_one_by_one(members):
    together, alone = Counting(), Counting(alone=True)
    (found, here), (expected, there) = watched(together, members), watched(alone, members)
    assert_same(found, expected)
    np.testing.assert_array_equal(here.diverged_at, there.diverged_at)
    assert alone.asked == len(expected)
    if DIVERGING in members:
        assert here.diverged_at[-1] == GONE
    else:
        assert together.asked <= 1 + len(found) / looks.TOGETHER + 2


def test_states_that_cannot_be_observed_because_a_member_diverged_are_observed_one_by_one():
    class Refusing(Counting):
        def observe(self, problem, state, knobs):
            if (state.x.abs() >= HUGE).any():
                raise np.linalg.LinAlgError("a solver refuses what is so large")
            return super().observe(problem, state, knobs)

    members = [*MEMBERS, DIVERGING]
    (found, here), (expected, _) = watched(Refusing(), members), watched(Counting(alone=True), members)
    assert_same(found, expected)
    assert here.diverged_at[-1] == GONE


def test_each_frame_comes_with_the_state_that_it_shows():
    running, again = (Simulation(ENGINE, [*MEMBERS, DIVERGING], CPU) for _ in range(2))
    kept = Checkpoints()
    for frame, state in frames(running, 60):
        again.restore(state)
        assert again.step == frame.step
        np.testing.assert_array_equal(again.observe().values["x"], frame.values["x"])
        kept.save_if_due(state)
    assert kept.before(60).step in running.thin


def test_looks_that_lie_far_apart_do_not_wait_for_one_another(monkeypatch):
    running = Simulation(ENGINE, MEMBERS, CPU)
    running.advance(20_000)
    coming = frames(running, 30_000)
    frame, _ = next(coming)
    assert running.step - frame.step < walking.WALK


def test_states_that_are_large_are_observed_one_by_one():
    assert Simulation(ENGINE, [Toy(d=100)] * 400, CPU).batches[0].looks.most == 2
    assert Simulation(ENGINE, [Toy(d=100)] * 1500, CPU).batches[0].looks.most == 1


def test_a_channel_that_is_not_as_declared_is_a_sentence_where_steps_are_observed_together(monkeypatch):
    running = Simulation(ENGINE, MEMBERS, CPU)
    monkeypatch.setattr(ToyEngine, "observe", lambda self, problem, state, knobs: {"loss": state.x[:, 0]})
    with pytest.raises(EngineFailure, match="does not give the declared channel 'x'"):
        list(frames(running, 20))


def test_a_gpu_goes_on_while_what_it_observed_is_on_its_way(monkeypatch):
    monkeypatch.setattr(looks, "TOGETHER", 8)
    expected, _ = watched(Counting(alone=True), MEMBERS, 60)
    with pretended() as machine:
        running = Simulation(ENGINE, MEMBERS, GPU)
        found = [running.observe()]
        coming = frames(running, 60)
        with machine.counting() as count:
            first, _ = next(coming)
        assert (first.step, running.step) == (1, 16)
        assert not count.waits
        found += [first, *(frame for frame, _ in coming)]
    assert_same(found, expected)
