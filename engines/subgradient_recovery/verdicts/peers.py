"""The preset that sets methods side by side."""

from __future__ import annotations

from engines.core.engine import Verdict
from engines.core.judging import above, below, verdict
from engines.core.measures import hit
from engines.core.run import Run
from engines.subgradient_recovery.verdicts.common import ERROR, last, orders


def peers(run: Run) -> list[Verdict]:
    """SG-14: what the table of the specification says, method by method."""

    def hits(level: float, **knobs: object) -> list[float | None]:
        return [hit(run.curve(ERROR, i), level) for i in run.where(**knobs)]

    easy, wide = {"kappa": 1.0, "k": 2}, {"kappa": 1.0, "k": 10}
    polyak = run.where(method="polyak", **wide)
    return [
        verdict("SubGM, κ = 1: log₁₀ of the error, k = 2 and 10",
                orders(run, run.where(method="subgm", kappa=1.0)), -9.2, 1.1),
        verdict("Polyak, k = r: steps to 10⁻⁶", hits(1e-6, method="polyak", **easy), 25, 15),
        verdict("Polyak, k = 10: log₁₀ of the error", orders(run, polyak), -2.8, 0.5),
        verdict("ScaledSM: steps to 10⁻⁶ at κ = 1 and 10", hits(1e-6, method="scaled_sm"), 28, 12),
        verdict("OPSA, μ = .01, k = 10: log₁₀ of the error",
                orders(run, run.where(method="opsa", damping=0.01, k=10)), -4.5, 0.6),
        verdict("OPSA, damping by the gap: steps to 10⁻⁶, k = 10", hits(1e-6, method="opsa_gap", k=10), 65, 35),
        above("least squares: relative error", last(run, run.where(loss="l2")), 0.4),
        verdict("Huber, κ = 1: log₁₀ of the error", orders(run, run.where(loss="huber", kappa=1.0)), -1.26, 0.35),
        below("trimmed and median, small start, k = 10, κ = 1: log₁₀ of the error",
              orders(run, _cut(run, init="spectral", **wide)), -6.5),
        above("the same from the truncated start: log₁₀ of the error",
              orders(run, _cut(run, init="truncated", **wide)), -2.9),
        verdict("prox-linear: outer steps to 10⁻¹⁰", hits(1e-10, method="prox_linear"), 5, 2.5),
    ]  # fmt: skip


def _cut(run: Run, **knobs: object) -> list[int]:
    return [i for method in ("trimmed", "median") for i in run.where(method=method, **knobs)]
