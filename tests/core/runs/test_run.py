"""What a probe is shown of a run that goes on."""

import numpy as np
import pytest

import engines
from engines.core import api
from engines.core.data.recording import Event, Frame
from engines.core.protocol.errors import ConfigError, EngineFailure
from engines.core.runs import replay
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy


def ran(steps=50, **knobs):
    return api.simulate(Run(ENGINE, [Toy(**knobs), Toy(**knobs, seed=1)]), steps)


def edited(run, step, value):
    """The same run with a live edit on record, and everything after it simulated anew."""
    run.recording.truncate(step)
    run.recording.events.append(Event(step, "eta", value, (0, 1)))
    run.configs = [config.replace(eta=value) for config in run.configs]
    return run


def test_a_run_until_a_step_does_not_see_what_comes_later():
    run = ran()
    seen = run.until(20)
    assert seen.steps[-1] == 20
    edited(run, 10, 0.5)
    assert seen.steps[-1] == 20
    assert seen.recording.events == []
    assert [config.eta for config in seen.configs] == [0.1, 0.1]


def test_a_run_until_a_step_has_the_knobs_of_that_step():
    run = edited(ran(), 10, 0.5)
    assert run.until(9).configs[1].eta == 0.1
    assert run.until(10).configs[1].eta == 0.5
    assert run.config(0, 9).eta == 0.1


def test_rows_of_a_run_until_a_step_can_be_written_without_touching_the_run():
    run = ran()
    before = run["loss"].copy()
    seen = run.until(20)
    seen.recording.append(Frame(21, {"loss": np.zeros(2), "x": np.zeros((2, 3))}), run.thin)
    assert seen.steps[-1] == 21
    np.testing.assert_array_equal(run["loss"], before)


def test_a_member_that_diverges_later_has_not_diverged_yet():
    run = ran(a=100, eta=1)
    at = int(run.diverged_at[0])
    assert at > 0
    assert run.until(at - 1).diverged_at[0] == -1
    assert run.until(at).diverged_at[0] == at


def test_a_probe_at_a_step_is_the_probe_of_a_run_that_ended_there():
    assert ran(50).probe("norm", 1, step=20) == ran(20).probe("norm", 1)
    assert ran(50).probe("norm", 1) != ran(20).probe("norm", 1)


def test_a_probe_knows_the_live_edits_until_its_step():
    run = edited(ran(), 10, 0.5)
    assert run.probe("norm", step=10) == ran().probe("norm", step=10)
    assert run.until(10).probe("norm") == run.probe("norm")
    slow, fast = replay.simulation_at(ran(), 12, 0), replay.simulation_at(run, 12, 0)
    assert fast.batches[0].state.x.abs().sum() < slow.batches[0].state.x.abs().sum()


def test_a_cancelled_replay_stops():
    run = ran()
    run.cancelled = True
    with pytest.raises(EngineFailure, match="cancelled at step 0 of 50"):
        replay.simulation_at(run, 50, 0)


def test_a_run_of_some_members_is_as_if_nothing_else_had_been_run():
    both = engines.run("matrix_sensing", set={"alpha": [0.2, 0.3, 0.4]}, steps=30)
    alone = engines.run("matrix_sensing", set={"alpha": [0.4, 0.2]}, steps=30)
    some = both.select([2, 0])
    assert some.configs == alone.configs and list(some.initial_configs) == alone.configs
    np.testing.assert_allclose(some["error"], alone["error"], rtol=1e-12)
    assert some["iterate"].shape == alone["iterate"].shape
    with pytest.raises(ConfigError):
        both.select([3])
