"""Shares: what a slow run leaves to a healthy one, and how well a step is estimated."""

from __future__ import annotations

import time

import torch

import engines
from benchmarks.promises import promise
from benchmarks.timing import head
from engines.core.compute import memory, work
from engines.core.compute.simulation import Simulation
from engines.core.live.scheduler import Scheduler
from engines.core.runs.experiment import Experiment

WINDOW, SLOW = 9.0, 30.0
"""Seconds over which a rate is measured, and that a turn of a slow run lasts."""

LARGE = {
    "matrix_sensing": {"operator": "gaussian", "n": 60, "m": 5000, "k": 10},
    "subgradient_recovery": {"d": 60, "m": 6000, "k": 20},
}


class Run:
    """A run that takes turns: `slow` ones of seconds, else as long as it is told."""

    def __init__(self, size: int, slow: float = 0.0) -> None:
        self.turns = self.products = 0
        self.on, self._slow = True, slow
        self._matrix = torch.ones(size, size, dtype=torch.float64)

    def work(self, seconds: float) -> float | None:
        """Multiply matrices until the turn is over."""
        end = time.monotonic() + (self._slow or seconds)
        while time.monotonic() < end and (self.on or not self._slow):
            _ = self._matrix @ self._matrix
            self.products += 1
        self.turns += 1
        return time.monotonic() if self.on else None


def main() -> None:
    """Print all rows."""
    head("Shares, one compute thread")
    torch.set_num_threads(1)
    for name, size in (("large products", 1500), ("thousands of small ones", 64)):
        _beside(name, size)
    for name, knobs in LARGE.items():
        _estimate(name, knobs)


def _beside(name: str, size: int) -> None:
    scheduler, healthy = Scheduler(), Run(64)
    scheduler.request(healthy)
    time.sleep(1)
    alone = _rate(healthy)
    slow = [Run(size, SLOW) for _ in range(2)]
    for each in slow:
        scheduler.request(each)
    shared = _rate(healthy)
    promise(f"rate of a run beside two with steps of {SLOW:g} s: {name}", shared / alone, ">= 0.50",
        f"{shared:.0f} against {alone:.0f} a second")  # fmt: skip
    for each in (healthy, *slow):
        each.on = False
    scheduler.stop()


def _rate(run: Run) -> float:
    before = run.products
    time.sleep(WINDOW)
    return (run.products - before) / WINDOW


def _estimate(name: str, knobs: dict[str, object]) -> None:
    engine = engines.load(name)
    configs = Experiment.from_preset(engine, None, knobs).configs()
    device = torch.device("cpu")
    told = work.seconds_a_step(engine, configs, device)
    simulation = Simulation(engine, configs, device)
    simulation.advance(2)
    begun = time.perf_counter()
    simulation.advance(simulation.step + 20)
    taken = (time.perf_counter() - begun) / 20
    promise(f"seconds a step as estimated over measured: {name}", told / taken, "0.1-10",
        f"{memory.estimate(engine, configs) / 2**20:.0f} MiB, {1000 * taken:.1f} ms a step")  # fmt: skip


if __name__ == "__main__":
    main()
