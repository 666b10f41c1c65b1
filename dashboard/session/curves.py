"""Chooses the curves of an ensemble: members drawn as one, in which part of it, with which hues and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.ui.formatting import describe, knob_name, number
from dashboard.ui.notation import plain
from dashboard.ui.palette import MOST_HUES, QUALITATIVE, SHADES, qualitative, scale, shade
from engines.core.protocol.config import varied

if TYPE_CHECKING:
    from engines.core.protocol.config import Config
    from engines.core.protocol.engine import Preset

MOST_SEPARATE = 32
"""Curves that are shown at once; more are divided into parts by the knobs that leave the fewest of them."""

LEGIBLE = 16
"""Curves of a part of a large ensemble, where it can be divided so."""

ENOUGH = 3
"""Fewest members that differ in the seed alone and are drawn as one band."""

FEW = 8
"""Below so many members a band goes from the least to the largest; from these on it is of quantiles."""

RAMP = 3
"""Fewest values of a number over which the lightness of a hue changes."""


@dataclass(frozen=True)
class Curve:
    """One colour on every plot: a member, or the middle and the band of several."""

    key: str
    label: str
    color: str
    members: tuple[int, ...]
    part: str = ""
    """The part of a large ensemble that it belongs to, in words; "" where all of it is shown at once."""
    hue: str = ""
    """The hue that it shares with all that differ from it in one number alone; "" where no others do."""
    mean: bool = False
    """Whether its line is the mean with its standard error, and not the median with the spread."""

    @property
    def band(self) -> bool:
        """Whether it stands for several members, by their middle and a band."""
        return len(self.members) > 1


def curves(
    configs: Sequence[Config], bands: bool = True, picked: Iterable[int] = (), preset: Preset | None = None,
    mean: bool = False,
) -> tuple[Curve, ...]:  # fmt: skip
    """Choose the curves of all members. Those that differ in the seed alone become a band when there are enough.

    `picked` are drawn by themselves where too many members are drawn together.
    """
    cases, groups = case_names(preset, configs), _groups(configs)
    names = [name for name in distinguishing(configs, cases) if name != "seed"]
    dividing = _dividing(configs, cases, names, groups)
    if dividing is None:
        return (*_binned(configs, groups, mean), *_picked(configs, cases, picked))
    naming = [name for name in names if name not in dividing]
    colors = _colors([configs[members[0]] for members in groups], [cases[members[0]] for members in groups], naming)
    curves: list[Curve] = []
    own_parts = [_values(configs[members[0]], dividing) for members in groups]
    sizes = Counter(part for part, members in zip(own_parts, groups, strict=True) for _ in members)
    for members, part, (color, hue) in zip(groups, own_parts, colors, strict=True):
        whole = _as_band(members, bands, sizes[part])
        for some in [members] if whole else [(member,) for member in members]:
            label = _label(configs, cases, some, dividing)
            curves.append(Curve(f"c{len(curves)}", label, color, some, part, hue, mean))
    return tuple(curves) if len(groups) > 1 or len(curves) == 1 else _by_seed(curves)


def _as_band(members: Sequence[int], bands: bool, total: int) -> bool:
    return len(members) > 1 and ((bands and len(members) >= ENOUGH) or total > MOST_SEPARATE)


def in_sight(every: Sequence[Curve], focus: int) -> tuple[Curve, ...]:
    """Select the curves of the part of the ensemble that holds the member in focus."""
    part = next((curve.part for curve in every if focus in curve.members), "")
    return tuple(curve for curve in every if curve.part == part)


def parts(every: Sequence[Curve]) -> list[str]:
    """List the parts of an ensemble; one where all of it is shown at once."""
    return list(dict.fromkeys(curve.part for curve in every))


def spread_text(some: Sequence[Curve]) -> str:
    """Say what the lines and bands of several members are, "" where each curve is one member."""
    sizes = sorted({len(curve.members) for curve in some if curve.band})
    if not sizes:
        return ""
    many = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]}–{sizes[-1]}"
    if any(curve.mean for curve in some):
        return f"mean ± standard error of {many}"
    if sizes[-1] < FEW:
        return f"median, least to largest of {many}"
    reach = "10–90 % of" if sizes[0] >= FEW else f"10–90 %, below {FEW} least to largest, of"
    return f"median, {reach} {many}"


# -- what tells members apart --------------------------------------------------------------------------------------


def case_names(preset: Preset | None, configs: Sequence[Config]) -> list[str]:
    """Name the case of its preset that each member is, "" for one that was edited into something else.

    All are "" where a knob that cases set was spread: a name does not say which of its values the case has.
    """
    if preset is None or not preset.case_labels:
        return [""] * len(configs)
    knobs = configs[0].knobs()
    free = {name for name, value in preset.set.items() if isinstance(value, (list, tuple))}
    names = [name for name in dict.fromkeys(name for case in preset.cases for name in case) if name not in free]
    usual = {name: preset.set.get(name, knobs[name].default) for name in names}
    labels: dict[tuple[Any, ...], str] = {}
    for case, label in zip(preset.cases, preset.case_labels, strict=True):
        labels[tuple(knobs[name].check("", case.get(name, usual[name])) for name in names)] = plain(label)
    found = [labels.get(tuple(getattr(config, name) for name in names), "") for config in configs]
    return [""] * len(configs) if _is_spread(configs, found) else found


def _is_spread(configs: Sequence[Config], cases: Sequence[str]) -> bool:
    """Whether a member that is a case and one that is none differ in one knob alone, beside the seed."""
    knobs = [name for name in varied(configs) if name != "seed"]
    for one in knobs:
        rest = [tuple(getattr(config, name) for name in knobs if name != one) for config in configs]
        named = {values for values, case in zip(rest, cases, strict=True) if case}
        if any(values in named for values, case in zip(rest, cases, strict=True) if not case):
            return True
    return False


def distinguishing(
    configs: Sequence[Config], cases: Sequence[str] = (), but: Container[str] = (), given: Sequence[str] = ()
) -> list[str]:
    """List the fewest knobs, in order, that tell members apart beside their cases: a case may change several at once.

    Of several the one that tells most apart is taken first; the seed comes last. Those that are `given` are known.
    """
    columns = {name: _codes([getattr(config, name) for config in configs]) for name in varied(configs)}
    left = [name for name in columns if name not in but and name not in given]
    given_values = zip(*(columns[name] for name in given if name in columns), cases or [""] * len(configs), strict=True)
    kinds, chosen = _codes(list(given_values)), []
    while left:
        gains = [(len(np.unique(_joined(kinds, columns[name]))), name != "seed", -at) for at, name in enumerate(left)]
        best = max(range(len(left)), key=lambda at: (gains[at][1] and gains[at][0] > kinds.max() + 1, gains[at]))
        if gains[best][0] == kinds.max() + 1:
            break
        name = left.pop(best)
        kinds = _codes(_joined(kinds, columns[name]).tolist())
        chosen.append(name)
    return sorted(chosen, key=lambda name: (name == "seed", list(columns).index(name)))


def _codes(values: Sequence[Any]) -> np.ndarray:
    """Number the different values from 0 in the order in which they come, `[n]`."""
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    return np.array([places[value] for value in values])


def _joined(kinds: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return kinds * (codes.max() + 1) + codes


def member_label(configs: Sequence[Config], member: int, but: Container[str] = (), preset: Preset | None = None) -> str:
    """Say what distinguishes one member, apart from the knobs in `but`; "" where nothing does."""
    return _member_label(configs, case_names(preset, configs), member, but)


def _member_label(
    configs: Sequence[Config], cases: Sequence[str], member: int, but: Container[str], given: Sequence[str] = ()
) -> str:
    """Write the case and the values of one member.

    From the third knob on, a value that most members share goes without saying.
    """
    alike = [other for other, case in enumerate(cases) if case == cases[member]]
    among = [configs[other] for other in alike] if cases[member] else configs
    names, mine = distinguishing(among, but=but, given=given), configs[member]
    shown = names[:2] + [name for name in names[2:] if name == "seed" or not _usual(among, name, getattr(mine, name))]
    case = cases[member] if len(set(cases)) > 1 else ""
    return ", ".join(filter(None, [case, _values(mine, shown)]))


def _usual(configs: Sequence[Config], name: str, value: Any) -> bool:
    return 2 * sum(getattr(config, name) == value for config in configs) > len(configs)


def _values(config: Config, names: Iterable[str]) -> str:
    return describe({name: getattr(config, name) for name in names}, config.knobs())


def _groups(configs: Sequence[Config]) -> list[tuple[int, ...]]:
    """Group members that differ in the seed alone, in the order in which they come."""
    names = [name for name in varied(configs) if name != "seed"]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for member, config in enumerate(configs):
        groups.setdefault(tuple(getattr(config, name) for name in names), []).append(member)
    return [tuple(members) for members in groups.values()]


def _label(configs: Sequence[Config], cases: Sequence[str], members: Sequence[int], given: Sequence[str]) -> str:
    if len(members) == 1:
        return _member_label(configs, cases, members[0], (), given) or "this run"
    text = _member_label(configs, cases, members[0], ("seed",), given)
    return ", ".join(filter(None, [text, f"{len(members)} seeds"]))


# -- ensembles that are too large to be seen at once -----------------------------------------------------------


def _dividing(
    configs: Sequence[Config], cases: Sequence[str], names: Sequence[str], groups: Sequence[tuple[int, ...]]
) -> tuple[str, ...] | None:
    """Choose the knobs that divide an ensemble into parts that can be read; None where two are not enough."""
    firsts = [configs[members[0]] for members in groups]
    if len(groups) <= (MOST_SEPARATE if _ramp(firsts, names) else len(QUALITATIVE) * len(SHADES)):
        return ()
    choices: list[tuple[bool, int, bool, tuple[str, ...]]] = []
    for some in (*((name,) for name in names), *combinations(names, 2)):
        kept, divided = [name for name in names if name not in some], {}
        for config in firsts:
            divided.setdefault(tuple(getattr(config, name) for name in some), []).append(config)
        largest = max(divided.values(), key=len)
        if len(largest) <= MOST_SEPARATE and len(divided) <= MOST_SEPARATE:
            texts = any(isinstance(getattr(firsts[0], name), str) for name in some)
            choices.append((not _is_legible(largest, kept), len(divided), texts, some))
    return min(choices, key=lambda each: each[:3])[3] if choices else None


def _is_legible(part: Sequence[Config], names: Sequence[str]) -> bool:
    """Decide whether the curves of a part are few, or some small families of which each has a hue of its own."""
    ramp, hues = _ramp(part, names), len(QUALITATIVE)
    families = Counter(tuple(getattr(config, name) for name in names if name != ramp) for config in part)
    return len(part) <= LEGIBLE or (ramp is not None and len(families) <= hues and max(families.values()) <= hues)


def _binned(configs: Sequence[Config], groups: Sequence[tuple[int, ...]], mean: bool) -> list[Curve]:
    """Draw members with neighbouring values of one knob together; all of them where no number varies."""
    name = swept_knob(configs)
    if name is None:
        return [Curve("c0", f"{len(configs)} members", qualitative(0), tuple(range(len(configs))), mean=mean)]
    values = sorted({getattr(config, name) for config in configs})
    title, curves = knob_name(configs[0].knob(name)), []
    bins = [some.tolist() for some in np.array_split(np.arange(len(values)), min(LEGIBLE, len(values)))]
    for place, color in zip(bins, scale(range(len(bins))), strict=True):
        low, high = values[place[0]], values[place[-1]]
        members = tuple(m for group in groups for m in group if low <= getattr(configs[m], name) <= high)
        reach = number(low) if low == high else f"{number(low)} … {number(high)}"
        curves.append(Curve(f"c{len(curves)}", f"{title} = {reach}, {len(members)} members", color, members, mean=mean))
    return curves


def _picked(configs: Sequence[Config], cases: Sequence[str], picked: Iterable[int]) -> list[Curve]:
    chosen = [member for member in picked if member < len(configs)]
    return [
        Curve(f"p{place}", _label(configs, cases, (member,), ()), qualitative(place), (member,))
        for place, member in enumerate(chosen, start=1)
    ]


def is_seed(name: str) -> bool:
    """Decide whether a knob draws random numbers, so that its values have no order."""
    return name.split("_")[-1] == "seed"


def numeric_knobs(configs: Sequence[Config]) -> list[str]:
    """List the varied knobs whose values have an order."""
    return [name for name in varied(configs) if not is_seed(name) and configs[0].knob(name).type in (int, float)]


def swept_knob(configs: Sequence[Config]) -> str | None:
    """Find the number that varies most, and of several one that varies while all else stays; None where none does."""
    names = [name for name in varied(configs) if not is_seed(name)]

    def rank(name: str) -> tuple[int, bool]:
        values = [getattr(config, name) for config in configs]
        others = [tuple(getattr(config, other) for other in names if other != name) for config in configs]
        pairs = set(zip(others, values, strict=True))
        return len(set(values)), len(pairs) > len(set(others))

    return max(numeric_knobs(configs), key=rank, default=None)


# -- hues -------------------------------------------------------------------------------------------------------


def _colors(configs: Sequence[Config], cases: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    """Choose the colour and the hue of each configuration: what differs in one number alone shares a hue.

    Sequential colours where that is all that differs; configurations that only their part tells apart look the same.
    """
    ramp = _ramp(configs, names)
    others = [name for name in names if name != ramp]
    kinds = _codes([(case, *(getattr(c, n) for n in others)) for case, c in zip(cases, configs, strict=True)])
    if ramp is None or kinds.max() >= MOST_HUES:
        every = _codes([(case, *(getattr(c, n) for n in names)) for case, c in zip(cases, configs, strict=True)])
        return [(qualitative(int(kind)), "") for kind in every]
    values = [getattr(config, ramp) for config in configs]
    if kinds.max() == 0:
        return [(color, "") for color in scale(values)]
    order = {value: place for place, value in enumerate(sorted(set(values)))}
    hues = [qualitative(int(kind)) for kind in kinds]
    return [(shade(hue, order[value] / (len(order) - 1)), hue) for hue, value in zip(hues, values, strict=True)]


def _ramp(configs: Sequence[Config], names: Sequence[str]) -> str | None:
    """Find the number over which lightness changes: the swept one, where it takes enough values in one family."""
    name = swept_knob(configs)
    if name is None or name not in names:
        return None
    others = [other for other in names if other != name]
    families = _codes([tuple(getattr(config, other) for other in others) for config in configs])
    values = _codes([getattr(config, name) for config in configs])
    each = max(len(np.unique(values[families == family])) for family in range(families.max() + 1))
    return name if each >= RAMP else None


def _by_seed(curves: Sequence[Curve]) -> tuple[Curve, ...]:
    return tuple(Curve(c.key, c.label, qualitative(i), c.members, c.part, "", c.mean) for i, c in enumerate(curves))
