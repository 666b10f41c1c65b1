"""Steps that are observed together: their frames are those of steps observed one by one, to the last bit."""

import numpy as np
import pytest
import torch

from dynascope.contract import test_dynamics as contract
from engines.core.compute import looks, walk
from engines.core.compute.checkpoints import Checkpoints
from engines.core.compute.simulation import Batch, Simulation
from engines.core.compute.walk import frames
from engines.core.protocol.errors import EngineFailure, OutOfMemory
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
    assert kept.before(60).step in running.schedule.thin


def test_looks_that_lie_far_apart_do_not_wait_for_one_another():
    running = Simulation(ENGINE, MEMBERS, CPU)
    running.advance(20_000)
    coming = frames(running, 30_000)
    frame, _ = next(coming)
    assert running.step - frame.step < walk.WALK


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


def interrupt_once(monkeypatch, name, when):
    """Interrupt what a simulation does, as Ctrl-C does: the second time it is not."""
    act, due = getattr(Simulation, name), [True]

    def interrupted(self, argument):
        if due and when(argument):
            due.clear()
            raise KeyboardInterrupt
        return act(self, argument)

    monkeypatch.setattr(Simulation, name, interrupted)


@pytest.mark.parametrize(
    ("name", "when", "last"),
    [
        ("advance", lambda stop: stop == GONE + 2, GONE),
        ("send", lambda seen: seen[0].step == 9, 8),
    ],
    ids=["behind a member that diverged", "on the way to the host"],
)
def test_an_interrupt_comes_when_the_frames_before_it_have_come(monkeypatch, name, when, last):
    members = [*MEMBERS, DIVERGING]
    monkeypatch.setattr(looks, "TOGETHER", 8)
    expected, _ = watched(Counting(alone=True), members, last)
    interrupt_once(monkeypatch, name, when)
    with pretended():
        running = Simulation(ENGINE, members, GPU)
        found = [running.observe()]
        with pytest.raises(KeyboardInterrupt):
            for frame, _ in frames(running, 60):
                found.append(frame)
        assert running.step == last
    assert_same(found, expected)


@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16])
def test_states_of_half_the_width_are_observed_together(narrow):
    def wide(state):
        return state._replace(x=state.x.double())

    class Narrow(Counting):
        def init(self, configs, problem):
            state = super().init(configs, problem)
            return state._replace(x=state.x.to(narrow))

        def step(self, problem, state, knobs):
            after = super().step(problem, wide(state), knobs)
            return after._replace(x=after.x.to(narrow))

        def observe(self, problem, state, knobs):
            return super().observe(problem, wide(state), knobs)

        def snapshot(self, problem, state, knobs):
            return super().snapshot(problem, wide(state), knobs)

    together, alone = Narrow(), Narrow(alone=True)
    (found, _), (expected, _) = watched(together, MEMBERS), watched(alone, MEMBERS)
    assert_same(found, expected)
    assert together.asked <= 1 + len(found) / looks.TOGETHER + 2


def test_a_state_with_a_frozen_member_is_copied_once_a_frame():
    running = Simulation(ENGINE, [*MEMBERS, DIVERGING], CPU)
    running.advance(GONE)
    running.observe()
    state = running.batches[0].state
    running.observe()
    assert running.look().batches[0][0] is running.batches[0].state is state


def test_memory_that_runs_out_in_a_look_is_a_sentence(monkeypatch):
    def full(self):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(Batch, "freeze", full)
    with pytest.raises(OutOfMemory, match="Toy ran out of memory"):
        Simulation(ENGINE, MEMBERS, CPU).look()


class Weighted(Counting):
    """Each member has a constant of its own."""

    def problem(self, configs, device):
        return torch.arange(1.0, len(configs) + 1, dtype=torch.float64, device=device)[:, None]

    def gather(self, problem, index):
        return problem[index]

    def observe(self, problem, state, knobs):
        values = super().observe(problem, state, knobs)
        return values | {"loss": problem[:, 0] * values["loss"]}


def test_the_contract_finds_constants_that_were_gathered_in_another_order(monkeypatch):
    class Turned(Weighted):
        def gather(self, problem, index):
            return problem[index].flip(0)

    monkeypatch.setattr(contract, "restarted", lambda engine, preset: Simulation(engine, MEMBERS, CPU))
    same = contract.test_steps_observed_together_have_the_channels_of_steps_observed_alone
    same(Weighted(), None)
    with pytest.raises(AssertionError, match="loss of the batch at 1"):
        same(Turned(), None)
    with pytest.raises(pytest.skip.Exception):
        same(Counting(alone=True), None)
