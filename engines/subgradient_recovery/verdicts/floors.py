"""Verdicts on presets about where the error stops."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from engines.core.analysis.curve_fits import power, slope
from engines.core.analysis.verdict_helpers import above, below, by_seed, final, finals, log10, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.subgradient_recovery import draws, flow, laws
from engines.subgradient_recovery.config import SubgradientRecovery
from engines.subgradient_recovery.verdicts.common import ERROR, orders, spread


def floors(run: RunData) -> list[Verdict]:
    """Judge SG-03: powers of alpha, against those that the spectrum of this draw's start predicts."""

    def shares(p: float, channel: str = ERROR) -> list[float | None]:
        draws = by_seed(run, run.where(outlier_fraction=p))
        power = 2 if channel == ERROR else 1
        return [ratio(exponent(run, members, channel), power * predicted(run, members)) for members in draws]

    return [
        verdict("p = 0: power of α over 2(1 − λ_b/λᵣ)", shares(0.0), 1.0, 0.1),
        verdict("p = 0.3: power of α over 2(1 − λ_b/λᵣ)", shares(0.3), 0.93, 0.2),
        below("p = 0.5: power of α over 2(1 − λ_b/λᵣ)", shares(0.5), 1.1),
        above("p = 0.5: power of α over 2(1 − λ_b/λᵣ), from below", shares(0.5), 0.25),
        verdict("p = 0: power of α in ‖G‖ over 1 − λ_b/λᵣ", shares(0.0, "residual_norm"), 1.0, 0.05),
    ]


def exponent(run: RunData, members: list[int], channel: str = ERROR) -> float | None:
    """Power of alpha in a channel, for alpha up to 2e-3, without members whose error is still that of the steps."""
    inside = [i for i in members if run.configs[i].alpha <= 2e-3]
    points = [
        (run.configs[i].alpha, value)
        for i in inside
        if (value := final(run, channel, i)) and run[ERROR][-1, i] > 3 * run["normalised_step"][-1, i]
    ]
    return slope(*np.log(np.array(points)).T, fewest=3) if points else None


def predicted(run: RunData, members: list[int]) -> float:
    """Predicted power `1 - lam_b/lam_r`, from the spectrum of this draw."""
    *_, weakest, bulk = laws.start_eigenvalues(run.configs[members[0]])
    return 1 - float(bulk / weakest)


def dense(run: RunData) -> list[Verdict]:
    """Judge SG-08: under pure dense noise the error is that of the best fit."""
    small = [i for i in run.where(loss="l1") if run.configs[i].alpha < 0.1]
    large = [i for i in run.where(loss="l1", k=30) if run.configs[i].alpha >= 0.1]
    widths = [
        spread(finals(run, ERROR, [i for i in members if run.configs[i].noise == noise]))
        for members in by_seed(run, small)
        for noise in dict.fromkeys(run.configs[i].noise for i in members)
    ]

    def over(members: list[int], psi: str) -> list[float | None]:
        return [ratio(final(run, "error", i), least_error(run.configs[i], psi)) for i in members]

    return [
        verdict("small start: error over that of least absolute deviations", over(small, "sign"), 1.0, 0.25),
        verdict("k = r against k = d: larger over smaller error", widths, 1.0, 0.1),
        below("small start: loss against the truth's", finals(run, "loss_gap", small), 0.0),
        verdict(
            "squares, k = r: error over that of least squares", over(run.where(loss="l2", k=2), "identity"), 1.0, 0.12
        ),
        above("large start, k = 30: error over that of least absolute deviations", over(large, "sign"), 1.4),
    ]


def mixture(run: RunData) -> list[Verdict]:
    """Judge SG-09: the density of the whole noise at zero decides the error."""
    over = [ratio(final(run, "error", i), least_error(c, "sign")) for i, c in enumerate(run.configs)]
    return [verdict("error over that of least absolute deviations", over, 1.0, 0.25)]


@lru_cache(maxsize=256)
def least_error(config: SubgradientRecovery, psi: str) -> float:
    """Error `|Delta|_F` of this draw's best fit: where the mean pull equals `|P_T((1/m) sum psi(s_i) sym(A_i))|_F`.

    P_T projects onto the tangent space of the rank-r matrices at the truth. Least absolute deviations: psi = sign, pull
    `phi(|Delta|)`, near zero `2 g0 |Delta|` with g0 the density of the noise (Bahadur); least squares: psi(s) = s and
    pull |Delta|.
    """
    drawn = draws.draw(config)
    s, _ = draws.noise(config, drawn)
    G = draws.weighted(drawn, np.sign(s) if psi == "sign" else s)
    outside = np.eye(config.d) - drawn.V @ drawn.V.T
    size = float(np.linalg.norm(G - outside @ G @ outside))
    sizes = np.geomspace(1e-6, 10, 2000)
    return float(np.interp(size, laws.phi(config, sizes), sizes)) if psi == "sign" else size


def noiseless(run: RunData) -> list[Verdict]:
    """Judge SG-11: floors of small starts, slopes of large ones."""
    small = [i for i in run.where(init="spectral") if run.configs[i].alpha < 0.1]
    wide = [i for i in small if run.configs[i].k > run.configs[i].r]
    floors = [float(np.linalg.norm(flow.leftover(c)) / np.linalg.norm(c.sigma)) for c in run.configs]
    over = [ratio(final(run, ERROR, i), floors[i]) for i in wide]

    def bend(i: int) -> float | None:
        return power(run.curve(ERROR, i), 300, 2900)

    return [
        below("k = r: log₁₀ of the error", orders(run, [i for i in small if i not in wide]), -14),
        verdict("small start: log₁₀ of the error over its floor", map(log10, over), 0.0, 0.25),
        *(
            verdict(f"large {init} start: log-log slope", map(bend, run.where(init=init, alpha=1.0)), slope, tolerance)
            for init, slope, tolerance in (("spectral", -0.8, 0.08), ("random", -0.94, 0.06))
        ),
    ]
