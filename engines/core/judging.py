"""Measures of members and how they are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engines.core.engine import Verdict
from engines.core.run import Run


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


def ratio(value: float | None, predicted: float | None) -> float | None:
    """Measured over predicted; None where either is not known yet."""
    return None if value is None or predicted is None else value / predicted


def by_seed(run: Run) -> list[list[int]]:
    """Members grouped by seed."""
    return [run.where(seed=seed) for seed in dict.fromkeys(config.seed for config in run.configs)]
