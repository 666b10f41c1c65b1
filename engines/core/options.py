"""What can be chosen for a probe: read off the signature of its `compute`, so that it is declared once."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from engines.core.config import Knob
from engines.core.engine import Probe
from engines.core.errors import ConfigError, UnknownName


def options(probe: Probe) -> dict[str, Knob]:
    """The options of a probe by name, all that has a default but the step; the type of each is its default's."""
    found = inspect.signature(probe.compute).parameters.values()
    chosen = [p for p in found if p.default is not p.empty and p.name != "step"]
    return {p.name: Knob(name=p.name, type=type(p.default), default=p.default) for p in chosen}


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
    return values


def listed(probe: Probe) -> list[str]:
    """The options with their defaults."""
    return [f"{knob.name}={knob.default}" for knob in options(probe).values()]
