"""Labs on a graphics card: steps a second beside what was estimated before one had run, and what is captured.

`make gpu` runs it after the tests that need a GPU.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from engines.core.compute import device as devices
from engines.core.compute.simulation import Simulation
from engines.core.protocol import device_choice
from engines.core.protocol.errors import DynascopeError
from engines.core.protocol.registry import load
from engines.core.runs.experiment import Experiment


class Estimate(NamedTuple):
    """One work and the steps a second that were estimated for it, of an H200: 5 us a kernel, 1.5 us in a graph."""

    name: str
    lab: str
    knobs: dict[str, Any]
    rate: float
    preset: str | None = None


SENSING = {"operator": "gaussian", "n": 50, "m": 2500, "k": 5}
LARGE = {"operator": "gaussian", "n": 256, "m": 16384, "k": 5, "precision": "fp32"}
MANY = list(range(64))
SYMMETRIC = SENSING | {"parameterization": "symmetric", "seed": MANY}

ESTIMATES = (
    Estimate("sensing, identity, 1 member", "matrix_sensing", {"operator": "identity", "n": 50}, 55_000),
    Estimate("sensing, n = 50 m = 2500, 1 member", "matrix_sensing", SENSING, 33_000),
    Estimate("the same, 64 members", "matrix_sensing", SENSING | {"seed": MANY}, 32_000),
    Estimate("64 symmetric members", "matrix_sensing", SYMMETRIC, 43_000),
    Estimate("n = 256 m = 16384 float32, 1 member", "matrix_sensing", LARGE, 500),
    Estimate("the same, 64 members", "matrix_sensing", LARGE | {"seed": MANY}, 218),
    Estimate("the same in bfloat16, 1 member", "matrix_sensing", LARGE | {"precision": "bf16"}, 1000),
    Estimate("collapse, opening", "neural_collapse", {}, 8_800, "P0"),
    Estimate("16 networks", "neural_collapse", {"model": "network", "seed": MANY[:16]}, 4_000),
    Estimate("landscape, opening", "loss_landscape", {}, 14_500, "L0"),
    Estimate("recovery, opening", "subgradient_recovery", {}, 3_000, "SG-00"),
)  # fmt: skip

SECONDS = 2.0
"""How long each is measured."""

CHECKED = 70
"""Steps after which graph and loop are compared: two long graphs and some short ones."""


class Rate(NamedTuple):
    """What was measured of one work."""

    steps: float
    """Steps a second."""
    observation: float
    """Seconds of an observation."""
    replayed: bool
    same: bool
    """Whether the captured steps have the bits of the loop."""


def measured(work: Estimate, device: torch.device, seconds: float = SECONDS) -> Rate:
    """Measure one work on a GPU, however small it is."""
    engine = load(work.lab)
    preset = engine.preset(work.preset) if work.preset else None
    configs = Experiment.from_preset(engine, preset, work.knobs).configs()
    before, device_choice.LEAST_GPU_BYTES = device_choice.LEAST_GPU_BYTES, 0
    try:
        simulation = Simulation(engine, configs, device)
    finally:
        device_choice.LEAST_GPU_BYTES = before
    same = _same(simulation)
    begun, start, chunk = time.perf_counter(), simulation.step, CHECKED
    while (spent := time.perf_counter() - begun) < seconds:
        simulation.advance(simulation.step + chunk)
        simulation.wait()
        chunk = min(4 * chunk, 10_000)
    steps, looked = (simulation.step - start) / spent, time.perf_counter()
    simulation.observe()
    replayed = all(batch.captured is not None and batch.captured.replays > 0 for batch in simulation.batches)
    return Rate(steps, time.perf_counter() - looked, replayed, same)


def _same(simulation: Simulation) -> bool:
    """Whether captured steps end where the loop ends, bit for bit."""
    saved, ends = simulation.checkpoint(), []
    simulation.advance(CHECKED)
    ends.append([value for batch in simulation.batches for value in batch.state])
    captured = [batch.captured for batch in simulation.batches]
    for batch in simulation.batches:
        batch.captured = None
    simulation.restore(saved)
    simulation.advance(CHECKED)
    ends.append([value for batch in simulation.batches for value in batch.state])
    for batch, graph in zip(simulation.batches, captured, strict=True):
        batch.captured = graph
    return all(bool((one == other).logical_or(one != one).all()) for one, other in zip(*ends, strict=True))


def report(works: Sequence[Estimate] = ESTIMATES, seconds: float = SECONDS) -> list[Rate]:
    """Print a line a work; what one GPU refuses is a line, too."""
    device, found = devices.resolve("cuda"), []
    print(f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}")
    print(f"{'':<40} {'steps/s':>9} {'estimated':>9} {'ratio':>6} {'observing':>9}  graph, same bits")
    for work in works:
        try:
            rate = measured(work, device, seconds)
        except DynascopeError as error:
            print(f"{work.name:<40} {error}")
            continue
        found.append(rate)
        marks = f"{'yes' if rate.replayed else 'no'}, {'yes' if rate.same else 'no'}"
        print(
            f"{work.name:<40} {rate.steps:>9,.0f} {work.rate:>9,.0f} {rate.steps / work.rate:>6.2f} "
            f"{rate.observation * 1e3:>6.2f} ms  {marks}", flush=True,
        )  # fmt: skip
    return found


def main() -> None:
    """Report, where there is a GPU."""
    if "cuda" not in devices.available():
        sys.exit("there is no graphics card here")
    report()
