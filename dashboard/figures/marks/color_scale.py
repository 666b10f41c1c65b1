"""Colour scales of matrices and planes: which palette, between which values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from bokeh.palettes import Viridis256

DECADES = 8
"""Decades below the largest value that a logarithmic colour scale tells apart."""

DIVERGING = tuple(
    f"#{r:02x}{g:02x}{b:02x}"
    for r, g, b in [
        (round(a + s * (c - a)), round(d + s * (e - d)), round(f + s * (h - f)))
        for (a, d, f), (c, e, h) in (((33, 102, 172), (247, 247, 247)), ((247, 247, 247), (178, 24, 43)))
        for s in np.linspace(0, 1, 128)
    ]
)
"""Blue to red through white; symmetric about zero."""


class ColorScale(NamedTuple):
    """A palette and the values of its ends, as a Bokeh colour mapper takes them."""

    palette: Sequence[str]
    low: float
    high: float


def linear(values: np.ndarray) -> ColorScale:
    """Choose the scale of values `[n]`: all that is finite, symmetric about zero where there are both signs."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    reach = max(abs(low), abs(high)) or 1.0
    if low < -1e-3 * reach:
        return ColorScale(DIVERGING, -reach, reach)
    return ColorScale(Viridis256, low, max(high, low + 1e-12))


def decades(powers: np.ndarray) -> ColorScale:
    """Choose the scale of logarithms to base 10 `[n]`: whole decades, `DECADES` of them, up to the largest."""
    finite = powers[np.isfinite(powers)]
    top = float(np.ceil(finite.max())) if len(finite) else 0.0
    return ColorScale(Viridis256, top - DECADES, top)


def plane(values: np.ndarray, log: bool) -> ColorScale:
    """Choose the scale of the known values of a plane `[n]`, `n > 0`; where it is logarithmic at most `DECADES`."""
    low, high = float(values.min()), float(values.max())
    if log:
        low = max(low, high * 10.0**-DECADES)
    return ColorScale(Viridis256, low, high if high > low else low + (abs(low) or 1.0))
