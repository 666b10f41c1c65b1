"""Scripts: the lines that repeat an experiment without a screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.core.runs.experiment import Experiment


def script(experiment: Experiment) -> str:
    """Write Python lines that run an experiment and print each member's final values; they need `engines` alone.

    A preset is named, and only what differs from it is said; without one, what differs from the defaults.
    """
    call = [repr(experiment.engine.name), *(f"{name}={value!r}" for name, value in _arguments(experiment).items())]
    lines = "".join(f"    {argument},\n" for argument in call)
    return (
        f'"""{_title(experiment)}"""\n\nimport engines\n\nrun = engines.run(\n{lines})\n'
        "for member in range(len(run.configs)):\n    print(member, run.final(member))\n"
    )


def _title(experiment: Experiment) -> str:
    preset = experiment.preset
    return f"{experiment.engine.title}: {preset.name}, {preset.title}" if preset else experiment.engine.title


def _arguments(experiment: Experiment) -> Mapping[str, Any]:
    start = Experiment.from_preset(experiment.engine, experiment.preset)
    given: dict[str, Any] = {"preset": experiment.preset.name} if experiment.preset else {}
    inside = {name for case in experiment.cases for name in case} | set(experiment.axes)
    fixed = {name: value for name, value in experiment.base if name not in inside and _differs(start, name, value)}
    axes = {name: list(axis) for name, axis in experiment.axes.items()}
    if fixed or list(axes.items()) != [(name, list(axis)) for name, axis in start.axes.items()]:
        given["set"] = fixed | axes
    if experiment.cases != start.cases:
        given["cases"] = [dict(case) for case in experiment.cases]
    if experiment.steps != start.steps:
        given["steps"] = experiment.steps
    if experiment.edits:
        given["edits"] = [(event.step, event.knob, event.value, list(event.members)) for event in experiment.edits]
    return given


def _differs(start: Experiment, name: str, value: Any) -> bool:
    return name in start.axes or any(name in case for case in start.cases) or getattr(start.base, name) != value
