"""What several presets measure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engines.core.judging import final, order
from engines.core.run import Run

ERROR = "relative_error"


def last(run: Run, members: Iterable[int], channel: str = ERROR) -> list[float | None]:
    """The value of each member at the preset's last step."""
    return [final(run, channel, i) for i in members]


def orders(run: Run, members: Iterable[int], channel: str = ERROR) -> list[float | None]:
    """Its decimal logarithm."""
    return [order(value) for value in last(run, members, channel)]


def best(run: Run, member: int) -> float | None:
    """The smallest relative error on the whole path."""
    return None if final(run, ERROR, member) is None else float(np.nanmin(run[ERROR][:, member]))


def spread(values: list[float | None]) -> float | None:
    """Largest over smallest."""
    known = [value for value in values if value is not None]
    return max(known) / min(known) if len(known) == len(values) and known else None
