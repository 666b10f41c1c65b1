"""Verdicts on presets about the clock tau: when things are learned, and how far to go."""

from __future__ import annotations

import numpy as np

from engines.core.analysis.verdict_helpers import above, below, by_seed, final, finals, log10, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.subgradient_recovery import flow
from engines.subgradient_recovery.verdicts.common import ERROR, arrivals, half_times, last_half_times, orders


def staircase(run: RunData) -> list[Verdict]:
    """Judge SG-10: half-times against the flow."""
    members = range(len(run.configs))
    halves = [half_times(run, i) for i in members]
    return [
        *(
            verdict(f"eigenvalue {j + 1}: τ at half over the flow's", [half[j] for half in halves], 1.0, tolerance)
            for j, tolerance in enumerate((0.02, 0.03, 0.08))
        ),
        verdict("steps to 10⁻⁸ over those until 1.3 η₀ρᵗ is there", arrivals(run, members, 1e-8), 1.0, 0.05),
    ]


def budget(run: RunData) -> list[Verdict]:
    """Judge SG-13: the U of the error over the budget; its left wall is where the flow of this draw has learned."""
    draws = [sorted(members, key=lambda i: run.configs[i].budget) for members in by_seed(run)]
    walls = [_learned(run, members[-1]) for members in draws]
    short = [i for members, wall in zip(draws, walls, strict=True) for i in members if run.configs[i].budget < wall]
    lowest = [ratio(_at_lowest(run, members), wall) for members, wall in zip(draws, walls, strict=True)]
    longest = [members[-1] for members in draws]
    return [
        above("budgets that end before the flow has learned: relative error", finals(run, ERROR, short), 0.2),
        verdict("the best budget over the flow's learning time", lowest, 1.15, 0.15),
        below("log₁₀ of the error there", [_least(run, members) for members in draws], -6.5),
        above("c = 4: error over that of the steps", [_over_steps(run, i) for i in longest], 2.0),
    ]


def _learned(run: RunData, member: int) -> float:
    """Time tau at which the flow has half learned every component."""
    config = run.configs[member]
    return float(flow.follow(config).half_times(config.sigma).max())


def _at_lowest(run: RunData, members: list[int]) -> float | None:
    """Budget of the member with the smallest error at the end; None where one is missing."""
    values = [final(run, ERROR, i) for i in members]
    present = [value for value in values if value is not None]
    return run.configs[members[values.index(min(present))]].budget if len(present) == len(values) else None


def _over_steps(run: RunData, member: int) -> float | None:
    config = run.configs[member]
    steps = float(flow.step_size(config, np.array([run.preset.steps if run.preset else 0]))[0])
    return ratio(final(run, ERROR, member), flow.TRACKING * steps)


def _least(run: RunData, members: list[int]) -> float | None:
    values = [value for value in finals(run, ERROR, members) if value is not None]
    return log10(min(values)) if len(values) == len(members) else None


def overfit(run: RunData) -> list[Verdict]:
    """Judge SG-17: the error grows with multiples of the budget."""
    draws = [sorted(members, key=lambda i: run.configs[i].budget) for members in by_seed(run)]
    half, once, most = ([members[place] for members in draws] for place in (0, 1, -1))
    rises = [_rise(run, members[1:]) for members in draws]
    return [
        above("half the budget: relative error", finals(run, ERROR, half), 0.9),
        verdict("the budget: τ at which half is learned over the flow's", last_half_times(run, once), 1.0, 0.04),
        below("the budget: log₁₀ of the error", orders(run, once), -3.0),
        above("smallest growth from one multiple to the next", rises, 1.5),
        above("six times: relative error", finals(run, ERROR, most), 2.0),
        below("six times: loss against the truth's", finals(run, "loss_gap", most), 0.0),
    ]


def _rise(run: RunData, members: list[int]) -> float | None:
    values = finals(run, ERROR, members)
    present = np.array([value for value in values if value is not None])
    return float((present[1:] / present[:-1]).min()) if len(present) == len(values) else None
