"""Presets about where the error stops."""

from __future__ import annotations

import numpy as np

from engines.core.engine import Verdict
from engines.core.judging import above, below, by_seed, final, order, ratio, verdict
from engines.core.measures import power, slope
from engines.core.run import Run
from engines.subgradient_recovery import laws
from engines.subgradient_recovery.verdicts.common import ERROR, last, orders, spread


def floors(run: Run) -> list[Verdict]:
    """SG-03: powers of alpha, against those that the spectrum of the draw's own start predicts."""
    found = []
    for p, (measured, tolerance) in {0.0: (1.0, 0.1), 0.3: (0.93, 0.13), 0.5: (0.73, 0.4)}.items():
        draws = by_seed(run, run.where(outlier_fraction=p))
        values = [ratio(exponent(run, members), predicted(run, members)) for members in draws]
        found.append(verdict(f"p = {p:g}: power of α over 2(1 − λ_b/λᵣ)", values, measured, tolerance))
    clean = by_seed(run, run.where(outlier_fraction=0.0))
    residual = [ratio(exponent(run, members, "residual_norm"), _half(predicted(run, members))) for members in clean]
    return [*found, verdict("p = 0: power of α in ‖G‖ over 1 − λ_b/λᵣ", residual, 1.0, 0.05)]


def _half(value: float | None) -> float | None:
    return None if value is None else value / 2


def exponent(run: Run, members: list[int], channel: str = ERROR) -> float | None:
    """Power of alpha from 1e-3 on, without members whose error is still that of the steps."""
    inside = [i for i in members if run.configs[i].alpha <= 2e-3]
    points = [
        (run.configs[i].alpha, value)
        for i in inside
        if (value := final(run, channel, i)) and run[ERROR][-1, i] > 3 * run["normalised_step"][-1, i]
    ]
    return slope(*np.log(np.array(points)).T, fewest=3) if points else None


def predicted(run: Run, members: list[int]) -> float | None:
    """`2(1 - lam_{r+1}/lam_r)` of Q0, whose spectrum is that of the start, U_0 U_0ᵀ = alpha² Q0."""
    r, values = run.configs[members[0]].r, run["eigenvalues"][0, members[0]]
    return 2 * (1 - float(values[r] / values[r - 1]))


def _law(run: Run, member: int) -> float | None:
    """The error over that of least absolute deviations."""
    return ratio(final(run, "error", member), laws.dense_floor(run.configs[member]))


def dense(run: Run) -> list[Verdict]:
    """SG-08: pure dense noise."""
    small = [i for i in run.where(loss="l1") if run.configs[i].alpha < 0.1]
    large = [i for i in run.where(loss="l1", k=30) if run.configs[i].alpha >= 0.1]
    widths = [
        spread(last(run, [i for i in members if run.configs[i].noise == noise]))
        for members in by_seed(run, small)
        for noise in dict.fromkeys(run.configs[i].noise for i in members)
    ]
    cost = [
        ratio(*last(run, [i, j]))
        for i in small
        for j in run.where(loss="l2", k=2, noise=run.configs[i].noise, seed=run.configs[i].seed)
        if run.configs[i].k == 2
    ]
    return [
        verdict("small start: error over √(π/2) ν √(dof/m)", [_law(run, i) for i in small], 1.0, 0.35),
        verdict("k = r against k = d: larger over smaller error", widths, 1.0, 0.1),
        below("small start: loss against the truth's", last(run, small, "loss_gap"), 0.0),
        verdict("k = r: error over that of squares, √(π/2)", cost, 1.3, 0.4),
        above("large start, k = 30: error over the same", [_law(run, i) for i in large], 1.4),
    ]


def mixture(run: Run) -> list[Verdict]:
    """SG-09: the density of the whole noise at zero."""
    return [
        verdict("error over √(dof/m)/2g₀", [_law(run, i) for i in range(len(run.configs))], 1.0, 0.4),
    ]


def noiseless(run: Run) -> list[Verdict]:
    """SG-11: floors of small starts, slopes of large ones."""
    small = [i for i in run.where(init="spectral") if run.configs[i].alpha < 0.1]
    wide = [i for i in small if run.configs[i].k > run.configs[i].r]

    def floor(i: int) -> float | None:
        c = run.configs[i]
        return order(ratio(final(run, ERROR, i), laws.floor(c) / float(np.linalg.norm(c.sigma))))

    def bend(i: int) -> float | None:
        return power(run.curve(ERROR, i), 300, 2900)

    return [
        below("k = r: log₁₀ of the error", orders(run, [i for i in small if i not in wide]), -14),
        verdict("small start: log₁₀ of the error over its floor", map(floor, wide), 0.0, 0.9),
        *(
            verdict(f"large {init} start: log-log slope", map(bend, run.where(init=init, alpha=1.0)), slope, tolerance)
            for init, slope, tolerance in (("spectral", -0.8, 0.08), ("random", -0.94, 0.06))
        ),
    ]
