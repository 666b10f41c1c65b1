"""Measures that the verdicts on several presets share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from engines.core.analysis.curve_fits import slope
from engines.core.analysis.verdict_helpers import final
from engines.core.protocol.engine import RunData

ROUNDED = 1e-9
"""Relative change that rounding can make."""


def each(run: RunData, members: Iterable[int], measure: Callable[[RunData, int], float | None]) -> list[float | None]:
    """Measure each member at the preset's last step; None before it, and where one diverged."""
    return [None if final(run, "nc1", i) is None else measure(run, i) for i in members]


def all_members(run: RunData) -> range:
    """All members of a run, by their places."""
    return range(len(run.configs))


def log_slope(run: RunData, channel: str, member: int, first: float, end: float) -> float | None:
    """Slope of the logarithm over the steps from `first` to `end`; None before `end`."""
    steps, values = run.curve(channel, member)
    if not len(steps) or steps[-1] < end:
        return None
    inside = (steps >= first) & (steps <= end) & (values > 0)
    return slope(steps[inside].astype(float), np.log(values[inside]))


def rise(run: RunData, channel: str, member: int, sign: int = 1) -> float | None:
    """Largest relative step upwards (`sign` 1) or downwards (-1) between two frames; None before the last step."""
    if final(run, channel, member) is None:
        return None
    values = run.curve(channel, member)[1]
    return float((sign * np.diff(values) / values[:-1]).max())
