"""Chooses the curves of an ensemble: one for each member, or one band for many; with hues and labels."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from dashboard.ui.formatting import describe
from dashboard.ui.palette import qualitative, scale
from engines.core.protocol.config import varied

if TYPE_CHECKING:
    from engines.core.protocol.config import Config

MOST_SEPARATE = 32
"""Above so many curves a median and a band of quantiles are drawn for all members together."""

ENOUGH = 3
"""Fewest members that differ in the seed alone and are drawn as one band."""


@dataclass(frozen=True)
class Curve:
    """One hue on every plot: a member, or the median and the 10-90 % band of several."""

    key: str
    label: str
    color: str
    members: tuple[int, ...]

    @property
    def band(self) -> bool:
        """Whether it stands for several members, by their median and a band."""
        return len(self.members) > 1


def curves(configs: Sequence[Config], bands: bool = True, picked: Iterable[int] = ()) -> tuple[Curve, ...]:
    """Choose the curves of an ensemble. Members that differ in the seed alone become a band when there are enough."""
    groups = _groups(configs)
    if len(groups) > MOST_SEPARATE or (not bands and len(configs) > MOST_SEPARATE):
        return (_everyone(configs), *_picked(configs, picked))
    colors = _colors([configs[members[0]] for members in groups])
    found: list[Curve] = []
    for members, color in zip(groups, colors, strict=True):
        whole = bands and (len(members) >= ENOUGH or len(configs) > MOST_SEPARATE)
        for part in [members] if whole else [(member,) for member in members]:
            found.append(Curve(f"c{len(found)}", _label(configs, part), color, part))
    return tuple(found) if len(groups) > 1 or len(found) == 1 else _by_seed(found)


def distinguishing(configs: Sequence[Config], but: Container[str] = ()) -> list[str]:
    """List the fewest knobs, in order, that tell the members apart: a case may change several at once."""
    chosen: list[str] = []
    for name in sorted((name for name in varied(configs) if name not in but), key=lambda name: name == "seed"):
        if _kinds(configs, [*chosen, name]) > _kinds(configs, chosen):
            chosen.append(name)
    return chosen


def member_label(configs: Sequence[Config], member: int, but: Container[str] = ()) -> str:
    """Say what distinguishes one member, apart from the knobs in `but`; "" where nothing does.

    From the third knob on, a value that most members share goes without saying.
    """
    names, mine = distinguishing(configs, but), configs[member]
    shown = names[:2] + [name for name in names[2:] if name == "seed" or not _usual(configs, name, getattr(mine, name))]
    return _values(mine, shown)


def _usual(configs: Sequence[Config], name: str, value: Any) -> bool:
    return 2 * sum(getattr(config, name) == value for config in configs) > len(configs)


def _kinds(configs: Sequence[Config], names: Sequence[str]) -> int:
    return len({tuple(getattr(config, name) for name in names) for config in configs})


def _groups(configs: Sequence[Config]) -> list[tuple[int, ...]]:
    def key(index: int) -> str:
        return repr([(name, value) for name, value in configs[index] if name != "seed"])

    order = {key(index): index for index in reversed(range(len(configs)))}
    members = sorted(range(len(configs)), key=lambda index: (order[key(index)], index))
    return [tuple(group) for _, group in groupby(members, key=key)]


def _colors(configs: Sequence[Config]) -> list[str]:
    """Choose sequential hues where one number tells three configurations or more apart, else one hue for each."""
    names = [name for name in distinguishing(configs) if name != "seed"]
    if not names:
        return [qualitative(0)] * len(configs)
    knob = configs[0].knobs()[names[0]]
    values = [getattr(config, names[0]) for config in configs]
    numeric = knob.type in (int, float)
    if numeric and len(set(values)) == len(values) > 2:
        return scale(values)
    return [qualitative(index) for index in range(len(configs))]


def _label(configs: Sequence[Config], members: tuple[int, ...]) -> str:
    first = members[0]
    if len(members) > 1:
        text = member_label(configs, first, but=("seed",))
        return f"{text}, {len(members)} seeds" if text else f"{len(members)} seeds: median, 10–90 %"
    return member_label(configs, first) or "this run"


def _values(config: Any, names: Sequence[str]) -> str:
    return describe({name: getattr(config, name) for name in names})


def _by_seed(found: Sequence[Curve]) -> tuple[Curve, ...]:
    return tuple(Curve(c.key, c.label, qualitative(i), c.members) for i, c in enumerate(found))


def _everyone(configs: Sequence[Config]) -> Curve:
    label = f"{len(configs)} members: median, 10–90 %"
    return Curve("c0", label, qualitative(0), tuple(range(len(configs))))


def _picked(configs: Sequence[Config], picked: Iterable[int]) -> list[Curve]:
    chosen = [member for member in picked if member < len(configs)]
    return [
        Curve(f"c{place}", _label(configs, (member,)), qualitative(place), (member,))
        for place, member in enumerate(chosen, start=1)
    ]
