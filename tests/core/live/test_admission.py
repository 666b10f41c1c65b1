"""Runs of all visitors together take no more than they may; whoever is refused reads what would fit."""

import gc
import time
from functools import partial

import numpy as np
import pytest
import torch

import engines
from engines.core.compute import memory, work
from engines.core.data.recording import Event
from engines.core.live.admission import ADMISSION
from engines.core.live.limits import LIMITS
from engines.core.live.runner import Runner, Status
from engines.core.live.scheduler import Scheduler
from engines.core.protocol.errors import LONGEST
from engines.core.runs.experiment import Experiment
from tests.core.toy import ENGINE, Toy

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _limits():
    """Give the process its limits back."""
    before = dict(vars(LIMITS))
    yield
    vars(LIMITS).update(before)


@pytest.fixture
def start():
    """Make a runner, and wait until it is built or refused."""
    scheduler, runners = Scheduler(), []

    def make(configs, engine=ENGINE, **options):
        runners.append(Runner(engine, configs, scheduler=scheduler, **options))
        end = time.monotonic() + 60
        while not (runners[-1].status.ready or runners[-1].status.message):
            assert time.monotonic() < end
            time.sleep(0.005)
        return runners[-1]

    make.runners = runners
    yield make
    for runner in runners:
        runner.close()
    while scheduler.active():
        time.sleep(0.005)


def configs(**knobs):
    engine = engines.load("matrix_sensing")
    return engine, Experiment.from_preset(engine, None, knobs).configs()


def test_a_run_that_is_too_large_is_refused_with_the_number_the_limit_and_the_value_that_fits(start):
    engine, large = configs(operator="gaussian", n=100, m=4000, k=5)
    LIMITS.memory = 150 * 2**20
    before = ADMISSION.count()
    message = start(large, engine).status.message
    assert f"needs {memory.estimate(engine, large) / 2**30:.1f} GiB" in message
    assert "the limit on cpu is 0.1 GiB" in message
    name, value = message.split(": ")[-1].split(" would fit")[0].split("=")
    assert len(message) < LONGEST and ADMISSION.count() == before
    fitting = [config.replace(**{name: int(value.replace(",", ""))}) for config in large]
    runner = start(fitting, engine)
    assert runner.status.ready, runner.status.message


def test_members_are_left_out_first_where_that_helps():
    engine, many = configs(operator="identity", n=100, k=10, seed=list(range(4096)))
    advice = memory.advice(engine, many, 0.25)
    assert advice.endswith("of the 4,096 members would fit")
    count = int(advice.split()[0].replace(",", ""))
    allowed = 0.25 * memory.estimate(engine, many)
    assert memory.estimate(engine, many[:count]) <= allowed < memory.estimate(engine, many[: count + 1])


def test_runs_of_all_visitors_add_up_and_leave_room_when_they_end(start):
    engine, each = configs(operator="gaussian", n=50, m=2500)
    one = start(each, engine)
    assert one.status.ready
    taken = ADMISSION.total()
    LIMITS.memory = int(1.5 * taken)
    refused = start(each, engine)
    assert "of which other runs take" in refused.status.message
    one.close()
    end = time.monotonic() + 60
    while ADMISSION.total() >= taken:
        assert time.monotonic() < end
        time.sleep(0.005)
    assert start(each, engine).status.ready


def test_a_run_that_nobody_holds_any_more_takes_nothing(start):
    before = ADMISSION.count()
    assert start([Toy()]).status.ready
    assert ADMISSION.count() == before + 1
    end = time.monotonic() + 60
    start.runners.clear()
    while ADMISSION.count() > before:
        assert time.monotonic() < end
        gc.collect()
        time.sleep(0.01)


def test_no_more_runs_are_open_than_may_be(start):
    LIMITS.runs = ADMISSION.count() + 2
    assert start([Toy()]).status.ready and start([Toy()]).status.ready
    assert "no more than" in start([Toy()]).status.message


def wait(until):
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_rows_of_every_live_edit_and_of_every_later_horizon_count(start):
    """Each edit is recorded densely, and a run may be played on for ever: neither ends in more than a run may take."""
    runner = start([Toy(seed=seed) for seed in range(1000)], horizon=1000)
    taken = [ADMISSION.total()]
    for end in (100, 200, 300):
        runner.apply(Event(0, "eta", 0.05, tuple(range(1000))))
        runner.step(100)
        wait(lambda end=end: not runner.status.playing and runner.status.step == end)
        taken.append(ADMISSION.total())
    assert (np.diff(taken) > 0).all()
    LIMITS.memory = int(1.001 * taken[-1])
    runner.step(10**6)
    wait(lambda: runner.status.refusal)
    assert "for its data, its states and what is recorded; the limit on cpu is" in runner.status.refusal
    LIMITS.memory = taken[0]
    runner.apply(Event(0, "eta", 0.04, tuple(range(1000))))
    runner.step(5)
    wait(lambda: not runner.status.playing and runner.status.step == 305)
    assert len(runner.edits) == 3 and runner.run.configs[0].eta == 0.05


EVERYONE = tuple(range(100))


def test_what_is_refused_leaves_the_run_and_its_plans_as_they_were(start):
    """Whoever reads `message` takes the run for ended: a page tells the answers of a lesson then."""
    planned = Event(50, "eta", 0.03, EVERYONE)
    runner = start([Toy(seed=seed) for seed in EVERYONE], horizon=100, edits=[planned])
    runner.step(40)
    wait(lambda: runner.status.step == 40 and not runner.status.playing)
    runner._send(partial(runner._seek, 20))
    wait(lambda: runner.status.step == 20)
    LIMITS.memory = 1
    for command in (
        lambda: runner.apply(Event(0, "eta", 0.05, EVERYONE)),
        lambda: runner.step(10**6),
        lambda: runner.move("cpu"),
    ):
        runner.status = Status(**vars(runner.status) | {"refusal": ""})
        command()
        wait(lambda: runner.status.refusal)
        assert "the limit on cpu is" in runner.status.refusal and runner.status.message == ""
        assert runner.run.steps[-1] == 40 and runner.edits == (planned,)
    runner.play()
    wait(lambda: runner.status.message)  # the edit that was planned cannot be made: here the run cannot go on
    assert (runner.status.step, runner.edits, runner.status.refusal) == (50, (planned,), "")
    LIMITS.memory = 0
    runner.play()
    wait(lambda: runner.status.step == 100 and not runner.status.playing)
    assert runner.status.message == "" and runner.run.recording.events == [planned] == list(runner.edits)


def test_a_stored_run_that_goes_on_takes_as_much_as_when_it_was_live(start):
    live = start([Toy(seed=seed) for seed in EVERYONE], horizon=1000)
    for end in (100, 200):
        live.step(100)
        wait(lambda end=end: not live.status.playing and live.status.step == end)
        live.apply(Event(0, "eta", 0.05, EVERYONE))
        wait(lambda end=end: len(live.edits) == end // 100)
    live.step(5)
    wait(lambda: not live.status.playing and live.status.step == 205)
    before = ADMISSION.total()
    stored = start([], finished=live.run, horizon=1000)
    stored.step(5)
    wait(lambda: not stored.status.playing and stored.status.step == 210)
    both = ADMISSION.total()
    live.close()
    wait(lambda: ADMISSION.total() < both)
    assert both - before == both - ADMISSION.total() > 0


def test_a_step_that_would_take_too_long_is_refused_before_anything_is_built(start, monkeypatch):
    engine, large = configs(operator="gaussian", n=100, m=4000, k=5)
    LIMITS.step, built = 1e-6, []
    monkeypatch.setattr("engines.core.live.runner.Simulation", lambda *arguments: built.append(arguments))
    runner = start(large, engine)
    assert "a step would take about" in runner.status.message and "may take 1e-06 s" in runner.status.message
    assert not built


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("matrix_sensing", {"operator": "gaussian", "n": 60, "m": 3000, "k": 10}),
        ("subgradient_recovery", {"d": 60, "m": 5000, "k": 20}),
    ],
)
def test_the_seconds_of_a_step_are_told_within_a_factor_of_ten(name, knobs):
    from engines.core.compute.simulation import Simulation

    engine = engines.load(name)
    members = Experiment.from_preset(engine, None, knobs).configs()
    told = work.seconds_a_step(engine, members, CPU)
    simulation = Simulation(engine, members, CPU)
    simulation.advance(1)
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        simulation.advance(simulation.step + 1)
        taken.append(time.perf_counter() - begun)
    assert 0.1 < told / min(taken) < 10


def test_a_small_run_is_not_measured_beforehand():
    assert work.seconds_a_step(ENGINE, [Toy()], CPU) == 0
