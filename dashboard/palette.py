"""Colours with one meaning each: a hue per value of what is spread, a hue per channel, grey for what is not data."""

from __future__ import annotations

from collections.abc import Sequence

QUALITATIVE = ("#0b7bc1", "#d55e00", "#009e73", "#c667a4", "#c98a00", "#4aa8d8", "#7a5bb5")
"""Okabe and Ito's colours, adjusted so that each is readable on white and on near black."""

GREY = "#8a9099"
"""Ghosts, and theory whose assumptions are broken."""

SHADES = ("", "#5a5a5a", "#dcdcdc")
"""What the hues are mixed with at each turn."""

VIRIDIS = ("#6a52b8", "#4475b4", "#2b8ea0", "#22a585", "#52b955", "#94bb2c")
"""Anchors of a perceptually uniform map, without its ends, which vanish on dark and on light pages."""


def sequential(position: float) -> str:
    """The colour at a position in [0, 1].

    >>> sequential(0), sequential(1)
    ('#6a52b8', '#94bb2c')
    """
    place = min(max(position, 0.0), 1.0) * (len(VIRIDIS) - 1)
    low = min(int(place), len(VIRIDIS) - 2)
    return _mix(VIRIDIS[low], VIRIDIS[low + 1], place - low)


def qualitative(index: int) -> str:
    """The colour of the category number `index`; after seven the hues come again, darker, then lighter."""
    turn, place = divmod(index, len(QUALITATIVE))
    shade = SHADES[turn % len(SHADES)]
    return _mix(QUALITATIVE[place], shade, 0.42) if shade else QUALITATIVE[place]


def scale(values: Sequence[float]) -> list[str]:
    """One sequential colour a value, by rank: neighbours differ as much however close their values are."""
    order = {value: place for place, value in enumerate(sorted(set(values)))}
    last = max(len(order) - 1, 1)
    return [sequential(order[value] / last if len(order) > 1 else 0.3) for value in values]


def ramp(first: str, last: str, count: int) -> list[str]:
    """Colours from one to another.

    >>> ramp("#000000", "#0000ff", 3)
    ['#000000', '#000080', '#0000ff']
    """
    return [_mix(first, last, place / (count - 1)) for place in range(count)]


def _mix(first: str, second: str, share: float) -> str:
    pairs = [(int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)
