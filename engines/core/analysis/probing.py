"""Probes: what can be chosen for one, and how it is computed, at once or part by part.

The options of a probe are read off the signature of its `compute`, so that they are declared once.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Part, Probe, RunData
from engines.core.protocol.errors import ConfigError, EngineFailure, UnknownName, engine_failures, expect


def probe_options(probe: Probe) -> dict[str, Knob]:
    """List the options of a probe by name: all that has a default but the step; the type of each is its default's."""
    parameters = inspect.signature(probe.compute).parameters.values()
    declared = {knob.name: knob for knob in probe.knobs}
    return {
        p.name: replace(declared.get(p.name, Knob(name=p.name)), type=type(p.default), default=p.default)
        for p in parameters
        if p.default is not p.empty and p.name != "step"
    }


def check_options(probe: Probe, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of options in their types. Raises `UnknownName` or `ConfigError`."""
    options = probe_options(probe)
    for name in values:
        _require(probe, options, name)
    return {name: options[name].check(probe.name, value) for name, value in values.items()}


def parse_options(probe: Probe, typed: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Read what a person typed. Raises `UnknownName` or `ConfigError`, either naming the options there are."""
    options, values = probe_options(probe), {}
    for name, text in typed:
        _require(probe, options, name)
        try:
            values[name] = options[name].parse(text)
        except ConfigError as error:
            raise ConfigError(f"{error}; options of {probe.name}: {', '.join(options_with_defaults(probe))}") from None
    return check_options(probe, values)


def options_with_defaults(probe: Probe) -> list[str]:
    """List the options of a probe as `name=default`."""
    return [f"{knob.name}={knob.default}" for knob in probe_options(probe).values()]


def _require(probe: Probe, options: Mapping[str, Knob], name: str) -> None:
    if name not in options:
        raise UnknownName(f"option of {probe.name}", name, options_with_defaults(probe))


def compute_parts(probe: Probe, run: RunData, member: int, step: int, options: Mapping[str, Any]) -> Iterator[Part]:
    """Compute a probe part by part, the whole last. Raises `EngineFailure` once the run is cancelled."""
    with engine_failures(probe.name):
        result = probe.compute(run, member, step=step, **options)
        parts = iter([Part(1.0, result)] if isinstance(result, Mapping) else result)
    while part := _next(probe.name, parts):
        if run.cancelled:
            raise EngineFailure(f"{probe.name} was cancelled at {part.share:.0%}")
        yield part


def _next(name: str, parts: Iterator[Part]) -> Part | None:
    with engine_failures(name):
        part = next(parts, None)
        return None if part is None else expect(Part, part, "it")
