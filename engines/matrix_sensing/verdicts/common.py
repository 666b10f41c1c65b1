"""Measures of members and how they are judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.core.analysis.curve_fits import Curve, hitting_time, rate
from engines.core.analysis.verdict_helpers import ratio
from engines.core.protocol.engine import RunData
from engines.matrix_sensing import theory

CONVERGED = 1e-11
"""Rates are fitted above this error, where rounding does not show yet."""


def error(run: RunData, member: int) -> Curve:
    """|E| over steps."""
    return run.curve("error", member)


def tail(run: RunData, member: int, high: float = 1e-6) -> float | None:
    """Late rate of |E|, above thirty times the final error."""
    values = error(run, member)[1]
    return rate(error(run, member), max(CONVERGED, 30 * float(values[-1])), high)


def realised(run: RunData, member: int, share: float = 1.0) -> float | None:
    """Late rate over `-ln(1 - η c λ_min(FᵀF))`, with the F of the run's end and a share c of its curvature."""
    smallest = share * float(run["factor_min"][-1, member])
    return ratio(tail(run, member), float(-np.log1p(-run.configs[member].eta * smallest)))


def realised_sensed(run: RunData, member: int) -> float | None:
    """Late rate over `-ln(1 - η c λ_min(FᵀF))`, with the share c that the run's measurements leave."""
    return realised(run, member, theory.sensed_share(run.configs[member]))


def told(run: RunData, member: int, high: float = 1e-6) -> float | None:
    """Late rate over that which the start foretells."""
    return ratio(tail(run, member, high), theory.late_rate(run.configs[member]))


def farthest(run: RunData, member: int) -> float | None:
    """|E| over its line, where the two are farthest apart; None before the preset's last step."""
    steps, values = error(run, member)
    if not len(steps) or run.preset is None or steps[-1] < run.preset.steps or run.diverged_at[member] >= 0:
        return None
    line = theory.error(run.configs[member], steps.astype(float))
    logs = np.log(np.maximum(values, CONVERGED) / np.maximum(line, CONVERGED))
    return float(np.exp(logs[np.abs(logs).argmax()]))


def reached(run: RunData, member: int, level: float, channel: str = "error") -> float | None:
    """Steps until a channel is below a level."""
    return hitting_time(run.curve(channel, member), level)


def exponent(run: RunData, members: Sequence[int], largest: float = 0.45) -> float | None:
    """Power of alpha in the tail rate over members that differ in alpha alone."""
    pairs = [(run.configs[i].alpha, tail(run, i)) for i in members if run.configs[i].alpha <= largest]
    known = [(alpha, found) for alpha, found in pairs if found is not None]
    if len(known) < 3:
        return None
    alphas, rates = np.log(np.array(known)).T
    return float(np.polyfit(alphas, rates, 1)[0])
