"""A runner goes back: branches, edits on the way and what they forget."""

import numpy as np
import pytest
import torch

from engines.core.compute import checkpoints
from tests.core.live.playing import assert_same, edit, played
from tests.core.toy import ToyEngine


@pytest.mark.parametrize("step", [0, 3, 97, 555, 1999])
def test_playing_on_from_a_recorded_step_reproduces_the_recording(start, step):
    runner = start(horizon=2000)
    first = played(runner)
    runner.branch(step)
    runner.wait()
    assert runner.status.step == step
    assert runner.run.steps[-1] <= step
    assert_same(first, played(runner))


@pytest.mark.parametrize("budget", [1, 10**9])
def test_a_branch_repeats_the_live_edits_even_where_their_checkpoints_are_gone(start, monkeypatch, budget):
    monkeypatch.setattr(checkpoints, "CHECKPOINT_BUDGET", budget)
    runner = start(horizon=400)
    for eta, member in [(0.05, 0), (0.02, 1), (0.03, 0)]:
        runner.step(50)
        runner.wait()
        runner.apply(edit("eta", eta, member))
        runner.apply(edit("shift", eta))
    first = played(runner)
    events = list(runner.run.recording.events)
    for step in (150, 320, 390):
        runner.branch(step)
        assert_same(first, played(runner))
        assert runner.run.recording.events == events
    runner.branch(120)
    runner.step()
    runner.wait()
    np.testing.assert_array_equal(runner.run["x"], first["x"][first["steps"] <= 121])
    assert runner.run.recording.events == events[:4]


def test_branching_past_the_end_stops_at_the_last_recorded_step(start):
    runner = start(horizon=100)
    played(runner)
    runner.branch(10**6)
    runner.wait()
    assert runner.status.step == 100
    assert runner.status.message == ""


def test_a_branch_forgets_the_future_and_its_edits(start):
    runner = start(horizon=100)
    played(runner)
    runner.apply(edit("eta", 0.9))
    runner.step(100)
    runner.wait()
    runner.branch(60)
    runner.wait()
    assert runner.run.steps[-1] == 60
    assert runner.run.recording.events == []
    assert runner.run.recording.generation == 1
    assert [config.eta for config in runner.run.configs] == [0.1, 0.1]


def test_a_branch_forgets_what_probes_found_of_the_future(start):
    runner = start(horizon=100)
    played(runner)
    runner.run.probe_results = {("norm", 0): {"norm": 1.0}}
    runner.branch(60)
    runner.wait()
    assert not runner.run.probe_results


def test_a_run_with_edits_on_the_way_repeats_the_run_that_was_edited_live(start):
    """What a link holds: the initial configurations and the edits, at their own steps."""
    live = start(horizon=300)
    live.step(120)
    live.wait()
    live.apply(edit("eta", 0.03, 1))
    original = played(live)
    again = start(horizon=300, edits=live.edits)
    repeated = played(again)
    assert again.run.recording.events == live.run.recording.events != []
    assert again.run.configs == live.run.configs
    assert_same(repeated, original)


def test_turning_a_knob_forgets_the_edits_still_to_come(start):
    planned = start(horizon=300)
    planned.step(120)
    planned.wait()
    planned.apply(edit("eta", 0.03))
    planned.wait()
    again = start(horizon=300, edits=planned.edits)
    again.apply(edit("eta", 0.2))
    played(again)
    assert [event.value for event in again.run.recording.events] == [0.2]


def test_branching_before_the_step_at_which_a_loss_was_no_number_and_playing_on_repeats_the_run(start):
    class Lossless(ToyEngine):
        def observe(self, problem, state, knobs):
            values = super().observe(problem, state, knobs)
            return values | {"loss": torch.where((state.t >= 150) & (knobs["a"] > 1), torch.nan, values["loss"])}

    runner = start(engine=Lossless(), horizon=400)
    first = played(runner)
    gone = runner.run.diverged_at.copy()
    assert gone[0] == -1 and 150 <= gone[1] < 160
    for step in (155, 300, 120):
        runner.branch(step)
        runner.wait()
        assert_same(first, played(runner))
        np.testing.assert_array_equal(runner.run.diverged_at, gone)
