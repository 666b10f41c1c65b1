"""What several presets measure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engines.core.analysis.curve_fits import hitting_time
from engines.core.analysis.verdict_helpers import final, log10, ratio
from engines.core.protocol.engine import RunData
from engines.subgradient_recovery import flow

ERROR = "relative_error"


def last(run: RunData, members: Iterable[int], channel: str = ERROR) -> list[float | None]:
    """The value of each member at the preset's last step."""
    return [final(run, channel, i) for i in members]


def orders(run: RunData, members: Iterable[int], channel: str = ERROR) -> list[float | None]:
    """Its decimal logarithm."""
    return [log10(value) for value in last(run, members, channel)]


def best(run: RunData, member: int) -> float | None:
    """The smallest relative error on the whole path."""
    return None if final(run, ERROR, member) is None else float(np.nanmin(run[ERROR][:, member]))


def spread(values: list[float | None]) -> float | None:
    """Largest over smallest."""
    known = [value for value in values if value is not None]
    return max(known) / min(known) if len(known) == len(values) and known else None


def half_times(run: RunData, member: int) -> list[float | None]:
    """Tau at which each eigenvalue is half learned, over that of the flow from this draw's own spectrum, `[r]`."""
    config = run.configs[member]
    learned, spent = run["signal_eigenvalues"][:, member], run["spent"][:, member]
    predicted = flow.follow(config).half_times(config.sigma)
    passed = learned >= config.sigma / 2
    return [
        ratio(float(spent[passed[:, j].argmax()]), float(predicted[j])) if passed[:, j].any() else None
        for j in range(config.r)
    ]


def last_half_times(run: RunData, members: Iterable[int]) -> list[float | None]:
    """That of the last eigenvalue."""
    return [half_times(run, i)[-1] for i in members]


def arrivals(run: RunData, members: Iterable[int], level: float) -> list[float | None]:
    """Steps until the error is below `level`, over those until `1.3 eta0 rho^t` is."""
    found = []
    for i in members:
        c = run.configs[i]
        predicted = np.log(level / (flow.TRACKING * c.eta0)) / np.log1p(-c.eta0 / c.budget)
        found.append(ratio(hitting_time(run.curve(ERROR, i), level), float(predicted)))
    return found
