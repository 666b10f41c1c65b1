"""Axes: how a vertical axis places values, and which part of the plane a figure shows while it follows a run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import CustomJSTicker, CustomJSTickFormatter, CustomJSTransform, Span

from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Plot

Extent = tuple[float, float, float]
"""Smallest, largest and smallest positive value."""

DEEPEST = 1e-17
"""A theory line on a logarithmic axis is followed down to this share of the largest value: rounding ends there."""

ROOM = 0.1
"""Share of the height that names of phases take."""

FAINTEST = 1e-24
"""Data is followed down to this share: a part that decays to 1e-115 would press all others into one line."""

ASINH = """
const toPlace = (value) => Math.asinh(value / (2 * threshold)) / Math.LN10;
const toValue = (place) => 2 * threshold * Math.sinh(place * Math.LN10);
"""

PLACES = ASINH + "return Float64Array.from(xs, toPlace);"

TICKS = (
    ASINH
    + """
const { start, end } = cb_data.range, span = end - start;
if (!(span > 0)) return [];
const seen = (at) => at >= start && at <= end;
const first = Math.ceil(Math.log10(threshold) - 1e-9), last = Math.ceil(Math.log10(toValue(Math.max(-start, end))));
const every = Math.max(1, Math.ceil(span / 6)), found = seen(0) ? [0] : [];
for (let power = first; power <= last; power++)
  if (power % every === 0)
    for (const at of [toPlace(10 ** power), -toPlace(10 ** power)])
      if (seen(at) && (!seen(0) || Math.abs(at) > 0.12 * span)) found.push(at);
if (found.length > 2) return found;
const [low, high] = [toValue(start), toValue(end)], raw = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(raw));
const step = unit * [1, 2, 5, 10].find((n) => n * unit >= raw), even = [];
for (let i = Math.ceil(low / step); i * step <= high; i++) even.push(toPlace(i * step));
return even;
"""
)
"""Ticks at zero and at powers of ten of both signs; even ones where hardly a decade is in sight."""

TICK_LABEL = (
    ASINH
    + """
const exact = toValue(tick), size = Math.abs(exact), sign = exact < 0 ? "−" : "";
if (size <= 1e-6 * toValue(Math.max(...ticks.map(Math.abs)))) return "0";
const power = Math.floor(Math.log10(size) + 1e-9), digits = Number((size / 10 ** power).toPrecision(3));
const raised = "10" + [...String(power)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
if (digits === 1) return sign + raised;
return sign + (power > -4 && power < 5 ? Number(size.toPrecision(3)) : digits + "×" + raised);
"""
)


@dataclass(frozen=True)
class Scale:
    """A vertical axis: linear, logarithmic (`log`), or logarithmic for both signs beyond the size `threshold`.

    Sources hold raw values whatever the scale. On the last kind the axis is linear in *places*,
    `asinh(value / 2 threshold) / ln 10`: a decade is a unit far from zero, and zero is at zero.
    """

    log: bool
    threshold: float = 0.0
    signed: bool = False
    """Whether both signs are expected, so that zero is worth a line."""

    @classmethod
    def of_plot(cls, plot: Plot, log_y: bool) -> Scale:
        """Choose the scale of a plot whose logarithmic switch is on or off."""
        return cls(log_y and not plot.symlog, plot.symlog if log_y else 0.0, plot.symlog > 0)

    def places(self, values: Any) -> np.ndarray:
        """Positions of values, in the axis's own units; any shape.

        >>> Scale(False, threshold=1.0).places([0.0, 1e6, -1e6]).round(6).tolist()
        [0.0, 6.0, -6.0]
        """
        values = np.asarray(values, float)
        return np.arcsinh(values / (2 * self.threshold)) / np.log(10) if self.threshold else values

    def drawable(self, values: np.ndarray) -> np.ndarray:
        """Mask of the values that have a place: a logarithmic axis has none for zero and less.

        >>> Scale(True).drawable(np.array([1.0, 0.0, np.nan])).tolist()
        [True, False, False]
        """
        return np.isfinite(values) & ((values > 0) | (not self.log))

    def values(self, places: Any) -> np.ndarray:
        """Values at positions: the inverse of `places`."""
        places = np.asarray(places, float)
        return 2 * self.threshold * np.sinh(places * np.log(10)) if self.threshold else places

    def extent(self, data: Extent | None) -> Extent | None:
        """Convert an extent of values to one of places."""
        if data is None:
            return None
        low, high, least = map(float, self.places(data))
        return low, high, least

    # -- Bokeh models ------------------------------------------------------------------------------------------

    @cached_property
    def _transform(self) -> CustomJSTransform:
        return CustomJSTransform(args={"threshold": self.threshold}, v_func=PLACES, func=ASINH + "return toPlace(x);")

    def field(self, name: str) -> Any:
        """Tell a glyph to draw a column of raw values on this scale."""
        return {"field": name, "transform": self._transform} if self.threshold else name

    def set_ticks(self, figure: Any) -> None:
        """Set ticks and labels in raw values, and a line at zero where both signs are expected."""
        if self.threshold:
            args = {"threshold": self.threshold}
            figure.yaxis.ticker = CustomJSTicker(args=args, major_code=TICKS, minor_code="return []")
            figure.yaxis.formatter = CustomJSTickFormatter(args=args, code=TICK_LABEL)
        if self.signed:
            figure.add_layout(Span(dimension="width", location=0, line_color=GREY, line_width=1, level="underlay"))


def extent(values: np.ndarray) -> Extent | None:
    """Find the extent of finite values `[n]`; None where there are none."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    positive = values[values > 0]
    return float(values.min()), float(values.max()), float(positive.min()) if len(positive) else math.inf


def union(given: Iterable[Extent | None]) -> Extent | None:
    """Join extents; None where there are none."""
    extents = [each for each in given if each]
    if not extents:
        return None
    lows, highs, leasts = zip(*extents, strict=True)
    return min(lows), max(highs), min(leasts)


def capped(data: Extent | None, ceiling: float) -> Extent | None:
    """Cut off an extent what is larger than a ceiling in size.

    >>> capped((-1e9, 1e30, 0.1), 100.0)
    (-100.0, 100.0, 0.1)
    """
    if data is None or not math.isfinite(ceiling):
        return data
    low, high, least = data
    return max(low, -ceiling), min(high, ceiling), min(least, ceiling)


def step_range(step: int, horizon: int, log: bool) -> tuple[float, float]:
    """Choose the steps in view. A linear axis grows with the run, since early frames lie close together."""
    if log:
        return 0.9, max(horizon, 10) * 1.15
    end = horizon if step <= 0 or step > horizon / 1.3 else max(1.3 * step, horizon / 200, 20.0)
    return -0.01 * end, end * 1.02


def value_range(data: Extent | None, theory: Extent | None, log: bool) -> tuple[float, float] | None:
    """Choose the values in view: the data, and theory as far as it does not dwarf it; None where there are none."""
    if log:
        return _log(data, theory)
    whole = union([data, _near(data, theory)])
    if whole is None:
        return None
    low, high, _ = whole
    pad = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return low - pad, high + pad


def raised(window: tuple[float, float], log: bool) -> tuple[float, float]:
    """Leave room above the curves for what is named at the top."""
    low, high = window
    return (low, high * (high / low) ** ROOM) if log else (low, high + ROOM * (high - low))


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


def fraction(values: Any, window: tuple[float, float], log: bool) -> np.ndarray:
    """Position of values in a window: 0 at its start, 1 at its end, NaN where they cannot be drawn.

    >>> fraction([1.0, 10.0, 0.0], (0.1, 1000.0), log=True).tolist()
    [0.25, 0.5, nan]
    """
    numbers, ends = np.asarray(values, float), np.asarray(window, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if log:
            numbers, ends = np.log10(numbers), np.log10(ends)
        fractions = (numbers - ends[0]) / (ends[1] - ends[0])
    return np.where(np.isfinite(fractions), fractions, np.nan)
