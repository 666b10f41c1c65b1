"""Verdicts on presets of the edge of stability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.integrate import trapezoid

from engines.core.analysis.verdict_helpers import above, below, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.optimizer_dynamics.predictions import threshold
from engines.optimizer_dynamics.verdicts.factorisation import at_end

PEAKS = {2.1: 0.0737, 2.5: 0.399, 3.0: 0.890, 3.5: 1.439, 3.9: 1.669}
"""Largest residual over the run, by step size times sharpness at the start; computed independently of this code."""

LANDED = {2.1: 1.892, 2.5: 1.282, 3.0: 0.223, 3.5: 0.554, 3.9: 0.057}
"""Step size times sharpness at the end."""


def _ended(run: RunData, member: int, measure: Callable[[int], float]) -> float | None:
    return measure(member) if at_end(run) and run.diverged_at[member] < 0 else None


def catapult(run: RunData) -> list[Verdict]:
    """Judge O13: the loss rises, falls, and lands where it is flat; from 4 on it diverges."""
    verdicts = []
    for start, peak in PEAKS.items():
        members = run.where(sharpness=start)
        peaks = [_ended(run, i, lambda i: float(np.abs(run["residual"][:, i]).max())) for i in members]
        ends = [_ended(run, i, lambda i: float(run["length"][-1, i])) for i in members]
        verdicts.append(verdict(f"η l₀ = {start:g}: largest residual", peaks, peak, 2e-3))
        verdicts.append(verdict(f"η l₀ = {start:g}: η l at the end", ends, LANDED[start], 2e-3))
    beyond = [float(run.diverged_at[i] if run.diverged_at[i] >= 0 else 10**6) if at_end(run) else None
              for i in run.where(sharpness=4.1)]  # fmt: skip
    return [*verdicts, verdict("η l₀ = 4.1: step at which it left the finite numbers", beyond, 12.0, 1.0)]  # fmt: skip


def edge(run: RunData) -> list[Verdict]:
    """Judge O14: the sharpness comes to its threshold, that of its method, and stays there."""
    gd, adam = run.where(method="gd", model="network"), run.where(method="adam")
    valley = run.where(model="valley")
    return [
        verdict("gradient descent: sharpness over 2/η, late", [_late(run, i) for i in gd], 1.015, 0.025),
        verdict(
            "Adam: sharpness over (2+2β)/((1−β)η), late",
            [_late(run, i) for i in adam],
            0.95,
            0.15,
            "every swing moves Adam's own scales, and the sharpness falls below: 0.945 ± 0.044 over 24 seeds",
        ),
        verdict(
            "gradient descent: largest eigenvalue of the whole Hessian over 2/η, at the end",
            [_whole(run, i) for i in gd],
            1.0,
            0.15,
        ),
        verdict("valley: (α − ⟨x²⟩/2) η T over u_T − u₀", [_identity(run, i) for i in valley], 1.0, 1e-6),
    ]


def _whole(run: RunData, member: int) -> float | None:
    result = run.probe_results.get(("hessian", member))
    return None if result is None else float(result["largest"]) * run.configs[member].eta / 2


ARRIVED = 0.98
"""Ratio from which on the sharpness counts as arrived at its threshold."""


def _late(run: RunData, member: int) -> float | None:
    """Mean sharpness over the threshold of what the preset says, in the second half of the steps.

    Of one that arrives later, from there on.
    """
    if not at_end(run):
        return None
    steps, sharpness = run.curve("sharpness", member)
    ratios = sharpness * run.configs[member].eta / threshold(run.configs[member])
    there = steps[ratios >= ARRIVED]
    late = steps >= max(steps[-1] / 2, there[0] if len(there) and there[0] < steps[-2] else 0)
    return float(trapezoid(ratios[late], steps[late]) / (steps[late][-1] - steps[late][0]))


def _identity(run: RunData, member: int) -> float | None:
    """Balance of the valley: what the swings take from the rise of the curvature, from the first 100 steps."""
    steps, x = run.curve("residual", member)
    u, config = run.curve("length", member)[1], run.configs[member]
    last = 100
    if len(steps) <= last:
        return None
    risen = float((config.rise - x[:last] ** 2 / 2).mean()) * config.eta * last
    return float(risen / (u[last] - u[0]))


def central(run: RunData) -> list[Verdict]:
    """Judge O17: the probe's distances after 150 steps, to the central flow and to the gradient flow."""
    results = [run.probe_results.get(("central_flow", i)) for i in range(len(run.configs))]
    near = [None if f is None else float(np.asarray(f["central"])[-1]) for f in results]
    return [
        above("distance to the gradient flow over that to the central flow", _parted(results), 2.0),
        below("distance to the central flow", near, 0.2),
    ]


def central_rmsprop(run: RunData) -> list[Verdict]:
    """Judge O24: RMSProp keeps to its own central flow, and hops about it as widely as that says."""
    results = [run.probe_results.get(("central_flow", i)) for i in range(len(run.configs))]
    hops = [None if f is None else ratio(float(f["oscillation"]), float(f["variance"]) or 1e-300) for f in results]
    _, near = central(run)
    return [
        above("distance to the flow without hops over that to the central flow", _parted(results), 4.0),
        near,
        verdict("mean oscillation over the variance of the central flow", hops, 1.0, 0.35, "hops come in bursts"),
    ]


def _parted(results: list[Any]) -> list[float | None]:
    """Distances to the gradient flow over those to the central flow, at the end of what the probe followed."""
    return [None if f is None else float(np.asarray(f["gradient"])[-1] / np.asarray(f["central"])[-1]) for f in results]


def central_live(run: RunData) -> list[Verdict]:
    """Judge O18: gradient descent keeps to the central flow, and hops about it as widely as that says."""
    members = range(len(run.configs))
    away = [[_ended(run, i, lambda i, name=name: float(run[name][-1, i])) for i in members]
            for name in ("gradient_distance", "central_distance")]  # fmt: skip
    hops = [[_since(run, i, name) for i in members] for name in ("oscillation", "central_variance")]
    return [
        above("distance to the gradient flow over that to the central flow", list(map(_over, *away)), 2.5),
        below("distance to the central flow", away[1], 0.25),
        verdict("mean oscillation over the variance of the central flow", list(map(_over, *hops)), 1.0, 0.6,
                "hops come in bursts: 0.44 to 1.29 over 27 seeds, 0.95 in the mean"),
    ]  # fmt: skip


def _over(a: float | None, b: float | None) -> float | None:
    return ratio(a, b) if b != 0 else np.inf


def _since(run: RunData, member: int, channel: str) -> float | None:
    """Integral of a channel over the steps since the flows began."""
    if not at_end(run):
        return None
    steps, values = run.curve(channel, member)
    since = (steps > run.configs[member].flow_start) & np.isfinite(values)
    return float(trapezoid(values[since], steps[since])) if since.any() else 0.0
