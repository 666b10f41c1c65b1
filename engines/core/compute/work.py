"""The time that a step will take, from smaller runs of the same kind that are measured on this machine."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence

import torch

from engines.core.compute import memory
from engines.core.compute.simulation import Simulation
from engines.core.protocol.config import Config
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError

log = logging.getLogger(__name__)

LARGE = 2**26
"""Bytes of problem and state below which a step takes no time worth an estimate."""

MEASURED = {"cpu": (2**21, 2**23), "cuda": (2**26, 2**28), "mps": (2**26, 2**28)}
"""Bytes, at most, of the two smaller runs whose steps are measured; a GPU only waits for smaller ones."""

GROWTH = (1.0, 1.5)
"""Powers of the bytes with which the time of a step may grow: each is read once, and by products more than once."""

ENOUGH = 0.02
"""Seconds for which steps are measured at least."""

SHRINK = 0.75
"""Factor by which all sizes are made smaller at a time."""


def seconds_a_step(engine: Engine, configs: Sequence[Config], device: torch.device) -> float:
    """Estimate the seconds that a step of all members takes, before anything of them is built.

    0 where the run is small, or where there is no smaller one of its kind to measure.
    """
    size = memory.estimate(engine, configs)
    if size < LARGE:
        return 0.0
    measured = [_measured(engine, configs, most, device) for most in MEASURED[device.type]]
    if not all(measured):
        return 0.0
    (small, quick), (large, slow) = measured  # type: ignore[misc]
    power = math.log(slow / quick) / math.log(large / small) if large > small else GROWTH[0]
    return slow * (size / large) ** min(max(power, GROWTH[0]), GROWTH[1])


def _measured(engine: Engine, configs: Sequence[Config], most: int, device: torch.device) -> tuple[int, float] | None:
    """Measure the bytes and the seconds of a step of a run that is smaller than `most`; None where there is none."""
    try:
        smaller = _smaller(engine, list(configs), most)
        simulation = Simulation(engine, smaller, device)
        if any(batch.device.type != device.type for batch in simulation.batches):
            return None  # what is this small is left to the processor, which tells nothing of a GPU
        simulation.advance(2)
        times = [_step(simulation) for _ in range(3)]
        while sum(times) < ENOUGH:  # the shortest of few short steps is one that something else held up
            times.append(_step(simulation))
    except Exception:  # whatever is wrong with the run itself is said where that is built
        log.debug("the work of a step is not known", exc_info=True)
        return None
    return memory.estimate(engine, smaller), min(times)


def _step(simulation: Simulation) -> float:
    begun = time.perf_counter()
    simulation.advance(simulation.step + 1)
    simulation.freeze_diverged()  # waits for the device
    return max(time.perf_counter() - begun, 1e-9)


def _smaller(engine: Engine, configs: list[Config], most: int) -> list[Config]:
    """Leave members out, and where that saves little make all sizes smaller, until the run has `most` bytes."""
    while (size := memory.estimate(engine, configs)) > most:
        half = configs[: (len(configs) + 1) // 2]
        saves = len(configs) > 1 and memory.estimate(engine, half) < 0.6 * size
        configs = half if saves else [_shrunk(config) for config in configs]
        if memory.estimate(engine, configs) >= size:
            raise ConfigError("there is no smaller run")
    return configs


def _shrunk(config: Config) -> Config:
    """Make every size smaller that may be, one after another."""
    for name in memory.sizes(config):
        try:
            config = config.replace(**{name: max(1, int(SHRINK * getattr(config, name)))})
        except ConfigError:  # out of its bounds, or in contradiction with another knob
            pass
    return config
