"""What the suite runs over: every discovered engine, each of its presets, a few members of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import torch

import engines
from engines.core.compute.simulation import Checkpoint, Simulation
from engines.core.protocol.config import Config
from engines.core.protocol.engine import Engine, Preset
from engines.core.protocol.errors import ConfigError, EngineFailure
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run

CPU = torch.device("cpu")
STEPS = 30
"""Short enough for every preset, long enough for a mistake of one rounding to show."""

BEGUN = 8
"""A run that has just begun."""


def _loaded() -> Iterator[Engine]:
    for name in engines.names():
        try:
            yield engines.load(name)
        except EngineFailure:  # has a test of its own
            continue


ENGINES = list(_loaded())
PRESETS = [(engine, preset) for engine in ENGINES for preset in engine.presets]

HEAVY = {
    "loss_landscape": ("L14", "L15", "L16"), "neural_collapse": ("P5", "P10", "P11"), "matrix_sensing": ("P2", "P4"),
    "subgradient_recovery": ("SG-07", "SG-12"),
}  # fmt: skip
"""Presets whose first steps alone take seconds: thorough ones."""

every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
every_preset = pytest.mark.parametrize(
    ("engine", "preset"),
    [
        pytest.param(
            engine, preset, id=f"{engine.name}-{preset.name}",
            marks=[pytest.mark.thorough] if preset.name in HEAVY[engine.name] else [],
        )
        for engine, preset in PRESETS
    ],
)  # fmt: skip


def all_configs(engine: Engine, preset: Preset) -> list[Config]:
    """Every member of a preset."""
    return Experiment.of(engine, preset).configs()


def few(engine: Engine, preset: Preset) -> list[Config]:
    """Three members of a preset that share one batch; other seeds make up for missing ones."""
    configs = all_configs(engine, preset)
    batch = [config for config in configs if config.shape_key() == configs[0].shape_key()]
    spread = batch[:: max(1, len(batch) // 3)][:3]
    return spread + [spread[0].replace(seed=spread[0].seed + 50 + i) for i in range(3 - len(spread))]


def changed(config: Config) -> Config:
    """The same member with other live knobs. (Another seed may regroup the members that share an operator.)"""
    for name in config.named("live"):
        declared = config.knob(name)
        if declared.soft:
            try:
                config = config.replace(**{name: declared.type(0.9 * declared.soft[0] + 0.1 * declared.soft[1])})
            except ConfigError:  # contradicts another knob
                continue
    return config


def simulation(engine: Engine, configs: list[Config]) -> Simulation:
    """A fresh simulation on the processor."""
    return Simulation(engine, configs, CPU)


def restarted(engine: Engine, preset: Preset) -> Simulation:
    """The simulation of `few`, at step 0. Built once: only the last caller may use it."""
    running, start = _built(engine.name, preset.name)
    running.restore(start)
    return running


@cache
def _built(engine: str, preset: str) -> tuple[Simulation, Checkpoint]:
    running = simulation(engines.load(engine), few(engines.load(engine), engines.load(engine).preset(preset)))
    return running, running.checkpoint()


class Outcome(NamedTuple):
    """Where a simulation is after `STEPS`."""

    states: list[torch.Tensor]
    values: Mapping[str, np.ndarray]


def outcome(running: Simulation) -> Outcome:
    """Advance to `STEPS` and look."""
    running.advance(STEPS)
    values = running.observe().values
    return Outcome([value for batch in running.batches for value in batch.state], values)


def undisturbed(engine: Engine, preset: Preset) -> Outcome:
    """The outcome of `few` in one go, to compare others with. Computed once."""
    return _undisturbed(engine.name, preset.name)


@cache
def _undisturbed(engine: str, preset: str) -> Outcome:
    loaded = engines.load(engine)
    ran = outcome(restarted(loaded, loaded.preset(preset)))
    return Outcome([value.clone() for value in ran.states], ran.values)


def scalars(engine: Engine) -> list[str]:
    """The channels that are one number a member, observed at every frame."""
    return [channel.name for channel in engine.channels if not channel.dims and not channel.thin]


def short_run(engine: Engine, preset: Preset) -> Run:
    """The whole ensemble of a preset for a few steps; `test_verdicts` goes all the way."""
    return _short_run(engine.name, preset.name)


@cache
def _short_run(engine: str, preset: str) -> Run:
    return engines.run(engine, preset, steps=BEGUN)
