"""Presets about exact recovery, and what fails where."""

from __future__ import annotations

import numpy as np

from engines.core.engine import Verdict
from engines.core.judging import above, below, by_seed, final, ratio, verdict
from engines.core.run import Run
from engines.subgradient_recovery.verdicts.common import (
    ERROR,
    arrivals,
    best,
    last,
    last_half_times,
    orders,
    spread,
)


def opening(run: Run) -> list[Verdict]:
    """SG-00: small start, least squares, large start."""
    small = [i for i, c in enumerate(run.configs) if c.loss == "l1" and c.alpha < 0.1]
    large = [i for i, c in enumerate(run.configs) if c.loss == "l1" and c.alpha >= 0.1]
    return [
        below("absolute values, small start: log₁₀ of the error", orders(run, small), -3.9),
        above("least squares: relative error", last(run, run.where(loss="l2")), 0.5),
        above("absolute values, large start: relative error", last(run, large), 0.4),
        below("and yet its loss, against the truth's", last(run, large, "loss_gap"), 0.0),
    ]


def hello(run: Run) -> list[Verdict]:
    """SG-01: the path of exact recovery."""
    members = range(len(run.configs))
    return [
        verdict("τ at which half is learned over the flow's", last_half_times(run, members), 1.0, 0.03),
        verdict("steps to 10⁻⁶ over those until 1.3 η₀ρᵗ is there", arrivals(run, members, 1e-6), 1.0, 0.06),
        below("log₁₀ of the relative error", orders(run, members), -7.0),
    ]


def widths(run: Run) -> list[Verdict]:
    """SG-02: the search rank. From a random start of k = r columns one may be too small for the budget."""
    spectral, random = run.where(init="spectral"), run.where(init="random")
    exact = [i for i in spectral if run.configs[i].k == run.configs[i].r]
    wide = [i for i in spectral if i not in exact]
    alike = [spread(last(run, members)) for members in by_seed(run, [i for i in wide if run.configs[i].k >= 6])]
    ends = by_seed(run, [i for k in (30, 3) for i in run.where(init="random", k=k)])
    grows = [ratio(*last(run, members)) for members in ends if len(members) == 2]
    return [
        below("spectral, k = r: log₁₀ of the error", orders(run, exact), -11),
        verdict("spectral: τ at which half is learned over the flow's", last_half_times(run, spectral), 1.0, 0.03),
        verdict("random: τ at which half is learned over the flow's", last_half_times(run, random), 1.0, 0.05),
        verdict("spectral: largest over smallest error, k = 6, 15, 30", alike, 1.0, 0.05),
        above("random: error at k = 30 over k = 3", grows, 2.0),
    ]


def squares(run: Run) -> list[Verdict]:
    """SG-04: absolute values against squares."""
    absolute, wide = run.where(loss="l1"), run.where(loss="l2", k=30)
    table = {1.0: 0.145, 10.0: 1.63, 100.0: 15.9}
    early = {1.0: 0.063, 10.0: 0.72, 100.0: 1.0}
    over = [i for i in absolute if run.configs[i].k == 30]
    return [
        below("absolute values, k = r: log₁₀ of the error", orders(run, [i for i in absolute if i not in over]), -11),
        below("absolute values, k = 30: log₁₀ of the error", orders(run, over), -5.6),
        verdict(
            "squares, k = 30: error over 0.145, 1.63, 15.9",
            [ratio(final(run, ERROR, i), table[run.configs[i].outlier_scale]) for i in wide],
            1.0,
            0.3,
        ),
        verdict(
            "squares, best error on the path over 0.063, 0.72, 1",
            [ratio(best(run, i), early[run.configs[i].outlier_scale]) for i in wide],
            1.0,
            0.4,
        ),
    ]


def garbage(run: Run) -> list[Verdict]:
    """SG-07: most of the data is wrong."""
    return [
        verdict(f"p = {p:g}: log₁₀ of the error", orders(run, run.where(outlier_fraction=p)), -5.6, 1.8)
        for p in (0.6, 0.7, 0.8)
    ]


def adversary(run: Run) -> list[Verdict]:
    """SG-15: flipped signs."""
    return [
        below(f"p = {p:g}: log₁₀ of the error", orders(run, run.where(outlier_fraction=p)), limit)
        for p, limit in ((0.1, -7.9), (0.2, -7.0))
    ]


def figures(run: Run) -> list[Verdict]:
    """SG-16: the table of the specification."""
    table = {(600, 0.1): ((-2.2, 0.4), (-3.8, 1.1), (-6.7, 2.0)), (300, 0.3): ((-1.0, 0.5), (-1.9, 0.8), (-2.4, 1.9))}
    found: list[Verdict] = []
    for (m, p), rows in table.items():
        for alpha, (error, tolerance) in zip((1e-1, 1e-3, 1e-6), rows, strict=True):
            members = run.where(m=m, outlier_fraction=p, k=20, alpha=alpha, loss="l1")
            claim = f"k = 20, m = {m}, p = {p:g}, α = {alpha:g}: log₁₀ of the error"
            found.append(verdict(claim, orders(run, members), error, tolerance))
    exact = [i for i in run.where(k=3, m=600, loss="l1") if run.configs[i].alpha < 1]
    lost = run.where(loss="l2", k=20)
    return [
        *found,
        below("k = r, m = 600: log₁₀ of the error", orders(run, exact), -8.2),
        above("squares, k = 20: relative error", last(run, lost), 0.4),
    ]
