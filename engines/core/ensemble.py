"""From a preset and a few overrides to the configurations of an ensemble."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from engines.core.config import Config
from engines.core.engine import Engine, Preset
from engines.core.errors import ConfigError

LIMIT = 4096
"""The most members that one ensemble may have."""


def spread(kind: type[Config], values: Mapping[str, Any]) -> list[Config]:
    """One configuration for each combination of the listed values, the last list fastest.

    Raises `ConfigError` where a value is out of bounds or the product has more than `LIMIT` members.
    """
    for name in values:
        kind.knob(name)
    lists = [value if isinstance(value, (list, tuple, range)) else [value] for value in values.values()]
    total = _size(lists)
    if not 1 <= total <= LIMIT:
        raise ConfigError(f"the ensemble has {total} members; allowed are 1 to {LIMIT}")
    return [kind(**dict(zip(values, chosen, strict=True))) for chosen in product(*lists)]


def _size(lists: Iterable[Sequence[Any]]) -> int:
    total = 1
    for values in lists:
        total *= len(values)
    return total


def members(
    engine: Engine, preset: Preset | None, overrides: Mapping[str, Any], seeds: Sequence[int] | None
) -> list[Config]:
    """The ensemble of a preset with some knobs overridden: cases x lists x seeds.

    An override replaces the knob everywhere, in cases too; cases that become equal are merged.
    """
    cases = (preset.cases if preset else ()) or ({},)
    base = dict(preset.set) if preset else {}
    if seeds is None and "seed" not in overrides:
        seeds = preset.seeds if preset else None
    found: dict[Config, None] = {}
    for case in cases:
        chosen = base | dict(case) | dict(overrides) | ({"seed": list(seeds)} if seeds is not None else {})
        found |= dict.fromkeys(spread(engine.Config, chosen))
    return list(found)
