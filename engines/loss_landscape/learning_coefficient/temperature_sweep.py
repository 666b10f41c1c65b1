"""Estimates over temperatures: where they stand still, and where they only follow the window. numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engines.core.protocol.errors import ConfigError

TOLERANCE = 0.05
"""Share of the mean within which estimates on a plateau agree, or two standard errors if these are larger."""

PRECISION = 0.1
"""Share of the mean up to which errors may go: estimates that are all noise agree, too."""


class Plateau(NamedTuple):
    """Consecutive temperatures whose estimates agree."""

    first: int
    last: int
    value: float
    """Mean of the estimates, each weighted by its error."""
    error: float
    decades: float
    """Of b."""


def slopes(b: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`d ln lambda/d ln b`, `[S]`: near 1 where the window dominates, 0 on a plateau; NaN where lambda <= 0."""
    logs = np.log(np.where(values > 0, values, np.nan))
    return np.gradient(logs, np.log(b))


def plateau(b: np.ndarray, values: np.ndarray, errors: np.ndarray, tolerance: float = TOLERANCE) -> Plateau | None:
    """The widest range of ascending `b [S]` whose estimates, known to `PRECISION`, are within tolerance of their mean.

    None where no two neighbours agree: there is no number to be trusted. Where the multiplicity is above 1 lambda(b)
    creeps on as 1/ln b, and a plateau is where that is within the tolerance. Raises `ConfigError` unless b ascends
    and all errors are positive.
    """
    if len(b) < 2 or not (np.diff(b) > 0).all():
        raise ConfigError(f"b is {np.asarray(b).tolist()}; two ascending temperatures or more are needed")
    if not (errors > 0).all():
        raise ConfigError(f"errors of estimates are {np.asarray(errors).tolist()}; all must be positive")
    ranges = [(i, j) for i in range(len(b)) for j in range(i + 1, len(b))]
    found = [one for i, j in ranges if (one := _agreed(i, j, b, values, errors, tolerance))]
    return max(found, key=lambda one: one.decades, default=None)


def _agreed(i: int, j: int, b: np.ndarray, values: np.ndarray, errors: np.ndarray, tolerance: float) -> Plateau | None:
    inside, weights = values[i : j + 1], 1 / errors[i : j + 1] ** 2
    mean = float((weights * inside).sum() / weights.sum())
    allowed = np.maximum(tolerance * abs(mean), 2 * errors[i : j + 1])
    known = (errors[i : j + 1] <= PRECISION * mean).all()
    if not (known and (np.abs(inside - mean) <= allowed).all()):
        return None
    return Plateau(i, j, mean, float(weights.sum() ** -0.5), float(np.log10(b[j] / b[i])))
