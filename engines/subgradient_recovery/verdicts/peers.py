"""Verdicts on the preset that sets methods side by side."""

from __future__ import annotations

from engines.core.analysis.curve_fits import hitting_time
from engines.core.analysis.verdict_helpers import above, below, finals
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.subgradient_recovery.verdicts.common import ERROR, orders


def reference_values(run: RunData) -> list[Verdict]:
    """Judge SG-14: each method against its reference values."""

    def hits(level: float, **knobs: object) -> list[float | None]:
        return [hitting_time(run.curve(ERROR, i), level) for i in run.where(**knobs)]

    easy, wide = {"kappa": 1.0, "k": 2}, {"kappa": 1.0, "k": 10}
    polyak, damped = run.where(method="polyak", **wide), run.where(method="opsa", damping=0.01, k=10)
    return [
        below("sub-gradient, κ = 1: log₁₀ of the error", orders(run, run.where(method="subgm", kappa=1.0)), -7.5),
        below("Polyak, k = r: steps to 10⁻⁶", hits(1e-6, method="polyak", **easy), 60),
        above("Polyak, k = 10: log₁₀ of the error", orders(run, polyak), -4.0),
        below("ScaledSM: steps to 10⁻⁶ at κ = 1 and 10", hits(1e-6, method="scaled_sm"), 60),
        above("OPSA, μ = .01, k = 10: log₁₀ of the error", orders(run, damped), -6.5),
        below("OPSA, damping by the gap: steps to 10⁻⁶, k = 10", hits(1e-6, method="opsa_gap", k=10), 200),
        above("least squares: relative error", finals(run, ERROR, run.where(loss="l2")), 0.4),
        above("Huber, κ = 1: log₁₀ of the error", orders(run, run.where(loss="huber", kappa=1.0)), -2.0),
        below("trimmed and median, small start, k = 10, κ = 1: log₁₀ of the error",
              orders(run, _cut(run, init="spectral", **wide)), -6.0),
        above("the same from the truncated start: log₁₀ of the error",
              orders(run, _cut(run, init="truncated", **wide)), -3.5),
        below("prox-linear: outer steps to 10⁻¹⁰", hits(1e-10, method="prox_linear"), 10),
    ]  # fmt: skip


def _cut(run: RunData, **knobs: object) -> list[int]:
    return [i for method in ("trimmed", "median") for i in run.where(method=method, **knobs)]
