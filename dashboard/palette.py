"""Colours with one meaning each: a hue per value of what is spread, a hue per channel, grey for what is not data."""

from __future__ import annotations

import math
from collections.abc import Sequence

QUALITATIVE = ("#0b7bc1", "#d55e00", "#009e73", "#c667a4", "#c98a00", "#4aa8d8", "#7a5bb5")
"""Okabe and Ito's colours, adjusted so that each is readable on white and on near black."""

GREY = "#8a9099"
"""Ghosts, and theory whose assumptions are broken."""

VIRIDIS = ("#46307e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#8fc739")
"""Anchors of a perceptually uniform map, without its ends, which vanish on dark and on light pages."""


def sequential(position: float) -> str:
    """The colour at a position in [0, 1].

    >>> sequential(0), sequential(1)
    ('#46307e', '#8fc739')
    """
    place = min(max(position, 0.0), 1.0) * (len(VIRIDIS) - 1)
    low = min(int(place), len(VIRIDIS) - 2)
    return _mix(VIRIDIS[low], VIRIDIS[low + 1], place - low)


def qualitative(index: int) -> str:
    """The colour of the category number `index`."""
    return QUALITATIVE[index % len(QUALITATIVE)]


def scale(values: Sequence[float], log: bool) -> list[str]:
    """One sequential colour a value, by its place between the smallest and the largest."""
    numbers = [math.log(value) if log and min(values) > 0 else value for value in values]
    low, high = min(numbers), max(numbers)
    return [sequential((number - low) / (high - low) if high > low else 0.3) for number in numbers]


def _mix(first: str, second: str, share: float) -> str:
    pairs = [(int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)
