"""Verdicts on presets about the linear rate of asymmetric runs, and when it fails."""

from __future__ import annotations

import numpy as np

from engines.core.analysis.verdict_helpers import above, below, by_seed, final, log10, per_member, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.matrix_sensing.verdicts.common import (
    exponent,
    over_final_rate,
    over_predicted,
    over_sensed_rate,
    reached,
    worst_ratio,
)


def opening(run: RunData) -> list[Verdict]:
    """Judge P0: three methods under the identity, where the line predicts the whole curve."""
    methods = (
        ("symmetric", {"parameterization": "symmetric"}, 0.02),
        ("asymmetric", {"parameterization": "asymmetric", "method": "gd"}, 0.2),
        ("one modified step", {"method": "one_step"}, 0.1),
    )
    return [
        verdict(
            f"{name}: ‖E‖ over its line, where it is farthest",
            per_member(run, lambda i: worst_ratio(run, i), **knobs),  # type: ignore[arg-type]
            1.0,
            tolerance,
        )
        for name, knobs, tolerance in methods
    ]


def linear(run: RunData) -> list[Verdict]:
    """Judge P3: an asymmetric start makes convergence linear, at a rate that the imbalance sets."""
    members = range(len(run.configs))
    small = [i for i in members if run.configs[i].alpha <= 0.3]
    safe = [i for i in members if run.configs[i].alpha <= 0.5]
    return [
        verdict("exponent of α in the rate, α ≤ 0.45", [exponent(run, some) for some in by_seed(run)], 2.02, 0.06),
        verdict("rate over −ln(1−ηλ_min(FᵀF)), α ≤ 0.5", [over_final_rate(run, i) for i in safe], 1.0, 0.01),
        verdict(
            "rate over that foretold from the start alone, α ≤ 0.3", [over_predicted(run, i) for i in small], 1.0, 0.05
        ),
    ]


def linear_sensed(run: RunData) -> list[Verdict]:
    """Judge P4: the exponent of P3 under Gaussian measurements, which leave a predicted share of the rate."""
    rates = [over_sensed_rate(run, i) for i, c in enumerate(run.configs) if 0.2 <= c.alpha <= 0.45]
    return [
        verdict("exponent of α in the rate, α ≤ 0.45", [exponent(run, some) for some in by_seed(run)], 2.05, 0.12),
        verdict("rate over −ln(1−ηcλ_min(FᵀF)), c(m) → 1 for m → ∞", rates, 1.0, 0.1),
    ]


def best_scale(run: RunData) -> list[Verdict]:
    """Judge P8: too large a start slows down again, exactly as the line says."""
    members = range(len(run.configs))
    return [
        verdict(
            "rate over that foretold from the start alone", [over_predicted(run, i, 1e-7) for i in members], 1.0, 0.08
        )
    ]


def width_ratio(run: RunData) -> list[Verdict]:
    """Judge P9: the width matters through k/n alone."""
    members = range(len(run.configs))
    slow, fast = (run.where(n=n) for n in (50, 200))
    ratios = [
        None if None in (steps := (reached(run, i, 1e-11), reached(run, j, 1e-11))) else steps[0] / steps[1]  # type: ignore[operator]
        for i, j in zip(slow, fast, strict=True)
    ]
    return [
        verdict("rate over −ln(1−ηλ_min(FᵀF))", [over_final_rate(run, i) for i in members], 1.0, 0.02),
        above("steps to ‖E‖ < 10⁻¹¹, n = 50 over n = 200", ratios, 2.0),
    ]


def symmetric_measurements(run: RunData) -> list[Verdict]:
    """Judge P12: symmetric measurements are blind to antisymmetric error."""

    def logs(channel: str, operator: str) -> list[float | None]:
        return [log10(final(run, channel, i)) for i in run.where(operator=operator)]

    return [
        below("symmetric Aᵢ: log₁₀ of the loss", logs("loss", "gaussian_symmetric"), -5.0),
        above("symmetric Aᵢ: log₁₀ ‖E‖ stays up", logs("error", "gaussian_symmetric"), float(np.log10(0.05))),
        below("full Aᵢ: log₁₀ ‖E‖", logs("error", "gaussian"), -13.0),
    ]
