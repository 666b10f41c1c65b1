import numpy as np
import pytest
import torch

from engines.core.compute.simulation import Simulation
from engines.core.compute.states import HUGE
from engines.core.compute.walk import frames
from tests.core.toy import ENGINE, Toy, ToyEngine

CPU = torch.device("cpu")
MEMBERS = [Toy(seed=1), Toy(a=3.0, seed=2), Toy(eta=0.5, sign="minus")]
DIVERGING = Toy(a=100.0, eta=1.0, flat=True)  # each step multiplies by -99
GONE = next(step for step in range(1, 100) if 99.0**step >= HUGE)


def simulation(*configs):
    return Simulation(ENGINE, configs or MEMBERS, CPU)


def recorded(running, stop):
    return [running.observe(), *(frame for frame, _ in frames(running, stop))]


def assert_same(left, right):
    assert [frame.step for frame in left] == [frame.step for frame in right]
    for one, other in zip(left, right, strict=True):
        assert one.values.keys() == other.values.keys()
        for name, value in one.values.items():
            np.testing.assert_array_equal(value, other.values[name], err_msg=f"{name} at step {one.step}")


def test_a_run_follows_the_closed_form():
    running = simulation(*MEMBERS)
    start = running.observe().values["x"]
    running.advance(40)
    factor = np.array([(1 - config.eta * config.a) ** 40 for config in MEMBERS])
    np.testing.assert_allclose(running.observe().values["x"], factor[:, None] * start, rtol=1e-12)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_chunks_change_nothing(chunk):
    whole, pieces = simulation(), simulation()
    found = [pieces.observe()]
    for stop in range(chunk, 400 + chunk, chunk):
        found += [frame for frame, _ in frames(pieces, min(stop, 400))]
    dense, thin = whole.schedule, whole.schedule.thin
    assert_same([frame for frame in recorded(whole, 400) if frame.step in dense or frame.step in thin], found)


def test_restoring_a_checkpoint_repeats_the_run_bit_for_bit():
    running = simulation(*MEMBERS, DIVERGING)
    running.advance(10)
    saved = running.checkpoint()
    first = recorded(running, 150)
    running.restore(saved)
    assert running.step == 10
    assert (running.diverged_at == -1).all()
    assert_same(first, recorded(running, 150))
    other = simulation(*MEMBERS, DIVERGING)
    other.restore(saved)
    assert_same(first, recorded(other, 150))


def test_a_checkpoint_holds_the_live_knobs():
    running = simulation(Toy())
    running.advance(5)
    running.set("eta", [0.7])
    saved = running.checkpoint()
    after = recorded(running, 50)
    running.set("eta", [0.0])
    running.restore(saved)
    assert_same(after, recorded(running, 50))


@pytest.mark.parametrize("chunk", [1, 13, 100])
def test_a_diverged_member_is_frozen_at_the_exact_step_whatever_the_chunk(chunk):
    running = simulation(DIVERGING, Toy())
    for stop in range(chunk, 200, chunk):
        running.advance(stop)
        running.freeze_diverged()
    np.testing.assert_array_equal(running.diverged_at, [GONE, -1])
    np.testing.assert_allclose(running.batches[0].state.x[0].abs(), 99.0 ** (GONE - 1), rtol=1e-12)


def test_the_channels_of_a_diverged_member_are_no_numbers_from_that_step_on():
    frames = recorded(simulation(DIVERGING, Toy()), 50)
    for frame in frames:
        for name, values in frame.values.items():
            assert np.isnan(values[0]).all() == (frame.step >= GONE), f"{name} at step {frame.step}"
            assert np.isfinite(values[1]).all()


class Lossless(ToyEngine):
    """The loss, and nothing else, stops being a number at step 30."""

    def observe(self, problem, state, knobs):
        values = super().observe(problem, state, knobs)
        bad = (state.t >= 30) & (knobs["a"] > 1)
        return values | {"loss": torch.where(bad, torch.nan, values["loss"])}


def test_a_member_whose_loss_is_no_number_has_diverged_there():
    running = Simulation(Lossless(), MEMBERS, CPU)
    found = recorded(running, 60)
    np.testing.assert_array_equal(running.diverged_at, [-1, 30, -1])
    assert all(np.isnan(frame.values["x"][1]).all() == (frame.step >= 30) for frame in found)
    held = running.batches[0].state.x[1].clone()
    running.advance(100)
    running.freeze_diverged()
    assert torch.equal(running.batches[0].state.x[1], held)
    np.testing.assert_array_equal(running.diverged_at, [-1, 30, -1])


@pytest.mark.parametrize(("loss", "diverged"), [(np.inf, 1), (np.nan, -1)])
def test_a_loss_that_is_nan_from_the_start_does_not_apply_and_an_infinite_one_counts(monkeypatch, loss, diverged):
    monkeypatch.setattr(Lossless, "observe", lambda self, problem, state, knobs: {
        "loss": torch.full_like(state.x[:, 0], loss), "x": torch.ones_like(state.x)})  # fmt: skip
    running = Simulation(Lossless(), [Toy()], CPU)
    assert np.isfinite(running.observe().values["x"]).all()
    assert running.diverged_at == [diverged]


def test_the_others_go_on_as_if_the_diverged_member_had_never_been():
    with_it, without = simulation(*MEMBERS, DIVERGING), simulation(*MEMBERS)
    left, right = recorded(with_it, 300), recorded(without, 300)
    for one, other in zip(left, right, strict=True):
        for name, value in other.values.items():
            np.testing.assert_array_equal(one.values[name][:3], value)


def test_a_start_that_is_not_finite_counts_as_diverged_at_the_first_step(monkeypatch):
    monkeypatch.setattr("tests.core.toy.start_of", lambda config: np.full(config.d, np.inf if config.seed else 1.0))
    running = simulation(Toy(seed=0), Toy(seed=1))
    recorded(running, 10)
    np.testing.assert_array_equal(running.diverged_at, [-1, 1])


def test_members_of_other_shapes_share_a_frame_padded_with_nan():
    mixed = simulation(Toy(d=2), Toy(d=4, seed=1), Toy(d=2, seed=2))
    mixed.advance(30)
    x = mixed.observe().values["x"]
    assert x.shape == (3, 4)
    assert np.isnan(x[[0, 2], 2:]).all()
    for index, config in enumerate([Toy(d=2), Toy(d=4, seed=1), Toy(d=2, seed=2)]):
        alone = simulation(config)
        alone.advance(30)
        np.testing.assert_array_equal(x[index, : config.d], alone.observe().values["x"][0])


def test_a_live_edit_acts_from_the_next_step_and_restarts_the_schedule():
    running = simulation(Toy(flat=True), Toy(flat=True))
    running.advance(1000)
    before = running.observe().values["x"]
    running.set("eta", [0.1, 0.5])
    np.testing.assert_array_equal(running.observe().values["x"], before)
    steps = [frame.step for frame, _ in frames(running, 1100)]
    assert steps == list(range(1001, 1101))
    np.testing.assert_allclose(running.observe().values["x"][1], before[1] * 0.5**100, rtol=1e-12)


def test_thin_channels_come_at_about_twenty_four_steps_a_decade():
    found = recorded(simulation(Toy()), 10_000)
    thin = [frame.step for frame in found if "field" in frame.values]
    assert thin[:9] == list(range(9))
    assert 40 < len([step for step in thin if 100 < step <= 10_000]) <= 49
    assert all("loss" in frame.values for frame in found)


def test_a_configuration_that_needs_too_much_memory_is_refused(monkeypatch):
    monkeypatch.setattr(type(ENGINE), "nbytes", lambda self, configs: 10**18)
    with pytest.raises(Exception, match=r"needs 931322574\.6 GiB .* the limit on cpu is"):
        simulation(Toy())


class Looped(ToyEngine):
    """Its steps are never captured."""

    def capturable(self, problem):
        return False


@pytest.mark.gpu
def test_a_cuda_graph_equals_the_plain_loop():
    cuda = torch.device("cuda")
    graphed, plain = Simulation(ENGINE, MEMBERS, cuda), Simulation(Looped(), MEMBERS, cuda)
    assert_same(recorded(graphed, 1000), recorded(plain, 1000))
    assert graphed.batches[0].captured.replays


@pytest.mark.gpu
def test_cuda_agrees_with_the_processor():
    there, here = Simulation(ENGINE, MEMBERS, torch.device("cuda")), simulation(*MEMBERS)
    for one, other in zip(recorded(there, 500), recorded(here, 500), strict=True):
        np.testing.assert_allclose(one.values["x"], other.values["x"], rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("flushed", [False, True])
def test_a_thread_counts_after_a_run_as_it_did_before(flushed):
    torch.set_flush_denormal(flushed)
    try:
        recorded(simulation(), 50)
        assert (np.float64(1e-300) * np.float64(1e-10) == 0) == flushed
    finally:
        torch.set_flush_denormal(False)


class Fading(ToyEngine):
    """Its start and its channel are subnormal numbers."""

    def init(self, configs, problem):
        state = super().init(configs, problem)
        return state._replace(x=state.x * 1e-310)

    def observe(self, problem, state, knobs):
        return super().observe(problem, state, knobs) | {"x": state.x * 1e10}


def test_no_number_depends_on_whether_the_thread_flushed_before():
    frames = {}
    for flushed in (False, True):
        torch.set_flush_denormal(flushed)
        try:
            frames[flushed] = recorded(Simulation(Fading(), MEMBERS, CPU), 20)
        finally:
            torch.set_flush_denormal(False)
    assert_same(frames[False], frames[True])
    assert not frames[True][0].values["x"].any()
