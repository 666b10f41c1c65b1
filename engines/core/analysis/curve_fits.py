"""Numbers read off curves: slopes, rates and hitting times. None means that the curve is too short for them."""

from __future__ import annotations

import numpy as np

StepValues = tuple[np.ndarray, np.ndarray]
"""Steps `[T]` and values `[T]`."""

FEWEST = 8
"""Samples below which no slope is fitted."""


def slope(x: np.ndarray, y: np.ndarray, fewest: int = FEWEST) -> float | None:
    """Fit the least-squares slope of y over x, `[T]` each; None for fewer than `fewest` samples."""
    return float(np.polyfit(x, y, 1)[0]) if len(x) >= fewest else None


def power(curve: StepValues, first: float, last: float) -> float | None:
    """Fit the exponent p of `values ~ t**p`, `[T]` each, from step `first` to `last`, which must have been reached."""
    t, y = curve
    if not len(t) or t[-1] < last:
        return None
    inside = (t >= max(first, 1)) & (t <= last) & (y > 0)
    return slope(np.log(t[inside]), np.log(y[inside]))


def rate(curve: StepValues, low: float, high: float) -> float | None:
    """Fit the rate `-d ln(values)/dt`, in 1/step, while the values fall from `high` to `low`.

    Steps t and values are `[T]`. The last crossing of `high` counts. The curve must have reached `low`, so that a live
    run gives no early answer.
    """
    t, y = curve
    above = np.flatnonzero(y > high)
    first = above[-1] + 1 if len(above) else 0
    below = np.flatnonzero(y[first:] < low)
    if not len(below):
        return None
    end = first + below[0]
    fitted = slope(t[first:end].astype(float), np.log(y[first:end]))
    return None if fitted is None else -fitted


def hitting_time(curve: StepValues, level: float) -> float | None:
    """Find the first step below `level`, interpolated between observed steps on the logarithm of the values.

    Steps and values are `[T]`. It is an observed step where the one before was observed as well; None where no value is
    below the level.
    """
    t, y = curve
    below = np.flatnonzero(y < level)
    if not len(below):
        return None
    i = int(below[0])
    if i == 0 or t[i] == t[i - 1] + 1:
        return float(t[i])
    before, after = np.log(y[i - 1]), np.log(max(y[i], 1e-300))
    return float(t[i - 1] + (t[i] - t[i - 1]) * (before - np.log(level)) / (before - after))
