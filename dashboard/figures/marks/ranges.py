"""Which part of the plane a figure shows while it follows the run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

Extent = tuple[float, float, float]
"""Smallest, largest and smallest positive value."""

DEEPEST = 1e-17
"""A theory line on a logarithmic axis is followed down to this share of the largest value: rounding ends there."""

FAINTEST = 1e-24
"""Data is followed down to this share: a part that decays to 1e-115 would press all others into one line."""


def extent(values: np.ndarray) -> Extent | None:
    """The extent of finite values; None where there are none."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    positive = values[values > 0]
    return float(values.min()), float(values.max()), float(positive.min()) if len(positive) else math.inf


def union(parts: Iterable[Extent | None]) -> Extent | None:
    """The extent of several."""
    found = [part for part in parts if part]
    if not found:
        return None
    lows, highs, leasts = zip(*found, strict=True)
    return min(lows), max(highs), min(leasts)


def capped(data: Extent | None, ceiling: float) -> Extent | None:
    """An extent without what is larger than a ceiling in size.

    >>> capped((-1e9, 1e30, 0.1), 100.0)
    (-100.0, 100.0, 0.1)
    """
    if data is None or not math.isfinite(ceiling):
        return data
    low, high, least = data
    return max(low, -ceiling), min(high, ceiling), min(least, ceiling)


def steps(step: int, horizon: int, log: bool) -> tuple[float, float]:
    """The steps in view. A linear axis grows with the run, since early frames lie close together."""
    if log:
        return 0.9, max(horizon, 10) * 1.15
    end = horizon if step <= 0 or step > horizon / 1.3 else max(1.3 * step, horizon / 200, 20.0)
    return -0.01 * end, end * 1.02


def values(data: Extent | None, theory: Extent | None, log: bool) -> tuple[float, float] | None:
    """The range of values in view: the data, and theory as far as it does not dwarf it."""
    if log:
        return _log(data, theory)
    whole = union([data, _near(data, theory)])
    if whole is None:
        return None
    low, high, _ = whole
    pad = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return low - pad, high + pad


def _near(data: Extent | None, theory: Extent | None) -> Extent | None:
    if data is None or theory is None:
        return theory
    span = (data[1] - data[0]) or abs(data[1]) or 1.0
    low, high = max(theory[0], data[0] - span), min(theory[1], data[1] + span)
    return (low, high, low) if low <= high else None


def _log(data: Extent | None, theory: Extent | None) -> tuple[float, float] | None:
    data = data if data and math.isfinite(data[2]) else None
    theory = theory if theory and math.isfinite(theory[2]) else None
    if data is None and theory is None:
        return None
    ceiling = 100 * data[1] if data else math.inf
    high = max(data[1] if data else 0.0, min(theory[1], ceiling) if theory else 0.0)
    low = min(
        max(data[2], FAINTEST * high) if data else math.inf, max(theory[2], DEEPEST * high) if theory else math.inf
    )
    pad = max(0.04 * math.log10(high / low), 0.08) if high > low else 0.5
    return low / 10**pad, high * 10**pad


def share(values: Any, window: tuple[float, float], log: bool) -> np.ndarray:
    """Where values lie in a window: 0 at its start, 1 at its end, NaN where they cannot be drawn.

    >>> share([1.0, 10.0, 0.0], (0.1, 1000.0), log=True).tolist()
    [0.25, 0.5, nan]
    """
    numbers, ends = np.asarray(values, float), np.asarray(window, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if log:
            numbers, ends = np.log10(numbers), np.log10(ends)
        found = (numbers - ends[0]) / (ends[1] - ends[0])
    return np.where(np.isfinite(found), found, np.nan)
