"""How an ensemble is read as a sweep: the knob that is swept, and the series of members over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.session.curves import member_label, varied
from dashboard.ui.palette import qualitative

if TYPE_CHECKING:
    from engines.core.protocol.config import Config, Knob
    from engines.core.protocol.declarations import Plot

MOST = 12
"""Strands that are drawn; more hues could not be told apart."""

SEVERAL = 3
"""Positive values of a logarithmic knob that are worth an axis without its zero."""


@dataclass(frozen=True)
class Strand:
    """Members alike in all varied knobs but the swept one, those that follow it, and the seed; by the swept value."""

    label: str
    color: str
    points: dict[float, tuple[int, ...]]


@dataclass(frozen=True)
class Sweep:
    """An ensemble over the knob that is swept. `total` counts the strands, those that are not drawn too."""

    knob: Knob
    log: bool
    strands: tuple[Strand, ...]
    total: int


def few(plots: Sequence[Plot], configs: Sequence[Config]) -> frozenset[str]:
    """Sweeps and maps of an ensemble in which too few knobs vary for them."""
    numbers = len(_numbers(configs))
    return frozenset(plot.name for plot in plots if numbers < {"sweep": 1, "map": 2}.get(plot.kind, 0))


def pair(configs: Sequence[Config]) -> tuple[str, str] | None:
    """The two numbers that vary most; None where fewer vary."""
    ranked = sorted(_numbers(configs), key=lambda name: -_kinds(configs, name, range(len(configs))))
    return (ranked[0], ranked[1]) if len(ranked) > 1 else None


def sweep(configs: Sequence[Config]) -> Sweep | None:
    """Read an ensemble as a sweep; None where no number varies."""
    knob = _swept(configs)
    if knob is None:
        return None
    log = knob.log and _logarithmic({getattr(config, knob.name) for config in configs})
    names = [name for name in _varied(configs) if not _follows(configs, name, knob.name)]
    groups = _grouped(configs, names)
    firsts = [configs[members[0]] for members in groups]
    hidden = set(configs[0].knobs()) - set(names)
    labels = [member_label(firsts, place, but=hidden) for place in range(min(len(groups), MOST))]
    strands = [
        Strand(label, qualitative(place), _points(configs, members, knob.name, log))
        for place, (label, members) in enumerate(zip(labels, groups, strict=False))
    ]
    return Sweep(knob, log, tuple(strands), len(groups))


def _logarithmic(values: set[float]) -> bool:
    """Whether an axis without the zero says more than one on which all others lie beside it."""
    return min(values) > 0 or sum(value > 0 for value in values) >= SEVERAL


def _swept(configs: Sequence[Config]) -> Knob | None:
    """The number that varies most; of several, one that varies while all else stays."""
    knobs, names = configs[0].knobs(), _varied(configs)
    numeric = _numbers(configs)

    def rank(name: str) -> tuple[int, bool]:
        groups = _grouped(configs, [other for other in names if other != name])
        alone = max(_kinds(configs, name, members) for members in groups)
        return _kinds(configs, name, range(len(configs))), alone > 1

    return knobs[max(numeric, key=rank)] if numeric else None


def _follows(configs: Sequence[Config], name: str, leader: str) -> bool:
    """Whether a knob's value is set by that of another, so that it tells no series apart."""
    return all(_kinds(configs, name, members) == 1 for members in _grouped(configs, [leader]))


def _points(configs: Sequence[Config], members: Sequence[int], knob: str, log: bool) -> dict[float, tuple[int, ...]]:
    found: dict[float, tuple[int, ...]] = {}
    for member in sorted(members, key=lambda member: getattr(configs[member], knob)):
        value = getattr(configs[member], knob)
        if value > 0 or not log:
            found[value] = (*found.get(value, ()), member)
    return found


def is_seed(name: str) -> bool:
    """Whether a knob draws random numbers, so that its values have no order."""
    return name.split("_")[-1] == "seed"


def _varied(configs: Sequence[Config]) -> list[str]:
    return [name for name in varied(configs) if not is_seed(name)]


def _numbers(configs: Sequence[Config]) -> list[str]:
    return [name for name in _varied(configs) if configs[0].knob(name).type in (int, float)]


def _grouped(configs: Sequence[Config], names: Sequence[str]) -> list[list[int]]:
    """The members by their values of some knobs."""
    found: dict[tuple[object, ...], list[int]] = {}
    for member, config in enumerate(configs):
        found.setdefault(tuple(getattr(config, name) for name in names), []).append(member)
    return list(found.values())


def _kinds(configs: Sequence[Config], name: str, members: Sequence[int]) -> int:
    return len({getattr(configs[member], name) for member in members})
