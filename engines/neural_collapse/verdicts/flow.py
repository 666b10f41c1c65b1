"""Verdicts on presets about the flow, and about what must be expected of NC1."""

from __future__ import annotations

import numpy as np

from engines.core.analysis.curve_fits import rate
from engines.core.analysis.verdict_helpers import below, final, finals, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.neural_collapse.config import NeuralCollapse
from engines.neural_collapse.predictions import predictions
from engines.neural_collapse.verdicts.common import ROUNDED, all_members, log_slope, rise


def _time_slope(run: RunData, channel: str, member: int, first: float, end: float) -> float | None:
    """Slope of the logarithm over the time of the flow, from `first` to `end`."""
    h = run.configs[member].step_size
    per_step = log_slope(run, channel, member, first / h, end / h)
    return None if per_step is None else per_step / h


def opening(run: RunData) -> list[Verdict]:
    """Judge P0: the law predicts the whole curve of the trace ratio."""
    members = all_members(run)
    return [
        verdict("late slope of the trace ratio over −2λ_H",
                [ratio(_time_slope(run, "nc1_trace", i, 40, 60), -2 * run.configs[i].lambda_h) for i in members],
                1.0, 0.01),
        verdict("trace ratio over its law, where it is farthest off", [_over_law(run, i) for i in members], 1.0, 0.05),
    ]  # fmt: skip


def _over_law(run: RunData, member: int) -> float | None:
    """Trace ratio over its law, where that is farthest from 1; None before the preset's last step."""
    if final(run, "nc1_trace", member) is None:
        return None
    steps, values = run.curve("nc1_trace", member)
    laws = [p for p in predictions(run.configs[member], steps) if (p.channel, p.kind) == ("nc1_trace", "law")]
    shares = values / laws[0].values
    return float(shares[np.abs(np.log(shares)).argmax()])


def path(run: RunData) -> list[Verdict]:
    """Judge P2: Theorem 3.1 of Tirer, Huang, Niles-Weed 2023, and the late slopes."""
    members = all_members(run)
    return [
        below("scaled spread within classes: largest rise",
              [rise(run, "trace_within_scaled", i) for i in members], ROUNDED),
        verdict("late slope of the trace ratio, −2λ_H = −0.1",
                [_time_slope(run, "nc1_trace", i, 90, 120) for i in members], -0.1, 1e-3),
        verdict("slope of NC1 between 10⁻¹⁶ and 10⁻²⁶ over −2√(λ_H/λ_W)", [_nc1_rate(run, i) for i in members],
                1.0, 0.01),
        below("distance to an orthogonal frame at the end", finals(run, "nc2_of", members), 1e-6),
    ]  # fmt: skip


def _nc1_rate(run: RunData, member: int) -> float | None:
    per_step, config = rate(run.curve("nc1", member), 1e-26, 1e-16), run.configs[member]
    return None if per_step is None else per_step / (2 * config.a * config.step_size)


def counterexample(run: RunData) -> list[Verdict]:
    """Judge P7: NC1 rises where the trace ratio falls."""
    claims = ((100.0, 1.0951, 0.8081), (10.0, 1.3319, 0.2772), (1.0, 0.0851, 0.0156))
    layers = []
    for beta, first, trace in claims:
        members = run.where(model="proximal", beta=beta)
        layers += [
            verdict(f"β = {beta:g}: NC1 over the start's", finals(run, "nc1_ratio", members), first, 1e-4),
            verdict(
                f"β = {beta:g}: trace ratio over the start's", finals(run, "nc1_trace_ratio", members), trace, 1e-4
            ),
        ]
    flow = run.where(model="central_path")
    return [
        *layers,
        verdict("flow: highest NC1 over the start's", [_peak(run, i) for i in flow], 1.9559, 1e-3),
        verdict("flow: trace ratio over the start's at t = 0.4", finals(run, "nc1_trace_ratio", flow), 0.015003, 1e-6),
    ]


def _vanishing(config: NeuralCollapse) -> float:
    """Slope of the logarithm of class means near zero, where the best classifier is `Mᵀ/lambda_W`."""
    return 1 / config.lambda_w - config.lambda_h


def _peak(run: RunData, member: int) -> float | None:
    return None if final(run, "nc1_ratio", member) is None else float(run.curve("nc1_ratio", member)[1].max())


def vanishing(run: RunData) -> list[Verdict]:
    """Judge P12: with lambda_W lambda_H above one all features vanish."""
    members = all_members(run)
    return [
        verdict("late rate of the size of the features over λ_H − 1/λ_W",
                [ratio(_time_slope(run, "feature_norm", i, 30, 60), _vanishing(run.configs[i])) for i in members],
                1.0, 0.01),
        verdict("loss at the end", finals(run, "loss", members), 0.5, 1e-9),
    ]  # fmt: skip
