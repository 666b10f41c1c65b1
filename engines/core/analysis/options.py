"""What can be chosen for a probe: read off the signature of its `compute`, so that it is declared once."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Probe
from engines.core.protocol.errors import ConfigError, UnknownName


def options(probe: Probe) -> dict[str, Knob]:
    """The options of a probe by name, all that has a default but the step; the type of each is its default's."""
    found = inspect.signature(probe.compute).parameters.values()
    chosen = [p for p in found if p.default is not p.empty and p.name != "step"]
    said = {knob.name: knob for knob in probe.knobs}
    return {
        p.name: replace(said.get(p.name, Knob(name=p.name)), type=type(p.default), default=p.default) for p in chosen
    }


def checked(probe: Probe, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The values of options in their types. Raises `UnknownName` or `ConfigError`."""
    known = options(probe)
    for name in chosen:
        if name not in known:
            raise UnknownName(f"option of {probe.name}", name, listed(probe) or ["none"])
    return {name: known[name].check(probe.name, value) for name, value in chosen.items()}


def parse(probe: Probe, typed: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Read what a person typed. Raises `UnknownName` or `ConfigError`, either naming the options there are."""
    known, values = options(probe), {}
    for name, text in typed:
        if name not in known:
            raise UnknownName(f"option of {probe.name}", name, listed(probe) or ["none"])
        try:
            values[name] = known[name].parse(text)
        except ConfigError as error:
            raise ConfigError(f"{error}; options of {probe.name}: {', '.join(listed(probe))}") from None
    return checked(probe, values)


def listed(probe: Probe) -> list[str]:
    """The options with their defaults."""
    return [f"{knob.name}={knob.default}" for knob in options(probe).values()]
