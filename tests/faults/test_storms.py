"""Runs in bad weather: numbers that are none, memory that is not there, interrupts in the middle of a chunk."""

import signal
import threading
import time

import numpy as np
import pytest
import torch

from engines.core.api import simulate
from engines.core.live.runner import Runner
from engines.core.live.scheduler import Scheduler
from engines.core.runs.run import Run
from tests.core.toy import ENGINE, Toy, ToyEngine

STORMS = (float("nan"), float("inf"), -float("inf"), 1e308, 1e31, 5e-324)


class Stormy(ToyEngine):
    """Members whose seed is odd are hit at the step of their seed, each by another number."""

    hit: torch.Tensor

    def step(self, problem, state, knobs):
        new = super().step(problem, state, knobs)
        seed = knobs["seed"].long()
        now = (seed % 2 == 1) & (state.t.reshape(len(seed), -1)[:, 0] == seed)
        numbers = torch.tensor(STORMS, dtype=new.x.dtype)[(seed // 2) % len(STORMS)]
        return new._replace(x=torch.where(now[:, None], numbers[:, None], new.x))


def test_members_that_are_hit_by_numbers_that_are_none_end_alone():
    members = [Toy(seed=seed) for seed in range(24)]
    run = simulate(Run(Stormy(), members), 100)
    calm = simulate(Run(ENGINE, members[::2]), 100)
    assert (run.diverged_at[::2] == -1).all()
    np.testing.assert_array_equal(run["loss"][:, ::2], calm["loss"])
    for seed in range(1, 24, 2):
        lost = not abs(STORMS[(seed // 2) % len(STORMS)]) < 1e30
        assert bool(run.diverged_at[seed] >= 0) == lost
        if lost:
            assert np.isnan(run["loss"][-1, seed]) and run.diverged_at[seed] == seed + 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has 79 GiB"), "20 GiB more"),
        (RuntimeError("CUDA error: out of memory"), "ran out of memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to "
                      "allocate 137438953472 bytes. Error code 12 (Cannot allocate memory)"), "128.0 GiB more"),
        (MemoryError(), "ran out of memory"),
    ],
)  # fmt: skip
def test_memory_that_is_not_there_is_a_sentence_and_the_next_run_goes_on(error, said):
    class Hungry(ToyEngine):
        def step(self, problem, state, knobs):
            raise error

    scheduler = Scheduler()
    hungry = Runner(Hungry(), [Toy()], scheduler=scheduler)
    hungry.play()
    rest(scheduler)
    message = hungry.status.message
    assert said in message and "lower the sizes or the number of members" in message and "\n" not in message
    other = Runner(ENGINE, [Toy()], horizon=50, scheduler=scheduler)
    other.play()
    rest(scheduler)
    assert (other.status.step, other.status.message) == (50, "")
    for runner in (hungry, other):
        runner.close()


def test_an_interrupt_in_the_middle_of_a_chunk_leaves_no_trace():
    """As a notebook's kernel is interrupted: the next run of the process has the bits of the first."""
    members = [Toy(seed=seed) for seed in range(8)]
    first = simulate(Run(ENGINE, members), 3000)
    interrupted = 0
    for delay in np.linspace(0.002, 0.15, 12):
        timer = threading.Timer(delay, signal.raise_signal, [signal.SIGINT])
        timer.start()
        try:
            simulate(Run(ENGINE, members), 10**7)
        except KeyboardInterrupt:
            interrupted += 1
        timer.join()
        assert float(torch.tensor(5e-324) * 1) != 0  # the thread counts subnormal numbers again
    assert interrupted == 12
    again = simulate(Run(ENGINE, members), 3000)
    for channel in ("loss", "x"):
        np.testing.assert_array_equal(again[channel], first[channel])


def test_an_interrupt_of_the_program_stops_no_run_of_a_page():
    scheduler = Scheduler()
    runner = Runner(ENGINE, [Toy()], horizon=10**9, scheduler=scheduler)
    runner.play()
    for _ in range(20):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
            time.sleep(1)
    at = runner.status.step
    end = time.monotonic() + 60
    while runner.status.step <= at:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert runner.status.playing and not runner.status.message
    runner.close()


def rest(scheduler):
    end = time.monotonic() + 60
    while scheduler.active():
        assert time.monotonic() < end
        time.sleep(0.005)
