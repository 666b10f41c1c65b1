"""Dynamics do not depend on chunks, on interruptions or on the other members of the batch."""

import dataclasses

import numpy as np
import pytest
import torch

from dynascope.contract.small_runs import (
    BEGUN,
    STEPS,
    changed,
    few_members,
    outcome,
    reference_outcome,
    restarted,
    scalars,
    simulation,
)  # fmt: skip
from engines.core.compute.simulation import Simulation
from engines.core.compute.walk import frames
from engines.core.files.checkpoint_file import restore_checkpoint, write_checkpoint
from engines.core.protocol import device_choice

POISONS = {"nan": float("nan"), "infinite": float("inf"), "overflowing": 1e200, "large": 1e25}


def assert_equal(left, right, message=""):
    for one, other in zip(left, right, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True, msg=lambda text: f"{message} {text}")


def assert_same_outcome(left, right, members=slice(None)):
    assert_equal([value[members] for value in left.states], [value[members] for value in right.states])
    for name, value in left.values.items():
        np.testing.assert_array_equal(value[members], right.values[name][members], err_msg=name)


def test_a_batch_equals_its_members_run_singly(engine, preset):
    together = reference_outcome(engine, preset)
    for index, config in enumerate(few_members(engine, preset)):
        alone = outcome(simulation(engine, [config]))
        for name in scalars(engine):
            # Products of other dimensions round otherwise, and the steps amplify what they round.
            np.testing.assert_allclose(
                together.values[name][index], alone.values[name][0], rtol=1e-9, atol=1e-13, err_msg=name
            )


@pytest.mark.parametrize("chunk", [1, 7])
def test_chunks_change_nothing(engine, preset, chunk):
    whole = reference_outcome(engine, preset)
    pieces = restarted(engine, preset)
    for stop in range(chunk, STEPS, chunk):
        pieces.advance(stop)
        pieces.freeze_diverged()
    assert_same_outcome(whole, outcome(pieces))


def test_observing_changes_nothing(engine, preset):
    unobserved = reference_outcome(engine, preset)
    watched = restarted(engine, preset)
    for stop in (1, 2, STEPS // 2):
        watched.advance(stop)
        watched.observe()
    assert_same_outcome(unobserved, outcome(watched))


def test_steps_observed_together_have_the_channels_of_steps_observed_alone(engine, preset):
    running = restarted(engine, preset)
    if all(batch.looks.most == 1 for batch in running.batches):
        pytest.skip("its steps are observed one by one")
    together = {frame.step: frame.values for frame, _ in frames(running, BEGUN)}
    alone = restarted(engine, preset)
    for step in (1, BEGUN):
        alone.advance(step)
        for name, value in alone.observe().values.items():
            np.testing.assert_array_equal(together[step][name], value, err_msg=f"{name} at {step}")
        (batch,) = alone.batches
        for name, value in engine.observe(batch.problem, batch.state, batch.knobs).items():
            # The members of such a batch are counted even, and a register rounds its last numbers otherwise.
            np.testing.assert_allclose(
                together[step][name], value.numpy(), rtol=1e-12, atol=1e-13, err_msg=f"{name} of the batch at {step}"
            )


def test_a_run_resumed_from_a_checkpoint_on_disk_is_the_same_run(engine, preset, tmp_path):
    running, fresh = restarted(engine, preset), simulation(engine, few_members(engine, preset))
    running.advance(STEPS // 3)
    write_checkpoint(running.checkpoint(), tmp_path / "state")
    restore_checkpoint(fresh, tmp_path / "state")
    assert_same_outcome(outcome(running), outcome(fresh))


def test_a_member_does_not_see_its_neighbours(engine, preset):
    first, *others = few_members(engine, preset)
    beside = simulation(engine, [first, *map(changed, others)])
    assert_same_outcome(reference_outcome(engine, preset), outcome(beside), slice(0, 1))


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_a_member_does_not_see_a_neighbour_leave_the_finite_numbers(engine, preset, poison):
    """Between two frames a diverging member goes on computing: no step may fail, or disturb another."""
    running = restarted(engine, preset)
    running.advance(STEPS // 3)
    (batch,) = running.batches
    healthy, ill = batch.state, type(batch.state)(*(_poisoned(value, poison) for value in batch.state))
    for _ in range(STEPS // 2):
        healthy = engine.step(batch.problem, healthy, batch.knobs)
        ill = engine.step(batch.problem, ill, batch.knobs)
    kept = [0, 2]
    assert_equal([value[kept] for value in healthy], [value[kept] for value in ill])


def test_a_member_that_was_frozen_far_out_can_be_observed(engine, preset):
    running = restarted(engine, preset)
    running.advance(STEPS // 3)
    saved = running.checkpoint()
    ((state, knobs),) = saved.batches
    far = type(state)(*(_poisoned(value, 1e25) for value in state))
    running.restore(dataclasses.replace(saved, batches=((far, knobs),)))
    before, after = running.observe().values, outcome(running).values
    for name in scalars(engine):
        assert (np.isfinite(after[name]) | np.isnan(before[name]))[[0, 2]].all(), name


def _poisoned(value, poison):
    if not value.is_floating_point():
        return value
    copy = value.clone()
    copy[1] = min(poison, torch.finfo(value.dtype).max) if np.isfinite(poison) else poison
    return copy


def test_a_step_is_pure(engine, preset):
    (batch,) = restarted(engine, preset).batches
    inputs = [*batch.state, *batch.knobs.values(), *_tensors(batch.problem)]
    copies = [value.clone() for value in inputs]
    first = engine.step(batch.problem, batch.state, batch.knobs)
    engine.observe(batch.problem, first, batch.knobs)
    engine.snapshot(batch.problem, first, batch.knobs)
    assert_equal(inputs, copies, "an input was written to:")
    assert_equal(first, engine.step(batch.problem, batch.state, batch.knobs), "the second call differs:")


def test_several_steps_at_once_are_the_same_as_one_by_one(engine, preset):
    (batch,) = restarted(engine, preset).batches
    state = batch.state
    for _ in range(3):
        state = engine.step(batch.problem, state, batch.knobs)
    assert_equal(state, engine.steps(batch.problem, batch.state, batch.knobs, 3))


def _tensors(value, depth=4):
    """Every tensor within a problem, whatever it is made of."""
    if isinstance(value, torch.Tensor):
        return [value]
    if depth == 0 or isinstance(value, (str, bytes)):
        return []
    inner = getattr(value, "__dict__", {})
    if isinstance(value, dict):
        inner = value
    elif isinstance(value, (list, tuple)):
        inner = dict(enumerate(value))
    return [tensor for entry in inner.values() for tensor in _tensors(entry, depth - 1)]


def test_what_evolves_is_a_tuple_of_tensors_with_a_leading_member_axis(engine, preset):
    (batch,) = restarted(engine, preset).batches
    after = engine.step(batch.problem, batch.state, batch.knobs)
    assert type(after) is type(batch.state)
    for before, value in zip(batch.state, after, strict=True):
        assert value.shape[0] == len(batch.members)
        assert (value.shape, value.dtype) == (before.shape, before.dtype)


NARROW = 3
"""Steps of float32 that are compared: one rounding of a network is percents after thirty."""


@pytest.mark.gpu
def test_a_gpu_computes_the_same_run(engine, preset, monkeypatch):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    monkeypatch.setattr(device_choice, "LEAST_GPU_BYTES", 0)
    here, there = restarted(engine, preset), Simulation(engine, few_members(engine, preset), torch.device("cuda"))
    if "cuda" not in there.devices:
        pytest.skip("the engine leaves it on the processor")
    narrow = any(value.dtype == torch.float32 for value in here.batches[0].state)
    for running in (here, there):
        running.advance(NARROW if narrow else STEPS)
    graph = there.batches[0].captured
    assert graph is None or graph.replays
    left, right = here.observe().values, there.observe().values
    for name in scalars(engine):
        np.testing.assert_allclose(left[name], right[name], rtol=1e-4 if narrow else 1e-6, atol=1e-12, err_msg=name)
