"""Verdicts on presets about points with a lower loss than the truth."""

from __future__ import annotations

from engines.core.analysis.verdict_helpers import above, below, finals, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.subgradient_recovery.verdicts.common import ERROR, last_half_times, orders


def lower_than_truth(run: RunData) -> list[Verdict]:
    """Judge SG-05: the small start is right, and four others are lower."""
    small = [i for i in run.where(alpha=1e-8) if run.configs[i].budget < 20]
    far = [i for i in range(len(run.configs)) if i not in small and run.configs[i].alpha > 1e-9]
    return [
        verdict("small start: τ at which half is learned over the flow's", last_half_times(run, small), 1.0, 0.05),
        below("small start: log₁₀ of the error", orders(run, small), -4.0),
        above("small start: loss against the truth's", finals(run, "loss_gap", small), 0.0),
        above("too long, too large, or near the truth: relative error", finals(run, ERROR, far), 4.0),
        below("and their loss, against the truth's", finals(run, "loss_gap", far), -0.3),
    ]


def saddle(run: RunData) -> list[Verdict]:
    """Judge SG-06: runs that start at the truth leave it downhill."""
    members = range(len(run.configs))
    return [
        above("relative error, started at 10⁻¹⁰", finals(run, ERROR, members), 0.18),
        below("loss against the truth's", finals(run, "loss_gap", members), 0.0),
    ]
