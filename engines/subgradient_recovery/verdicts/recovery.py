"""Verdicts on presets about exact recovery, and what fails where."""

from __future__ import annotations

from itertools import pairwise

from engines.core.analysis.verdict_helpers import above, below, by_seed, final, finals, ratio, verdict
from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData
from engines.subgradient_recovery.predictions import RECOVERED, predictions
from engines.subgradient_recovery.verdicts.common import ERROR, arrivals, best, last_half_times, orders, spread
from engines.subgradient_recovery.verdicts.floors import least_error


def opening(run: RunData) -> list[Verdict]:
    """Judge SG-00: small start, least squares, large start."""
    small = [i for i, c in enumerate(run.configs) if c.loss == "l1" and c.alpha < 0.1]
    large = [i for i, c in enumerate(run.configs) if c.loss == "l1" and c.alpha >= 0.1]
    return [
        below("absolute values, small start: log₁₀ of the error", orders(run, small), -2.5),
        above("least squares: relative error", finals(run, ERROR, run.where(loss="l2")), 0.5),
        above("absolute values, large start: relative error", finals(run, ERROR, large), 0.4),
        below("and yet its loss, against the truth's", finals(run, "loss_gap", large), 0.0),
    ]


def exact_recovery(run: RunData) -> list[Verdict]:
    """Judge SG-01: the path of exact recovery."""
    members = range(len(run.configs))
    return [
        verdict("τ at which half is learned over the flow's", last_half_times(run, members), 1.0, 0.03),
        verdict("steps to 10⁻⁶ over those until 1.3 η₀ρᵗ is there", arrivals(run, members, 1e-6), 1.0, 0.06),
        below("log₁₀ of the relative error", orders(run, members), -7.0),
    ]


def widths(run: RunData) -> list[Verdict]:
    """Judge SG-02: the search rank. From a random start of k = r columns one may be too small for the budget."""
    spectral, random = run.where(init="spectral"), run.where(init="random")
    exact = [i for i in spectral if run.configs[i].k == run.configs[i].r]
    wide = [i for i in spectral if i not in exact]
    alike = [
        spread(finals(run, ERROR, members)) for members in by_seed(run, [i for i in wide if run.configs[i].k >= 6])
    ]
    ends = by_seed(run, [i for k in (30, 3) for i in run.where(init="random", k=k)])
    grows = [ratio(*finals(run, ERROR, members)) for members in ends if len(members) == 2]
    return [
        below("spectral, k = r: log₁₀ of the error", orders(run, exact), -11),
        verdict("spectral: τ at which half is learned over the flow's", last_half_times(run, spectral), 1.0, 0.03),
        verdict("random: τ at which half is learned over the flow's", last_half_times(run, random), 1.0, 0.05),
        verdict("spectral: largest over smallest error, k = 6, 15, 30", alike, 1.0, 0.05),
        above("random: error at k = 30 over k = 3", grows, 2.0),
    ]


def squares(run: RunData) -> list[Verdict]:
    """Judge SG-04: absolute values against squares."""
    absolute, wide = run.where(loss="l1"), run.where(loss="l2", k=30)
    over = [i for i in absolute if run.configs[i].k == 30]
    faint = run.where(loss="l2", k=2, outlier_scale=1.0)
    least = [ratio(final(run, "error", i), least_error(run.configs[i], "identity")) for i in faint]
    return [
        below("absolute values, k = r: log₁₀ of the error", orders(run, [i for i in absolute if i not in over]), -11),
        below("absolute values, k = 30: log₁₀ of the error", orders(run, over), -5.6),
        verdict("squares, k = r, outliers of size 1: error over that of least squares", least, 1.0, 0.12),
        above("squares, k = 30: error at the end over the best on the path", [_worse(run, i) for i in wide], 1.5),
        above("squares, outliers of size 10 and more: best error on the path",
              [best(run, i) for i in wide if run.configs[i].outlier_scale > 1], 0.5),
    ]  # fmt: skip


def _worse(run: RunData, member: int) -> float | None:
    return ratio(final(run, ERROR, member), best(run, member))


def mostly_outliers(run: RunData) -> list[Verdict]:
    """Judge SG-07: recovery where most of the data is wrong."""
    verdicts: list[Verdict] = []
    for p in (0.6, 0.7, 0.8):
        members = run.where(outlier_fraction=p)
        verdicts += [
            verdict(f"p = {p:g}: τ at which half is learned over the flow's", last_half_times(run, members), 1.0, 0.04),
            below(f"p = {p:g}: relative error", finals(run, ERROR, members), RECOVERED),
            below(f"p = {p:g}: error over its upper line", [_over_line(run, i) for i in members], 1.0),
        ]
    return verdicts


def _over_line(run: RunData, member: int) -> float | None:
    """Error at the end over the upper line that is drawn: what steps and spare directions of this draw make at most."""
    lines = predictions(run.configs[member], run.steps[-1:])
    line = next(one for one in lines if (one.channel, one.kind) == (ERROR, "upper"))
    return ratio(final(run, ERROR, member), float(line.values[-1]))


def flipped_signs(run: RunData) -> list[Verdict]:
    """Judge SG-15: recovery under flipped signs."""
    return [
        below(f"p = {p:g}: log₁₀ of the error", orders(run, run.where(outlier_fraction=p)), limit)
        for p, limit in ((0.1, -7.9), (0.2, -7.0))
    ]


def dense_floor(run: RunData) -> list[Verdict]:
    """Judge SG-16: the floor of k = d over alpha."""
    wide, exact = run.where(loss="l1", k=20), run.where(loss="l1", k=3, m=600)
    smallest = [i for i in wide if run.configs[i].alpha < 1e-5]
    easy, hard = (
        [i for i in smallest if (run.configs[i].m, run.configs[i].outlier_fraction) == data]
        for data in ((600, 0.1), (300, 0.3))
    )
    higher = [ratio(*finals(run, ERROR, pair)) for pair in zip(hard, easy, strict=True)]
    return [
        below("k = 20, m = 600, p = 0.1, α = 10⁻⁶: log₁₀ of the error", orders(run, easy), -5.5),
        above("k = 20: smallest fall of the error from one α to the next", _falls(run, wide), 1.5),
        above("α = 10⁻⁶: error at m = 300, p = 0.3 over that at m = 600, p = 0.1", higher, 3.0),
        below("k = r, m = 600: log₁₀ of the error", orders(run, exact), -8.2),
        above("squares, k = 20: relative error", finals(run, ERROR, run.where(loss="l2", k=20)), 0.4),
    ]


def _falls(run: RunData, members: list[int]) -> list[float | None]:
    """Error at one alpha over that at the next smaller one, of otherwise equal members."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for i in sorted(members, key=lambda i: -run.configs[i].alpha):
        c = run.configs[i]
        groups.setdefault((c.seed, c.m, c.outlier_fraction), []).append(i)
    pairs = [pair for group in groups.values() for pair in pairwise(group)]
    return [ratio(*finals(run, ERROR, pair)) for pair in pairs]
