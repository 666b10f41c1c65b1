"""Presets about the 1/t law, its onset, its cause and its price under noise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from engines.core.engine import Verdict
from engines.core.judging import by_seed, each, ratio, verdict
from engines.core.measures import hit, power, rate
from engines.core.run import Run
from engines.matrix_sensing import theory
from engines.matrix_sensing.verdicts.common import CONVERGED, error, tail


def sublinear(run: Run) -> list[Verdict]:
    """P1: the exact constants of the 1/t law, and the linear rate at k = r."""
    over = [i for i, c in enumerate(run.configs) if c.k > c.r]
    exact = [i for i, c in enumerate(run.configs) if c.k == c.r]
    last = run.preset.steps if run.preset else 20000

    def slope(i: int) -> float | None:
        steps, values = error(run, i)
        foretold = power((steps, theory.error(run.configs[i], steps.astype(float))), last / 10, last)
        return ratio(power((steps, values), last / 10, last), foretold)

    def decay(i: int) -> float | None:
        c = run.configs[i]
        return ratio(rate(error(run, i), CONVERGED, 1e-4), -np.log1p(-c.eta * c.sigma[-1]))

    return [
        verdict("k > r: log-log slope of ‖E‖ over the closed form's (−1 at late times)", map(slope, over), 1.0, 0.002),
        verdict("k > r: ‖E‖(2ηt + α⁻²)/√(k−r) at the end", [constant(run, i, last) for i in over], 1.0, 0.01),
        verdict("k = r: rate over −ln(1−ησᵣ)", map(decay, exact), 1.0, 6e-3),
    ]


def constant(run: Run, i: int, last: int) -> float | None:
    """`‖E‖(2ηt + α⁻²)/√(k−r)` at the end: 1 under the 1/t law."""
    c, (steps, values) = run.configs[i], error(run, i)
    size = (2 * c.eta * steps[-1] + c.alpha**-2) / np.sqrt(c.k - c.r)
    return None if steps[-1] < last else float(values[-1] * size)


def sensed(run: Run) -> list[Verdict]:
    """P2: the same law under Gaussian measurements."""
    members = range(len(run.configs))
    last = run.preset.steps if run.preset else 8000
    losses = [power(run.curve("loss", i), last / 8, last) for i in members]
    errors = [power(error(run, i), last / 8, last) for i in members]
    return [
        verdict("slope of the loss, t ≥ 1000", losses, -1.96, 0.035),
        verdict("slope of ‖E‖, t ≥ 1000", errors, -0.967, 0.02),
    ]


def onset(run: Run) -> list[Verdict]:
    """P10: each decade of a smaller start costs the same number of steps."""
    growth = float(np.log(10) / np.log1p(run.configs[0].eta * run.configs[0].sigma[-1]))
    small: list[float | None] = []
    large: list[float | None] = []
    for members in by_seed(run):
        ordered = sorted(members, key=lambda i: run.configs[i].alpha)
        for one, other in pairwise(ordered):
            wait = _difference(hit(error(run, one), 0.05), hit(error(run, other), 0.05))
            decades = float(np.log10(run.configs[other].alpha / run.configs[one].alpha))
            (small if run.configs[other].alpha < 0.02 else large).append(ratio(wait, decades))
    return [
        verdict("steps per decade, α ≤ 0.01: ln 10/ln(1+ησᵣ)", small, growth, 1.5),
        verdict("the same up to α = 0.1", large, growth, 4.0),
    ]


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def fuel(run: Run) -> list[Verdict]:
    """P11: convergence is sublinear only where the imbalance is zero."""

    def balanced(i: int) -> bool:
        c = run.configs[i]
        return c.symmetric or (c.init == "copy" and c.init_ratio == 1)

    def realised(i: int) -> float | None:
        return ratio(tail(run, i), -np.log1p(-run.configs[i].eta * run["factor_min"][-1, i]))

    last = run.preset.steps if run.preset else 8000
    flat = [i for i in range(len(run.configs)) if balanced(i)]
    third = [i for i in range(len(run.configs)) if run.configs[i].init_ratio < 0.5 and not balanced(i)]
    scaled = [ratio(tail(run, i), run.configs[i].eta * run.configs[i].alpha ** 2) for i in third]
    return [
        verdict("Δ = 0: ‖E‖(2ηt + α⁻²)/√(k−r) at the end", [constant(run, i, last) for i in flat], 1.0, 0.01),
        verdict("ratio ≤ 1/3: rate over −ln(1−ηλ_min(FᵀF))", map(realised, third), 1.0, 0.01),
        verdict("ratio ≤ 1/3: rate/(ηα²)", scaled, 0.75, 0.45),
    ]


def overfit(run: Run) -> list[Verdict]:
    """P13: with noise, wider runs get worse after their best moment."""
    last = run.preset.steps if run.preset else 6000
    final = {3: (1.0, 0.08), 5: (1.42, 0.3), 10: (1.85, 0.45)}

    def worse(i: int) -> float | None:
        steps, values = error(run, i)
        return float(values[-1] / values.min()) if steps[-1] >= last else None

    def best(i: int) -> float | None:
        steps, values = error(run, i)
        return float(values.min()) if steps[-1] >= last else None

    verdicts = [
        verdict(f"k = {k}: final over best error", each(run, worse, k=k), *about)
        for k, about in final.items()
        if run.where(k=k)
    ]
    return [*verdicts, verdict("best error, every k", map(best, range(len(run.configs))), 0.028, 0.008)]
