"""Measures of members and how they are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from engines.core.engine import Verdict
from engines.core.measures import Curve, rate
from engines.core.run import Run

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


def ratio(value: float | None, predicted: float | None) -> float | None:
    """Measured over predicted; None where either is not known yet."""
    return None if value is None or predicted is None else value / predicted


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
