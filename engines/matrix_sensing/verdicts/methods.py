"""Verdicts on presets that set methods side by side."""

from __future__ import annotations

import numpy as np

from engines.core.analysis.verdict_helpers import ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.matrix_sensing.verdicts.common import over_predicted, over_sensed_rate, reached, worst_ratio


def one_step(run: RunData) -> list[Verdict]:
    """Judge P5: after the lift the rate does not depend on alpha."""
    rates = [over_predicted(run, i, 1e-5) for i in range(len(run.configs))]
    return [
        verdict("rate over that foretold, the same for every α", rates, 1.0, 0.05),
        verdict(
            "‖E‖ over its line, where it is farthest", [worst_ratio(run, i) for i in range(len(run.configs))], 1.0, 0.1
        ),
    ]


def race(run: RunData) -> list[Verdict]:
    """Judge P6: three methods on one problem."""
    flat = [error_at(run, i, 4000) for i in run.where(parameterization="symmetric")]
    steep = [over_sensed_rate(run, i) for i in run.where(parameterization="asymmetric", method="gd")]
    lifted = [reached(run, i, 1e-10, "relative_error") for i in run.where(method="one_step")]
    return [
        verdict("symmetric: relative error at t = 4000", flat, 8.7e-4, 1.6e-4),
        verdict("asymmetric: rate over −ln(1−ηcλ_min(FᵀF)), c(m) → 1 for m → ∞", steep, 1.0, 0.15),
        verdict("one modified step: steps to 10⁻¹⁰", lifted, 560, 50),
    ]


def error_at(run: RunData, member: int, step: int) -> float | None:
    """Relative error at a step, interpolated; None before it is reached."""
    steps, values = run.curve("relative_error", member)
    return float(np.interp(step, steps, values)) if len(steps) and steps[-1] >= step else None


EXACT = ("gd", "symmetric", "random")
"""Method, model and start that are listed for k = r alone: with k > r they never arrive."""

TABLE = {
    EXACT: 327,
    ("one_step", "asymmetric", "random"): 560,
    ("scaled_gd", "asymmetric", "spectral"): 85,
    ("prec_gd", "symmetric", "spectral"): 148,
    ("prec_gd", "symmetric", "random"): 166,
    ("agn", "asymmetric", "random"): 108,
    ("gd", "asymmetric", "unbalanced"): 890,
    ("nesterov", "asymmetric", "unbalanced"): 380,
}
"""Steps to a relative error of 1e-10 at kappa = 2, measured independently of this code."""


def conditioning(run: RunData) -> list[Verdict]:
    """Judge P7: every method against its table at kappa = 2, and how far kappa = 20 slows it."""

    def arrived(i: int) -> float | None:
        return reached(run, i, 1e-10, "relative_error")

    def kind(i: int) -> tuple[str, str, str]:
        c = run.configs[i]
        return (c.method, c.parameterization, c.init)

    def slowed(methods: set[str]) -> list[float | None]:
        pairs = [(i, _other_condition(run, i)) for i in run.where(kappa=2.0) if run.configs[i].method in methods]
        return [ratio(arrived(j), arrived(i)) for i, j in pairs if j is not None]

    easy = [i for i in run.where(kappa=2.0) if run.configs[i].alpha < 0.9]
    listed = [i for i in easy if kind(i) in TABLE and (run.configs[i].k == 3 or kind(i) != EXACT)]
    plain = [i for i in easy if kind(i) == ("gd", "asymmetric", "random")]
    table = [ratio(arrived(i), TABLE[kind(i)]) for i in listed]
    return [
        verdict("κ = 2: steps to 10⁻¹⁰ over the table", table, 1.0, 0.15),
        verdict(
            "asymmetric, k > r: rate over −ln(1−ηcλ_min(FᵀF))", [over_sensed_rate(run, i) for i in plain], 1.0, 0.15
        ),
        verdict("κ = 20 over κ = 2, preconditioned", slowed({"scaled_gd", "prec_gd", "agn"}), 1.0, 0.17),
        verdict("κ = 20 over κ = 2, gradient descent at k = r", slowed({"gd"}), 9.2, 2.0),
    ]


def _other_condition(run: RunData, member: int) -> int | None:
    """Find the member with kappa = 20 that is otherwise equal to this one; None where there is none."""
    wanted = run.configs[member].replace(kappa=20.0)
    return run.configs.index(wanted) if wanted in run.configs else None
