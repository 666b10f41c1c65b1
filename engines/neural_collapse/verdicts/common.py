"""What several presets measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from engines.core.judging import final
from engines.core.measures import slope
from engines.core.run import Run

UNSEEN = 1e-9
"""A relative change that rounding can make."""


def last(run: Run, channel: str, members: Iterable[int]) -> list[float | None]:
    """The value of each member at the preset's last step."""
    return [final(run, channel, i) for i in members]


def each(run: Run, members: Iterable[int], measure: Callable[[Run, int], float | None]) -> list[float | None]:
    """A measure of each member, told once the preset's last step is there."""
    return [None if final(run, "nc1", i) is None else measure(run, i) for i in members]


def everyone(run: Run) -> range:
    """All members."""
    return range(len(run.configs))


def log_slope(run: Run, channel: str, member: int, first: float, end: float) -> float | None:
    """Slope of the logarithm over steps from `first` to `end`, which must have been reached."""
    steps, values = run.curve(channel, member)
    if not len(steps) or steps[-1] < end:
        return None
    inside = (steps >= first) & (steps <= end) & (values > 0)
    return slope(steps[inside].astype(float), np.log(values[inside]))


def rise(run: Run, channel: str, member: int, sign: int = 1) -> float | None:
    """The largest relative step upwards (`sign` 1) or downwards (-1) between two frames, of a whole run."""
    if final(run, channel, member) is None:
        return None
    values = run.curve(channel, member)[1]
    return float((sign * np.diff(values) / values[:-1]).max())
