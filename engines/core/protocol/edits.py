"""Live edits of links, files and calls: knobs that change their value while a run goes on.

What is turned on a page comes through `Experiment.edit`, which is checked there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import index
from typing import Any

from engines.core.data.recording import Event
from engines.core.protocol.config import Knob
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError

STEP = Knob(name="step of an edit", type=int, default=0, bounds=(0, 10**9))
"""When a live edit may be made."""


def live_edits(engine: Engine, records: Iterable[Mapping[str, Any]], members: int) -> tuple[Event, ...]:
    """Check live edits of so many members; returns them in the order of their steps. Raises `ConfigError`."""
    return tuple(sorted((_edit(engine, record, members) for record in records), key=lambda event: event.step))


def _edit(engine: Engine, event: Mapping[str, Any], members: int) -> Event:
    """Check one live edit. Raises `ConfigError` or `UnknownName`."""
    knob = engine.Config.knob(event["knob"])
    if knob.role != "live":
        raise ConfigError(f"{knob.name} is not a live knob: it cannot be edited on the way")
    value = knob.check(engine.Config.__name__, event["value"])
    step = STEP.check("Experiment", event["step"])
    if isinstance(event["members"], str):
        raise ConfigError(f"the members of a live edit are {event['members'][:40]!r}, and must be a list of numbers")
    return Event(step, knob.name, value, tuple(_member(each, members) for each in event["members"]))


def _member(given: Any, members: int) -> int:
    try:
        member = -1 if isinstance(given, bool) else index(given)
    except TypeError:
        member = -1
    if not 0 <= member < members:
        shown = repr(given)[:40]
        raise ConfigError(f"a live edit names the member {shown}, which is not among the {members}, from 0 on")
    return member
