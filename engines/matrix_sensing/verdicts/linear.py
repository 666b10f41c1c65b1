"""Presets about the linear rate of asymmetric runs, and when it fails."""

from __future__ import annotations

import numpy as np

from engines.core.engine import Verdict
from engines.core.judging import by_seed, each, ratio, verdict
from engines.core.measures import hit
from engines.core.run import Run
from engines.matrix_sensing import theory
from engines.matrix_sensing.verdicts.common import error, exponent, tail


def opening(run: Run) -> list[Verdict]:
    """P0: three ways under the identity, where the closed form is the whole curve."""

    def foretold(i: int) -> float | None:
        return ratio(tail(run, i), theory.tail_rate(run.configs[i]))

    def after(i: int) -> float | None:
        return ratio(tail(run, i, 1e-5), theory.lifted_rate(run.configs[i]))

    def bent(i: int) -> float | None:
        c, (steps, values) = run.configs[i], error(run, i)
        done = len(steps) and steps[-1] >= 2000
        return (
            ratio(float(np.interp(2000, steps, values)), float(theory.error(c, np.array([2000.0]))[0]))
            if done
            else None
        )

    return [
        verdict(
            "symmetric: ‖E‖ at t = 2000 over the closed form", each(run, bent, parameterization="symmetric"), 1.0, 0.02
        ),
        verdict(
            "asymmetric: rate over its prediction",
            each(run, foretold, parameterization="asymmetric", method="gd"),
            1.0,
            0.3,
        ),
        verdict("one modified step: rate over its prediction", each(run, after, method="one_step"), 1.0, 0.15),
    ]


def linear(run: Run) -> list[Verdict]:
    """P3: an asymmetric start makes convergence linear, at a rate that the imbalance sets."""
    small = [i for i, c in enumerate(run.configs) if c.alpha <= 0.3]
    safe = [i for i, c in enumerate(run.configs) if c.alpha <= 0.5]
    smallest = run["factor_min"][-1]

    def realised(i: int) -> float | None:
        return ratio(tail(run, i), -np.log1p(-run.configs[i].eta * smallest[i]))

    foretold = [ratio(tail(run, i), theory.tail_rate(run.configs[i])) for i in small]
    scaled = [ratio(tail(run, i), run.configs[i].eta * run.configs[i].alpha ** 2) for i in small]
    powers = [exponent(run, members) for members in by_seed(run)]
    return [
        verdict("exponent of α in the rate, α ≤ 0.45", powers, 2.02, 0.06),
        verdict("rate over −ln(1−ηλ_min(FᵀF)), α ≤ 0.5", map(realised, safe), 1.0, 0.01),
        verdict("rate over its prediction from the start alone, α ≤ 0.3", foretold, 1.0, 0.08),
        verdict("rate/(ηα²) is of order one", scaled, 0.65, 0.45),
    ]


def linear_sensed(run: Run) -> list[Verdict]:
    """P4: the same exponent under Gaussian measurements; the constant is smaller."""
    powers = [exponent(run, members) for members in by_seed(run)]
    scaled = [
        ratio(tail(run, i), c.eta * c.alpha**2) for i, c in enumerate(run.configs) if 0.2 <= c.alpha <= 0.45
    ]  # fmt: skip
    return [
        verdict("exponent of α in the rate, α ≤ 0.45", powers, 2.05, 0.12),
        verdict("rate/(ηα²) is of order one", scaled, 0.52, 0.35, partial=True),
    ]


def best_scale(run: Run) -> list[Verdict]:
    """P8: too large a start slows down again, exactly as the closed rate says."""

    def predicted(i: int) -> float:
        c = run.configs[i]
        x, sigma = (1 - c.init_ratio**2) * c.alpha**2, c.sigma[-1]
        return c.eta * min(x, (np.sqrt(x * x + 4 * sigma**2) - x) / 2)

    def off(i: int) -> float:
        c = run.configs[i]
        return abs(c.alpha / np.sqrt(c.sigma[-1] / (np.sqrt(2) * (1 - c.init_ratio**2))) - 1)

    members = range(len(run.configs))
    found = [ratio(tail(run, i, 1e-7), predicted(i)) for i in members]
    away = [value for i, value in zip(members, found, strict=True) if off(i) > 0.06]
    near = [value for i, value in zip(members, found, strict=True) if off(i) <= 0.06]
    verdicts = [verdict("rate over η min(x, (√(x²+4σᵣ²)−x)/2), away from α*", away, 1.0, 0.03)]
    return verdicts + ([verdict("the same within 6 % of α*", near, 1.075, 0.1)] if near else [])


def wide(run: Run) -> list[Verdict]:
    """P9: the width matters through k/n alone."""

    def reached(i: int) -> float | None:
        return hit(error(run, i), 1e-13)

    def order(i: int) -> float | None:
        found = reached(i)
        return None if found is None else float(np.log10(found))

    return [
        verdict("n = 50: log₁₀ of the steps to ‖E‖ < 10⁻¹³", each(run, order, n=50), 4.0, 0.5, partial=True),
        verdict("n = 200: steps to ‖E‖ < 10⁻¹³", each(run, reached, n=200), 2450, 800),
    ]


def trap(run: Run) -> list[Verdict]:
    """P12: symmetric measurements are blind to antisymmetric error."""
    last = run.preset.steps if run.preset else 4000
    done = run.steps[-1] >= last

    def order(channel: str, i: int) -> float | None:
        return float(np.log10(run[channel][-1, i])) if done else None

    blind = run.where(operator="gaussian_symmetric")
    seeing = run.where(operator="gaussian")
    return [
        verdict("symmetric Aᵢ: log₁₀ of the loss", [order("loss", i) for i in blind], -6.1, 0.3),
        verdict("symmetric Aᵢ: log₁₀ ‖E‖ stays up", [order("error", i) for i in blind], -0.8, 0.35),
        verdict("full Aᵢ: log₁₀ ‖E‖", [order("error", i) for i in seeing], -14.7, 0.7),
    ]
