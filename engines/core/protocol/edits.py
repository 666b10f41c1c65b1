"""Live edits as records: checked where they come from links, files and calls, and applied to configurations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import index
from typing import Any

from engines.core.data.recording import Event
from engines.core.protocol.config import Config, Knob
from engines.core.protocol.engine import Engine
from engines.core.protocol.errors import ConfigError, quote

STEP = Knob(name="step of an edit", type=int, default=0, bounds=(0, 10**9))
"""Steps at which a live edit may be made."""

FIELDS = ("step", "knob", "value", "members")


def check_edits(engine: Engine, records: Any, configs: Sequence[Config]) -> tuple[Event, ...]:
    """Check the live edits of members with these configurations; returns them in the order of their steps.

    Raises `ConfigError` or `UnknownName` for one that is out of bounds, or contradicts another knob of its member.
    """
    if not is_list(records):
        raise ConfigError(f"edits={quote(records)} is no list of live edits")
    edits = sorted((_edit(engine, record, len(configs)) for record in records), key=lambda edit: edit.step)
    apply_edits(configs, edits)
    return tuple(edits)


def apply_edits(configs: Sequence[Config], edits: Iterable[Event]) -> list[Any]:
    """Return the configurations with live edits made to them, in their order. Raises `ConfigError`.

    Edits of one step are one: knobs that are turned together may contradict each other until the last is.
    """
    edited = list(configs)
    for _, together in by_step(edits):
        values: dict[int, dict[str, Any]] = {}
        for edit in together:
            for member in edit.members:
                values.setdefault(member, {})[edit.knob] = edit.value
        for member, changed in values.items():
            edited[member] = edited[member].replace(**changed)
    return edited


def by_step(edits: Iterable[Event]) -> Iterator[tuple[int, list[Event]]]:
    """Yield each step at which knobs are turned, with its edits; they stand in the order of their steps."""
    for step, together in groupby(edits, key=lambda edit: edit.step):
        yield step, list(together)


def is_list(value: Any) -> bool:
    """Whether a value holds several: a list, a range or an array, and no text, mapping or single number."""
    one = isinstance(value, (str, bytes, Mapping)) or getattr(value, "ndim", 1) == 0
    return isinstance(value, Iterable) and not one


def _edit(engine: Engine, record: Any, members: int) -> Event:
    """Check one live edit, a mapping or four values. Raises `ConfigError` or `UnknownName`."""
    edit = record if isinstance(record, Mapping) else {}
    if is_list(record):
        values = list(record)
        edit = dict(zip(FIELDS, values, strict=True)) if len(values) == len(FIELDS) else {}
    if not edit.keys() >= set(FIELDS) or not isinstance(edit["knob"], str):
        raise ConfigError(f"{quote(record)} is no live edit: it needs {', '.join(FIELDS)}")
    knob = engine.Config.knob(edit["knob"])
    if knob.role != "live":
        raise ConfigError(f"{knob.name} is not a live knob: it cannot be edited on the way")
    value = knob.check(engine.Config.__name__, edit["value"])
    step = STEP.check("Experiment", edit["step"])
    if not is_list(edit["members"]):
        raise ConfigError(f"the members of a live edit are {quote(edit['members'])}, and must be a list of numbers")
    return Event(step, knob.name, value, tuple(_member(each, members) for each in edit["members"]))


def _member(given: Any, members: int) -> int:
    try:
        member = -1 if isinstance(given, bool) else index(given)
    except TypeError:
        member = -1
    if not 0 <= member < members:
        shown = repr(given)[:40]
        raise ConfigError(f"a live edit names the member {shown}, which is not among the {members}, from 0 on")
    return member
