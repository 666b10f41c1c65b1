"""Verdicts on presets about the 1/t law, its onset, its cause and its price under noise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from engines.core.analysis.curve_fits import hitting_time, power, rate
from engines.core.analysis.verdict_helpers import by_seed, per_member, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.matrix_sensing import laws
from engines.matrix_sensing.verdicts.common import CONVERGED, error, over_final_rate, over_predicted, reached


def sublinear(run: RunData) -> list[Verdict]:
    """Judge P1: the exact constants of the 1/t law, and the linear rate at k = r."""
    over = [i for i, c in enumerate(run.configs) if c.k > c.r]
    exact = [i for i, c in enumerate(run.configs) if c.k == c.r]
    last = run.preset.steps if run.preset else 20000

    def slope(i: int) -> float | None:
        steps, values = error(run, i)
        foretold = power((steps, laws.error(run.configs[i], steps.astype(float))), last / 10, last)
        return ratio(power((steps, values), last / 10, last), foretold)

    def decay(i: int) -> float | None:
        c = run.configs[i]
        return ratio(rate(error(run, i), CONVERGED, 1e-4), -np.log1p(-c.eta * c.sigma[-1]))

    return [
        verdict("k > r: log-log slope of ‖E‖ over the closed form's (−1 at late times)", map(slope, over), 1.0, 0.002),
        verdict("k > r: ‖E‖(2ηt + α⁻²)/√(k−r) at the end", [constant(run, i, last) for i in over], 1.0, 0.01),
        verdict("k = r: rate over −ln(1−ησᵣ)", map(decay, exact), 1.0, 6e-3),
    ]


def constant(run: RunData, i: int, last: int) -> float | None:
    """Constant `‖E‖(2ηt + α⁻²)/√(k−r)` at the end: 1 under the 1/t law; None before step `last`."""
    c, (steps, values) = run.configs[i], error(run, i)
    size = (2 * c.eta * steps[-1] + c.alpha**-2) / np.sqrt(c.k - c.r)
    return None if steps[-1] < last else float(values[-1] * size)


def sublinear_sensed(run: RunData) -> list[Verdict]:
    """Judge P2: the 1/t law under Gaussian measurements."""
    members = range(len(run.configs))
    last = run.preset.steps if run.preset else 8000
    losses = [power(run.curve("loss", i), last / 8, last) for i in members]
    errors = [power(error(run, i), last / 8, last) for i in members]
    return [
        verdict("slope of the loss, t ≥ 1000", losses, -1.96, 0.035),
        verdict("slope of ‖E‖, t ≥ 1000", errors, -0.967, 0.02),
    ]


def onset(run: RunData) -> list[Verdict]:
    """Judge P10: each decade of a smaller start costs the same number of steps."""
    growth = float(np.log(10) / np.log1p(run.configs[0].eta * run.configs[0].sigma[-1]))
    spacings: list[float | None] = []
    for members in by_seed(run):
        ordered = sorted((i for i in members if run.configs[i].alpha < 0.05), key=lambda i: run.configs[i].alpha)
        for one, other in pairwise(ordered):
            wait = _difference(reached(run, one, 0.05), reached(run, other, 0.05))
            spacings.append(ratio(wait, float(np.log10(run.configs[other].alpha / run.configs[one].alpha))))
    times = [ratio(reached(run, i, 0.05), _foretold(run, i, 0.05)) for i in range(len(run.configs))]
    return [
        verdict("steps per decade, α ≤ 0.01: ln 10/ln(1+ησᵣ)", spacings, growth, 1.5),
        verdict("steps to ‖E‖ < 0.05 over those of the line", times, 1.0, 0.03),
    ]


def _foretold(run: RunData, member: int, level: float) -> float | None:
    """Step at which the predicted line of a member falls below `level`."""
    steps = error(run, member)[0]
    return hitting_time((steps, laws.error(run.configs[member], steps.astype(float))), level)


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def imbalance(run: RunData) -> list[Verdict]:
    """Judge P11: convergence is sublinear only where the imbalance is zero."""

    def balanced(i: int) -> bool:
        c = run.configs[i]
        return c.symmetric or (c.init == "copy" and c.init_ratio == 1)

    last = run.preset.steps if run.preset else 8000
    flat = [i for i in range(len(run.configs)) if balanced(i)]
    third = [i for i in range(len(run.configs)) if run.configs[i].init_ratio < 0.5 and not balanced(i)]
    steep = [i for i in range(len(run.configs)) if not balanced(i)]
    return [
        verdict("Δ = 0: ‖E‖(2ηt + α⁻²)/√(k−r) at the end", [constant(run, i, last) for i in flat], 1.0, 0.01),
        verdict("ratio ≤ 1/3: rate over −ln(1−ηλ_min(FᵀF))", [over_final_rate(run, i) for i in third], 1.0, 0.01),
        verdict(
            "Δ ≠ 0: rate over that foretold from the start alone",
            [over_predicted(run, i) for i in steep],
            1.0,
            0.06,
        ),
    ]


def overfit(run: RunData) -> list[Verdict]:
    """Judge P13: with noise, wider runs get worse after their best moment."""
    last = run.preset.steps if run.preset else 6000
    final = {3: (1.0, 0.08), 5: (1.42, 0.3), 10: (1.85, 0.45)}

    def worse(i: int) -> float | None:
        steps, values = error(run, i)
        return float(values[-1] / values.min()) if steps[-1] >= last else None

    def best(i: int) -> float | None:
        steps, values = error(run, i)
        return float(values.min()) if steps[-1] >= last else None

    verdicts = [
        verdict(f"k = {k}: final over best error", per_member(run, worse, k=k), *about)
        for k, about in final.items()
        if run.where(k=k)
    ]
    c = run.configs[0]
    # Least squares on the d unknowns of a symmetric matrix of rank r misses by noise · √(d/(m − d)).
    foretold = c.noise * float(np.sqrt(c.unknowns / (c.m - c.unknowns)))
    least = map(best, range(len(run.configs)))
    return [*verdicts, verdict("best ‖E‖, every k: σ√(d/(m−d)), d unknowns", least, foretold, 0.25 * foretold)]
