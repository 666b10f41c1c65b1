import threading
import time

import numpy as np
import pytest
import torch

from engines.core.compute import device as devices
from engines.core.compute import simulation
from engines.core.data.recording import Event
from engines.core.live.runner import Runner
from engines.core.live.scheduler import Scheduler
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy, ToyEngine

MEMBERS = [Toy(seed=1), Toy(a=3.0, seed=2)]
TIMEOUT = 60


def wait_until(condition):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.001)


@pytest.fixture
def scheduler():
    return Scheduler()


@pytest.fixture
def start(scheduler):
    """Make a runner on a scheduler of its own; `wait` on it until it is idle."""
    runners = []

    def make(configs=MEMBERS, engine=ENGINE, **options):
        runner = Runner(engine, configs, scheduler=scheduler, **options)
        runner.wait = lambda: wait_until(lambda: scheduler.active() == 0)
        runner.wait()
        runners.append(runner)
        return runner

    yield make
    for runner in runners:
        runner.close()


def edit(knob, value, *members):
    """A live edit of some members, or of both."""
    return Event(0, knob, value, members or (0, 1))


def played(runner):
    runner.play()
    runner.wait()
    return copied(runner)


def copied(runner):
    """The whole recording, as arrays that nobody else writes."""
    recording = runner.run.recording
    channels = {name: recording.series(name)[name].copy() for name in ("loss", "x", "field", "rare")}
    return {"steps": recording.dense.steps.copy(), "thin_steps": recording.thin.steps.copy()} | channels


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        np.testing.assert_array_equal(value, right[name], err_msg=name)


def test_a_runner_shows_its_first_frame_before_it_is_played(start):
    runner = start()
    assert runner.status.ready
    assert not runner.status.playing
    np.testing.assert_array_equal(runner.run.steps, [0])


def test_play_runs_to_the_horizon_and_then_ten_times_as_far(start):
    runner = start(horizon=150)
    played(runner)
    assert (runner.status.step, runner.status.playing) == (150, False)
    assert runner.run.steps[-1] == 150
    played(runner)
    assert (runner.status.step, runner.status.horizon) == (1500, 1500)


def test_a_live_run_records_what_a_headless_run_records(start):
    from engines.core.api import simulate
    from engines.core.runs.run import Run

    live = played(start(horizon=1234))
    headless = simulate(Run(ENGINE, MEMBERS), 1234)
    np.testing.assert_array_equal(live["steps"], headless.steps)
    np.testing.assert_array_equal(live["x"], headless["x"])


def test_speed_changes_when_frames_come_and_never_which(start):
    assert_same(played(start(horizon=120)), played(start(horizon=120, speed=10_000)))


def test_pause_stops_and_shows_the_newest_step(start):
    runner = start(horizon=10**9)
    runner.play()
    wait_until(lambda: runner.status.step > 0)
    runner.pause()
    runner.wait()
    assert not runner.status.playing
    assert 0 < runner.status.step < 10**9
    assert runner.run.steps[-1] == runner.status.step


@pytest.mark.parametrize("count", [1, 10, 1003])
def test_step_takes_as_many_steps_as_asked_and_pauses(start, count):
    runner = start()
    runner.step(count)
    runner.wait()
    assert not runner.status.playing
    assert runner.status.step == runner.run.steps[-1] == count


def test_steps_asked_for_in_quick_succession_add_up(start):
    runner = start()
    for _ in range(5):
        runner.step(300)
    runner.wait()
    assert runner.status.step == 1500


def test_step_while_playing_takes_that_many_more_and_pauses(start):
    runner = start(horizon=10**9)
    runner.play()
    wait_until(lambda: runner.status.step > 0)
    runner.step(3)
    runner.wait()
    assert not runner.status.playing
    assert runner.status.step < 10**9


def test_a_live_edit_is_logged_and_restarts_the_schedule(start):
    runner = start(horizon=1000)
    played(runner)
    runner.apply(edit("eta", 0.2, 1))
    runner.step(150)
    runner.wait()
    (event,) = runner.run.recording.events
    assert (event.step, event.knob, event.value, event.members) == (1000, "eta", 0.2, (1,))
    assert [config.eta for config in runner.run.configs] == [0.1, 0.2]
    assert [config.eta for config in runner.run.initial_configs] == [0.1, 0.1]
    after = runner.run.steps[runner.run.steps > 1000]
    np.testing.assert_array_equal(after[:100], np.arange(1001, 1101))


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
    monkeypatch.setattr(simulation, "CHECKPOINT_BUDGET", budget)
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


def test_divergence_ends_one_member_and_not_the_run(start):
    runner = start([Toy(), Toy(a=100.0, eta=1.0, flat=True)], horizon=200)
    played(runner)
    assert runner.status.message == ""
    assert runner.run.diverged_at[0] == -1
    assert 10 < runner.run.diverged_at[1] < 20
    assert runner.run.steps[-1] == 200
    steps, values = runner.run.curve("loss", 1)
    assert steps[-1] == runner.run.diverged_at[1] - 1
    assert np.isfinite(values).all()


class Failing(ToyEngine):
    def step(self, problem, state, knobs):
        if int(state.t[0]) == 20:
            raise RuntimeError("the operator broke")
        return super().step(problem, state, knobs)


def test_a_failing_engine_is_a_message_and_the_others_go_on(start):
    failing, other = start(engine=Failing()), start()
    failing.play()
    failing.wait()
    assert failing.status.message == "Toy stopped: RuntimeError: the operator broke"
    assert not failing.status.playing
    assert failing.run.steps[-1] == 20
    played(other)
    assert other.status.step == 1000
    assert other.status.message == ""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SystemExit(3), "Toy stopped: SystemExit: 3"),
        (KeyboardInterrupt(), "Toy stopped: KeyboardInterrupt"),
        (GeneratorExit(), "Toy stopped: GeneratorExit"),
        (StopIteration("end"), "Toy stopped: "),
        (MemoryError("Unable to allocate 8.00 TiB for an array"), "Toy ran out of memory (8 TiB more were asked for)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8796093022208 bytes."),
         "Toy ran out of memory (8192.0 GiB more were asked for): lower the sizes or the number of members"),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("where", ["problem", "init", "step", "observe", "snapshot"])
def test_whatever_an_engine_raises_stops_its_own_run_with_a_message_and_no_other(start, error, message, where):
    class Leaving(ToyEngine):
        armed = False

    def leave(self, *arguments):
        if self.armed or where in ("problem", "init"):
            raise error
        return getattr(ToyEngine, where)(self, *arguments)

    setattr(Leaving, where, leave)
    engine = Leaving()
    leaving, other = start(engine=engine), start(horizon=50)
    engine.armed = True
    leaving.play()
    leaving.wait()
    assert leaving.status.message.startswith(message)
    assert not leaving.status.playing
    played(other)
    assert (other.status.step, other.status.message) == (50, "")


def test_a_run_that_cannot_be_built_says_why_and_goes_on_saying_so(start, monkeypatch):
    monkeypatch.setattr(ToyEngine, "nbytes", lambda self, configs: 10**18)
    runner = start()
    assert "the limit on cpu is" in runner.status.message
    runner.play()
    runner.wait()
    assert "the limit on cpu is" in runner.status.message
    assert not runner.status.ready


class Gate:
    """Holds the scheduler's thread until it is opened."""

    def __init__(self):
        self.entered, self.open = threading.Event(), threading.Event()

    def work(self, seconds):
        self.entered.set()
        self.open.wait(TIMEOUT)


def test_a_command_that_fails_does_not_hold_up_those_behind_it(start, scheduler):
    runner, gate = start(), Gate()
    scheduler.request(gate)
    assert gate.entered.wait(TIMEOUT)
    runner.apply(edit("eta", 0.2, 99))
    runner.step(5)
    gate.open.set()
    runner.wait()
    assert "IndexError" in runner.status.message
    assert runner.status.step == 5


def test_close_stops_the_work_and_keeps_what_was_recorded(start, scheduler):
    runner = start(horizon=10**9)
    runner.play()
    wait_until(lambda: len(runner.run) > 100)
    runner.close()
    runner.wait()
    assert len(runner.run) > 100
    assert runner._simulation is None
    count = len(runner.run)
    runner.play()
    runner.wait()
    assert len(runner.run) == count


def test_an_idle_runner_costs_nothing(start, scheduler):
    runner = start()
    played(runner)
    assert scheduler.active() == 0


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


def test_a_run_whose_members_have_all_diverged_stops_by_itself(start):
    runner = start([Toy(a=30.0), Toy(a=40.0)], horizon=100_000)
    played(runner)
    assert (runner.run.diverged_at > 0).all()
    assert not runner.status.playing and runner.status.step < 100_000


def test_a_run_recorded_on_a_card_that_is_not_here_plays_on(start):
    from engines.core.api import simulate

    recorded = simulate(Run(ENGINE, MEMBERS), 50)
    recorded.device = "cuda:7"
    runner = start(finished=recorded, horizon=120)
    played(runner)
    assert (runner.status.step, runner.status.message) == (120, "")
    assert recorded.device == "cuda:7" and runner.run.device == "cpu"


def test_auto_is_stored_as_what_it_was(start):
    assert start(device="auto").run.device == str(devices.resolve("auto"))


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


def test_a_run_stops_when_its_lease_ends_and_goes_on_when_it_is_renewed(start):
    runner = start(horizon=10**8, until=time.monotonic() + 0.2)
    runner.play()
    runner.wait()
    first = runner.status
    assert first.playing and 0 < first.step < 10**8
    runner.renew(time.monotonic() + 0.1)
    wait_until(lambda: runner.status.step > first.step)
    runner.wait()
    assert runner.status.playing
    runner.pause()
    runner.wait()
    at = runner.status.step
    runner.renew(time.monotonic() + 60)  # whoever paused is not played on
    runner.wait()
    assert (runner.status.step, runner.status.playing) == (at, False)
