"""A lattice over a plane, some of whose values may not be known yet."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt

EVEN = 1e-3
"""Coordinates may be off an even lattice by this share of a step."""

DIAGONAL = 1.42
"""Over the side of a square."""


def filled(grid: np.ndarray) -> np.ndarray:
    """A lattice of which only some rows and columns are known, with what is between them like the nearest known value.

    Transparent (NaN) is what lies farther from any known value than known rows and columns from one another, and what
    is infinite: a lattice known everywhere but here and there is left as it is.

    >>> filled(np.array([[1, np.nan, np.nan, 2, np.nan]])).tolist()
    [[1.0, 1.0, 2.0, 2.0, 2.0]]
    >>> filled(np.array([[1, 2, np.nan, np.inf], [3, 4, 5, 6]])).tolist()
    [[1.0, 2.0, nan, nan], [3.0, 4.0, 5.0, 6.0]]
    """
    known = ~np.isnan(grid)
    gaps = [np.diff(np.flatnonzero(known.any(axis))).max(initial=1) for axis in (0, 1)]
    transformed: Any = distance_transform_edt(~known, return_indices=True)  # a pair, which its stub does not know
    away, nearest = transformed
    found = np.where(away <= DIAGONAL * (max(gaps) - 1), grid[tuple(nearest)], np.nan) if known.any() else grid
    return np.where(np.isfinite(found), found, np.nan)


def span(name: str, places: np.ndarray) -> tuple[float, float]:
    """Where the cells around even places begin, and how far they reach.

    >>> span("x", np.array([0.0, 1.0, 2.0]))
    (-0.5, 3.0)
    """
    if len(places) == 1:
        return float(places[0]) - 0.5, 1.0
    steps = np.diff(places)
    step = float(steps.mean())
    if not (step > 0 and np.abs(steps - step).max() <= EVEN * step):
        raise ValueError(f"{name} is not even and ascending: steps from {steps.min():g} to {steps.max():g}")
    return float(places[0]) - step / 2, step * len(places)
