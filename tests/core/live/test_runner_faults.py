"""A runner whose run fails, diverges or is not to be had says so and harms no other."""

import gc
import threading
import weakref

import numpy as np
import pytest

from engines.core.compute.simulation import Simulation
from engines.core.runs.run import Run
from tests.core.live.playing import MEMBERS, TIMEOUT, assert_same, copied, edit, played
from tests.core.toy import ENGINE, Toy, ToyEngine


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


def test_a_command_that_fails_does_not_hold_up_those_behind_it(start, scheduler, monkeypatch):
    runner, gate, failures = start(), Gate(), []
    fail = runner._fail
    monkeypatch.setattr(runner, "_fail", lambda message: (failures.append(message), fail(message)))
    scheduler.request(gate)
    assert gate.entered.wait(TIMEOUT)
    runner.apply(edit("eta", 0.2, 99))
    runner.step(5)
    gate.open.set()
    runner.wait()
    assert len(failures) == 1 and "IndexError" in failures[0]
    assert (runner.status.step, runner.status.message) == (5, "")


@pytest.mark.parametrize("step", [1, 20, 300])
@pytest.mark.parametrize("what", ["frame", "checkpoint"])
def test_an_error_while_a_frame_is_recorded_leaves_no_hole(start, monkeypatch, step, what):
    runner, failed = start(), []
    owner, name = (runner.run.recording, "append") if what == "frame" else (runner._checkpoints, "save_if_due")
    keep = getattr(owner, name)

    def broken(shown, *rest):
        if shown.step >= step and not failed:
            failed.append(shown.step)
            raise MemoryError
        keep(shown, *rest)

    monkeypatch.setattr(owner, name, broken)
    runner.play()
    runner.wait()
    assert failed and "ran out of memory" in runner.status.message
    assert runner.status.step <= failed[0]
    played(runner)
    assert runner.status.message == ""
    assert_same(copied(runner), played(start()))


def test_no_frame_is_kept_beside_the_record(start, monkeypatch):
    observe, fields = Simulation.observe, []

    def noted(self):
        frame = observe(self)
        fields.append(weakref.ref(frame.values["field"]))
        return frame

    monkeypatch.setattr(Simulation, "observe", noted)
    runner = start()
    gc.collect()
    assert runner.status.ready and len(fields) == 1 and fields[0]() is None


def test_a_run_whose_members_have_all_diverged_stops_by_itself(start):
    runner = start([Toy(a=30.0), Toy(a=40.0)], horizon=100_000)
    played(runner)
    assert (runner.run.diverged_at > 0).all()
    assert not runner.status.playing and runner.status.step < 100_000


def test_a_run_recorded_on_a_gpu_that_is_not_here_plays_on(start):
    from engines.core.api import simulate

    recorded = simulate(Run(ENGINE, MEMBERS), 50)
    recorded.device = "cuda:7"
    runner = start(finished=recorded, horizon=120)
    played(runner)
    assert (runner.status.step, runner.status.message) == (120, "")
    assert recorded.device == "cuda:7" and runner.run.device == "cpu"
