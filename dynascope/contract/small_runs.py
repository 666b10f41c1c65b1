"""Builds what the tests of the suite run: a few members of a preset, simulated once for all that look at them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

import engines
from engines.core.analysis.wrong_runs import Change
from engines.core.api import run_preset_probes, simulate
from engines.core.compute.checkpoints import Checkpoint
from engines.core.compute.simulation import Simulation
from engines.core.protocol import registry
from engines.core.protocol.config import Config, Knob
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import Engine, Preset
from engines.core.protocol.errors import ConfigError
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run

CPU = torch.device("cpu")
STEPS = 30
"""Short enough for every preset, long enough for a mistake of one rounding to show."""

BEGUN = 8
"""A run that has just begun."""


def all_configs(engine: Engine, preset: Preset) -> list[Any]:
    """List the configurations of all members of a preset."""
    return Experiment.from_preset(engine, preset).configs()


def few_members(engine: Engine, preset: Preset) -> list[Any]:
    """Choose three members of a preset that share one batch; other seeds make up for missing ones."""
    configs = all_configs(engine, preset)
    batch = [config for config in configs if config.shape_key() == configs[0].shape_key()]
    spread = batch[:: max(1, len(batch) // 3)][:3]
    return spread + [spread[0].replace(seed=spread[0].seed + 50 + i) for i in range(3 - len(spread))]


def changed(config: Config) -> Config:
    """Give the member other live knobs; another seed might regroup the members that share an operator."""
    for name in config.names_with_role("live"):
        declared = config.knob(name)
        if declared.soft:
            try:
                config = config.replace(**{name: declared.type(0.9 * declared.soft[0] + 0.1 * declared.soft[1])})
            except ConfigError:  # contradicts another knob
                continue
    return config


def odd_values(engine: Engine, stream: np.random.Generator) -> dict[str, Any]:
    """Choose values for some knobs or most: any choice, ends and middles of ranges, whole numbers near the least."""
    share = stream.choice([0.1, 0.3, 0.7])
    knobs = engine.Config.knobs().values()
    chosen = [knob for knob in knobs if stream.random() < share or (knob.role == "shape" and knob.type is int)]
    return {knob.name: _odd_value(knob, stream) for knob in chosen if knob.type is not str or knob.choices}


def _odd_value(knob: Knob, stream: np.random.Generator) -> Any:
    if knob.choices:
        return str(stream.choice(knob.choices))
    if knob.type is bool or not knob.bounds:
        return knob.type(stream.integers(2))
    low, high = knob.bounds
    if knob.type is int:
        return int(min(high, low + stream.integers(12)))
    low, high = knob.soft if knob.soft and stream.random() < 0.6 else knob.bounds
    share = stream.choice([0, 1, stream.random()])
    if knob.log and low > 0:
        return float(np.clip(low * (high / low) ** share, low, high))
    return float(low + share * (high - low))


def simulation(engine: Engine, configs: list[Config]) -> Simulation:
    """Build a simulation on the processor."""
    return Simulation(engine, configs, CPU)


def restarted(engine: Engine, preset: Preset) -> Simulation:
    """Return the simulation of `few_members` at step 0. Built once: only the last caller may use it."""
    running, start = _built(engine.name, preset.name)
    running.restore(start)
    return running


@cache
def _built(engine: str, preset: str) -> tuple[Simulation, Checkpoint]:
    running = simulation(engines.load(engine), few_members(engines.load(engine), engines.load(engine).preset(preset)))
    return running, running.checkpoint()


class Outcome(NamedTuple):
    """The states and channels of a simulation after `STEPS`."""

    states: list[torch.Tensor]
    values: Mapping[str, np.ndarray]


def outcome(running: Simulation) -> Outcome:
    """Advance to `STEPS` and observe."""
    running.advance(STEPS)
    values = running.observe().values
    return Outcome([value for batch in running.batches for value in batch.state], values)


def reference_outcome(engine: Engine, preset: Preset) -> Outcome:
    """Compute the outcome of `few_members` in one go, to compare others with. Computed once."""
    return _reference_outcome(engine.name, preset.name)


@cache
def _reference_outcome(engine: str, preset: str) -> Outcome:
    loaded = engines.load(engine)
    ran = outcome(restarted(loaded, loaded.preset(preset)))
    return Outcome([value.clone() for value in ran.states], ran.values)


def scalars(engine: Engine) -> list[str]:
    """Name the channels that are one number a member, observed at every frame."""
    return [channel.name for channel in engine.channels if not channel.dims and not channel.thin]


def short_run(engine: Engine, preset: Preset) -> Run:
    """Simulate the whole ensemble of a preset for a few steps; `test_verdicts` goes all the way."""
    return _short_run(engine.name, preset.name)


@cache
def _short_run(engine: str, preset: str) -> Run:
    return engines.run(engine, preset, steps=BEGUN)


def wrong_runs(engine: Engine) -> Mapping[str, Mapping[str, Change]]:
    """Import the wrong runs of every preset of an engine, from the `wrong_runs.py` beside it."""
    home = sys.modules[registry.origins()[engine.name].module].__package__
    return importlib.import_module(f"{home}.wrong_runs").WRONG


def judged_as_right(engine: Engine, preset: Preset, change: Change) -> list[Verdict]:
    """Judge a run in which every member was changed without the knowledge of the preset's verdicts."""
    configs = all_configs(engine, preset)
    run = simulate(Run(engine, [change(config) for config in configs], preset=preset), preset.steps)
    run_preset_probes(run)
    run.configs, run.initial_configs = list(configs), tuple(configs)
    return run.judge()
