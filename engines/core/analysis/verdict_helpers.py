"""Measures of members, and verdicts on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from engines.core.protocol.declarations import Verdict
from engines.core.protocol.engine import RunData


def verdict(
    claim: str,
    values: Iterable[float | None],
    predicted: float,
    tolerance: float,
    reason: str = "",
) -> Verdict:
    """Judge the value farthest from `predicted`; undecided while one is missing.

    A value that is not a number is missing: it was never reached. `reason` is that of `Verdict`.
    """
    measured = list(values)
    numbers = [value for value in measured if value is not None and not np.isnan(value)]
    if not numbers or len(numbers) < len(measured):
        return Verdict(
            claim=claim, measured=None, predicted=predicted, tolerance=tolerance, holds=None, reason=reason
        )  # fmt: skip
    worst = max(numbers, key=lambda value: abs(value - predicted))
    holds = bool(abs(worst - predicted) <= tolerance)
    return Verdict(
        claim=claim, measured=float(worst), predicted=predicted, tolerance=tolerance, holds=holds, reason=reason
    )  # fmt: skip


def above(claim: str, values: Iterable[float | None], limit: float) -> Verdict:
    """Judge the smallest value, which must be above `limit`; undecided while one is missing."""
    return _one_sided(claim, list(values), limit, "above")


def below(claim: str, values: Iterable[float | None], limit: float) -> Verdict:
    """Judge the largest value, which must be below `limit`; undecided while one is missing."""
    return _one_sided(claim, list(values), limit, "below")


def _one_sided(claim: str, measured: list[float | None], limit: float, kind: Literal["above", "below"]) -> Verdict:
    numbers = [value for value in measured if value is not None and not np.isnan(value)]
    if not numbers or len(numbers) < len(measured):
        return Verdict(claim=claim, measured=None, predicted=limit, tolerance=0.0, holds=None, kind=kind)
    worst = min(numbers) if kind == "above" else max(numbers)
    holds = bool(worst > limit if kind == "above" else worst < limit)
    return Verdict(claim=claim, measured=float(worst), predicted=limit, tolerance=0.0, holds=holds, kind=kind)


def final(run: RunData, channel: str, member: int) -> float | None:
    """Return the value at the last step of the preset; None before, and where the member diverged."""
    last = run.preset.steps if run.preset else int(run.steps[-1])
    if not len(run) or run.steps[-1] < last or 0 <= run.diverged_at[member] <= last:
        return None
    return float(run[channel][run.recording.dense.index_at(last), member])


def finals(run: RunData, channel: str, members: Iterable[int]) -> list[float | None]:
    """Return the members' values at the last step of the preset; None before, and where one diverged."""
    return [final(run, channel, member) for member in members]


def log10(value: float | None) -> float | None:
    """Return the decimal logarithm of a size; None for None."""
    return None if value is None else float(np.log10(max(value, 1e-300)))


def per_member(run: RunData, measure: Callable[[int], float | None], **knobs: object) -> list[float | None]:
    """Measure every member with these knobs."""
    return [measure(member) for member in run.where(**knobs)]


def ratio(value: float | None, predicted: float | None) -> float | None:
    """Divide measured by predicted; None where either is missing."""
    return None if value is None or predicted is None else value / predicted


def by_seed(run: RunData, members: Iterable[int] | None = None) -> list[list[int]]:
    """Group members (default: all) by seed."""
    groups: dict[int, list[int]] = {}
    for i in range(len(run.configs)) if members is None else members:
        groups.setdefault(run.configs[i].seed, []).append(i)
    return list(groups.values())
