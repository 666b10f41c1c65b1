"""Measures that the verdicts on several presets share."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engines.core.analysis.curve_fits import hitting_time
from engines.core.analysis.verdict_helpers import final, finals, log10, ratio
from engines.core.protocol.engine import RunData
from engines.subgradient_recovery import flow

ERROR = "relative_error"


def orders(run: RunData, members: Iterable[int], channel: str = ERROR) -> list[float | None]:
    """Decimal logarithms of the members' values at the preset's last step."""
    return [log10(value) for value in finals(run, channel, members)]


def best(run: RunData, member: int) -> float | None:
    """Smallest relative error on the whole path; None before the preset's last step."""
    return None if final(run, ERROR, member) is None else float(np.nanmin(run[ERROR][:, member]))


def spread(values: list[float | None]) -> float | None:
    """Ratio of the largest to the smallest value; None where one is missing."""
    present = [value for value in values if value is not None]
    return max(present) / min(present) if len(present) == len(values) and present else None


def half_times(run: RunData, member: int) -> list[float | None]:
    """Times tau at which each eigenvalue is half learned, over those of the flow from this draw's spectrum, `[r]`."""
    config = run.configs[member]
    learned, spent = run["signal_eigenvalues"][:, member], run["spent"][:, member]
    predicted = flow.follow(config).half_times(config.sigma)
    passed = learned >= config.sigma / 2
    return [
        ratio(float(spent[passed[:, j].argmax()]), float(predicted[j])) if passed[:, j].any() else None
        for j in range(config.r)
    ]


def last_half_times(run: RunData, members: Iterable[int]) -> list[float | None]:
    """Ratios of `half_times` for the last eigenvalue, one for each member."""
    return [half_times(run, i)[-1] for i in members]


def arrivals(run: RunData, members: Iterable[int], level: float) -> list[float | None]:
    """Steps until the error of each member is below `level`, over those until `1.3 eta0 rho^t` is."""
    ratios = []
    for i in members:
        c = run.configs[i]
        predicted = np.log(level / (flow.TRACKING * c.eta0)) / np.log1p(-c.eta0 / c.budget)
        ratios.append(ratio(hitting_time(run.curve(ERROR, i), level), float(predicted)))
    return ratios
