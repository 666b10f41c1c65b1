"""How each preset is judged: numbers read off the recorded curves against what the theory says.

A tolerance covers the spread over fresh seeds, measured on at least eight of them; the seeds of a preset agree
more closely. Where a claim is about a ratio to a prediction of the run itself, the tolerance is that of the law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

from engines.core.engine import Verdict
from engines.core.measures import Curve, hit, power, rate
from engines.core.run import Run
from engines.matrix_sensing import theory

CONVERGED = 1e-11
"""Rates are fitted above this error, where rounding does not show yet."""


def verdict(
    claim: str, values: Iterable[float | None], predicted: float, tolerance: float, partial: bool = False
) -> Verdict:
    """Judge the value farthest from `predicted`; undecided while one is missing (or, where `partial`, all are)."""
    found = list(values)
    known = [value for value in found if value is not None]
    if not known or (len(known) < len(found) and not partial):
        return Verdict(claim=claim, measured=None, predicted=predicted, tolerance=tolerance, holds=None)
    worst = max(known, key=lambda value: abs(value - predicted))
    holds = bool(abs(worst - predicted) <= tolerance)
    return Verdict(claim=claim, measured=float(worst), predicted=predicted, tolerance=tolerance, holds=holds)


def each(run: Run, measure: Callable[[int], float | None], **knobs: object) -> list[float | None]:
    """A measure of every member with these knobs."""
    return [measure(member) for member in run.where(**knobs)]


def error(run: Run, member: int) -> Curve:
    """|E| over steps."""
    return run.curve("error", member)


def tail(run: Run, member: int, high: float = 1e-6) -> float | None:
    """Late rate of |E|, above thirty times the final error."""
    values = error(run, member)[1]
    return rate(error(run, member), max(CONVERGED, 30 * float(values[-1])), high)


def ratio(value: float | None, predicted: float) -> float | None:
    """Measured over predicted."""
    return None if value is None else value / predicted


def exponent(run: Run, members: Sequence[int], largest: float = 0.45) -> float | None:
    """Power of alpha in the tail rate over members that differ in alpha alone."""
    pairs = [(run.configs[i].alpha, tail(run, i)) for i in members if run.configs[i].alpha <= largest]
    known = [(alpha, found) for alpha, found in pairs if found is not None]
    if len(known) < 3:
        return None
    alphas, rates = np.log(np.array(known)).T
    return float(np.polyfit(alphas, rates, 1)[0])


def by_seed(run: Run) -> list[list[int]]:
    """Members grouped by seed."""
    return [run.where(seed=seed) for seed in dict.fromkeys(config.seed for config in run.configs)]


def sublinear(run: Run) -> list[Verdict]:
    """P1: the exact constants of the 1/t law, and the linear rate at k = r."""
    over = [i for i, c in enumerate(run.configs) if c.k > c.r]
    exact = [i for i, c in enumerate(run.configs) if c.k == c.r]
    last = run.preset.steps if run.preset else 20000

    def squared(i: int) -> float | None:
        steps, values = error(run, i)
        return power((steps, values**2), last / 10, last)

    def constant(i: int) -> float | None:
        c, (steps, values) = run.configs[i], error(run, i)
        return None if steps[-1] < last else float(values[-1] * 2 * c.eta * steps[-1] / np.sqrt(c.k - c.r))

    def decay(i: int) -> float | None:
        c = run.configs[i]
        return ratio(rate(error(run, i), CONVERGED, 1e-4), -np.log1p(-c.eta * c.sigma[-1]))

    return [
        verdict("k > r: slope of ‖E‖² over the last decade", map(squared, over), -1.995, 0.005),
        verdict("k > r: ‖E‖·2ηt/√(k−r) at the end", map(constant, over), 1.0, 0.01),
        verdict("k = r: rate over −ln(1−ησᵣ)", map(decay, exact), 1.0, 6e-3),
    ]


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


def one_step(run: Run) -> list[Verdict]:
    """P5: after the lift the rate does not depend on alpha."""

    def after(i: int) -> float | None:
        return ratio(tail(run, i, 1e-5), run.configs[i].eta)

    def waited(i: int) -> float | None:
        reached, lifted = hit(error(run, i), 1e-10), run["lifted_at"][-1, i]
        return None if reached is None or lifted < 0 else reached - float(lifted)

    members = range(len(run.configs))
    return [
        verdict("rate/η, every α", map(after, members), 0.59, 0.03),
        verdict("steps from the lift to ‖E‖ < 10⁻¹⁰", map(waited, members), 295, 55),
    ]


def race(run: Run) -> list[Verdict]:
    """P6: the same problem three ways."""

    def late(i: int) -> float | None:
        steps, values = run.curve("relative_error", i)
        return float(np.interp(4000, steps, values)) if len(steps) and steps[-1] >= 4000 else None

    def reached(i: int) -> float | None:
        return hit(run.curve("relative_error", i), 1e-10)

    one = each(run, reached, method="one_step")
    plain = each(run, reached, parameterization="asymmetric", method="gd")
    return [
        verdict("symmetric: relative error at t = 4000", each(run, late, parameterization="symmetric"), 8.7e-4, 1.6e-4),
        verdict("asymmetric: steps to 10⁻¹⁰", plain, 2900, 2000),
        verdict("one modified step: steps to 10⁻¹⁰", one, 560, 50),
    ]


TABLE = {
    ("gd", "symmetric", "random"): 327,
    ("gd", "asymmetric", "random"): 2800,
    ("one_step", "asymmetric", "random"): 560,
    ("scaled_gd", "asymmetric", "spectral"): 85,
    ("prec_gd", "symmetric", "spectral"): 148,
    ("prec_gd", "symmetric", "random"): 166,
    ("agn", "asymmetric", "random"): 108,
    ("gd", "asymmetric", "unbalanced"): 890,
    ("nesterov", "asymmetric", "unbalanced"): 380,
}
"""Steps to a relative error of 1e-10 at kappa = 2, measured independently of this code."""


def conditioning(run: Run) -> list[Verdict]:
    """P7: every method against its table at kappa = 2, and how far kappa = 20 slows it."""

    def reached(i: int) -> float | None:
        return hit(run.curve("relative_error", i), 1e-10)

    def kind(i: int) -> tuple[str, str, str]:
        c = run.configs[i]
        return (c.method, c.parameterization, c.init)

    def slowed(methods: set[str]) -> list[float | None]:
        pairs = [(i, _twin(run, i)) for i in run.where(kappa=2.0) if run.configs[i].method in methods]
        return [_quotient(reached(j), reached(i)) for i, j in pairs if j is not None]

    easy = [i for i in run.where(kappa=2.0) if kind(i) in TABLE and run.configs[i].alpha < 0.9]
    easy = [i for i in easy if run.configs[i].k == 3 or kind(i) != ("gd", "symmetric", "random")]
    plain = [i for i in easy if kind(i) == ("gd", "asymmetric", "random")]
    table = [ratio(reached(i), TABLE[kind(i)]) for i in easy if i not in plain]
    return [
        verdict("κ = 2: steps to 10⁻¹⁰ over the table, all but plain asymmetric", table, 1.0, 0.15),
        verdict("κ = 2: steps to 10⁻¹⁰, plain asymmetric", map(reached, plain), 2900, 2000),
        verdict("κ = 20 over κ = 2, preconditioned", slowed({"scaled_gd", "prec_gd", "agn"}), 1.0, 0.17),
        verdict("κ = 20 over κ = 2, gradient descent at k = r", slowed({"gd"}), 9.2, 2.0),
    ]


def _quotient(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a / b


def _twin(run: Run, member: int) -> int | None:
    """The member that differs from this one in kappa alone."""
    wanted = run.configs[member].replace(kappa=20.0)
    return run.configs.index(wanted) if wanted in run.configs else None


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

    def sublinear(i: int) -> float | None:
        c = run.configs[i]
        reached = run.steps[-1] if run.steps[-1] >= 8000 else None
        return reached and float(error(run, i)[1][-1] * 2 * c.eta * reached / np.sqrt(c.k - c.r))

    def realised(i: int) -> float | None:
        return ratio(tail(run, i), -np.log1p(-run.configs[i].eta * run["factor_min"][-1, i]))

    flat = [i for i in range(len(run.configs)) if balanced(i)]
    third = [i for i in range(len(run.configs)) if run.configs[i].init_ratio < 0.5 and not balanced(i)]
    scaled = [ratio(tail(run, i), run.configs[i].eta * run.configs[i].alpha ** 2) for i in third]
    return [
        verdict("Δ = 0: ‖E‖·2ηt/√(k−r) at the end", map(sublinear, flat), 1.0, 0.01),
        verdict("ratio ≤ 1/3: rate over −ln(1−ηλ_min(FᵀF))", map(realised, third), 1.0, 0.01),
        verdict("ratio ≤ 1/3: rate/(ηα²)", scaled, 0.75, 0.45),
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
