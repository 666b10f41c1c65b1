"""Measures of single members that several presets are judged by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.core.analysis.curve_fits import StepValues, hitting_time, rate, slope
from engines.core.analysis.verdict_helpers import ratio
from engines.core.protocol.engine import RunData
from engines.matrix_sensing import laws

CONVERGED = 1e-11
"""Rates are fitted above this error, where rounding does not show yet."""


def error(run: RunData, member: int) -> StepValues:
    """Steps `[T]` and the error ‖E‖ `[T]` of one member."""
    return run.curve("error", member)


def late_rate(run: RunData, member: int, high: float = 1e-6) -> float | None:
    """Fit the late rate of ‖E‖, in 1/step, from `high` down to thirty times the final error, or `CONVERGED`."""
    values = error(run, member)[1]
    return rate(error(run, member), max(CONVERGED, 30 * float(values[-1])), high)


def over_final_rate(run: RunData, member: int, share: float = 1.0) -> float | None:
    """Late rate over `-ln(1 - η c λ_min(FᵀF))`, with the F of the run's end and c = `share`."""
    smallest = share * float(run["factor_min"][-1, member])
    return ratio(late_rate(run, member), float(-np.log1p(-run.configs[member].eta * smallest)))


def over_sensed_rate(run: RunData, member: int) -> float | None:
    """Late rate over `-ln(1 - η c λ_min(FᵀF))`, with the share c that the run's measurements leave."""
    return over_final_rate(run, member, laws.sensed_share(run.configs[member]))


def over_predicted(run: RunData, member: int, high: float = 1e-6) -> float | None:
    """Late rate over `laws.late_rate`, which the start alone predicts."""
    return ratio(late_rate(run, member, high), laws.late_rate(run.configs[member]))


def worst_ratio(run: RunData, member: int) -> float | None:
    """Ratio of ‖E‖ to its predicted line where it is farthest from 1; None before the preset's last step."""
    steps, values = error(run, member)
    if not len(steps) or run.preset is None or steps[-1] < run.preset.steps or run.diverged_at[member] >= 0:
        return None
    line = laws.error(run.configs[member], steps.astype(float))
    logs = np.log(np.maximum(values, CONVERGED) / np.maximum(line, CONVERGED))
    return float(np.exp(logs[np.abs(logs).argmax()]))


def reached(run: RunData, member: int, level: float, channel: str = "error") -> float | None:
    """Step at which a channel falls below `level`; None where it does not."""
    return hitting_time(run.curve(channel, member), level)


def exponent(run: RunData, members: Sequence[int], largest: float = 0.45) -> float | None:
    """Fit the power of alpha in the late rate, over members that differ in alpha alone; None for fewer than three."""
    pairs = [(run.configs[i].alpha, late_rate(run, i)) for i in members if run.configs[i].alpha <= largest]
    points = [(alpha, value) for alpha, value in pairs if value is not None]
    return slope(*np.log(np.array(points)).T, fewest=3) if points else None
