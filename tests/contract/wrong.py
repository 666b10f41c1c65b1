"""Wrong runs: a preset simulated otherwise than it says, and judged as if it had been obeyed.

So a verdict is tried the way a fault of the engine would try it. `tests/<engine>/wrong.py` holds
`WRONG: dict[preset, dict[what is wrong, change of a configuration]]`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from engines.core.api import measure, simulate
from engines.core.protocol.config import Config
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import Engine, Preset
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run

Change = Callable[[Config], Config]


def but(**knobs: Any) -> Change:
    """Replace knobs in every member by values, or by functions of the member's configuration."""

    def change(config: Config) -> Config:
        return config.replace(**{name: value(config) if callable(value) else value for name, value in knobs.items()})

    return change


def scaled(**factors: float) -> Change:
    """Multiply knobs in every member."""
    return lambda config: config.replace(**{name: getattr(config, name) * by for name, by in factors.items()})


def wrong_runs(engine: Engine) -> Mapping[str, Mapping[str, Change]]:
    """The wrong runs of every preset of an engine."""
    return importlib.import_module(f"tests.{engine.name}.wrong").WRONG


def judged_as_right(engine: Engine, preset: Preset, change: Change) -> list[Verdict]:
    """What the preset's verdicts say of a run in which every member was changed without their knowledge."""
    configs = Experiment.of(engine, preset).configs()
    run = simulate(Run(engine, [change(config) for config in configs], preset=preset), preset.steps)
    measure(run)
    run.configs, run.openings = list(configs), tuple(configs)
    return run.judged()
