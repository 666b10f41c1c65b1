"""How a vertical axis places values: evenly, by decades, or by the decades of both signs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import CustomJSHover, CustomJSTicker, CustomJSTickFormatter, CustomJSTransform, Span

from dashboard.figures.marks.ranges import Extent
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Plot

BENT = """
const toPlace = (value) => Math.asinh(value / (2 * bend)) / Math.LN10;
const toValue = (place) => 2 * bend * Math.sinh(place * Math.LN10);
"""

PLACES = BENT + "return Float64Array.from(xs, toPlace);"

TICKS = (
    BENT
    + """
const { start, end } = cb_data.range, span = end - start;
if (!(span > 0)) return [];
const seen = (at) => at >= start && at <= end;
const first = Math.ceil(Math.log10(bend) - 1e-9), last = Math.ceil(Math.log10(toValue(Math.max(-start, end))));
const every = Math.max(1, Math.ceil(span / 8)), found = seen(0) ? [0] : [];
for (let power = first; power <= last; power++)
  if (power % every === 0)
    for (const at of [toPlace(10 ** power), -toPlace(10 ** power)])
      if (seen(at) && (!seen(0) || Math.abs(at) > 0.07 * span)) found.push(at);
if (found.length > 2) return found;
const [low, high] = [toValue(start), toValue(end)], raw = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(raw));
const step = unit * [1, 2, 5, 10].find((n) => n * unit >= raw), even = [];
for (let i = Math.ceil(low / step); i * step <= high; i++) even.push(toPlace(i * step));
return even;
"""
)
"""Ticks at zero and at powers of ten of both signs; even ones where hardly a decade is in sight."""

WRITTEN = (
    BENT
    + """
const exact = toValue(tick), size = Math.abs(exact), sign = exact < 0 ? "−" : "";
if (size < 1e-6 * bend) return "0";
const power = Math.floor(Math.log10(size) + 1e-9), digits = Number((size / 10 ** power).toPrecision(3));
const raised = "10" + [...String(power)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
if (digits === 1) return sign + raised;
return sign + (power > -4 && power < 5 ? Number(size.toPrecision(3)) : digits + "×" + raised);
"""
)

READ = (
    BENT
    + """
const exact = toValue(special_vars.snap_y), size = Math.abs(exact);
return size > 0.1 && size < 1000 ? exact.toFixed(3) : exact.toExponential(3);
"""
)


@dataclass(frozen=True)
class Scale:
    """A vertical axis: linear, logarithmic (`log`), or logarithmic for both signs beyond the size `bend`.

    Sources hold raw values whatever the scale. On the last kind the axis is linear in *places*,
    `asinh(value / 2 bend) / ln 10`: a decade is a unit far from zero, and zero is at zero.
    """

    log: bool
    bend: float = 0.0
    signed: bool = False
    """Whether both signs are expected, so that zero is worth a line."""

    @classmethod
    def of(cls, plot: Plot, log_y: bool) -> Scale:
        """The scale of a plot with its logarithmic switch on or off."""
        return cls(log_y and not plot.symlog, plot.symlog if log_y else 0.0, plot.symlog > 0)

    def places(self, values: Any) -> np.ndarray:
        """Where values are drawn, in the axis's own units.

        >>> Scale(False, bend=1.0).places([0.0, 1e6, -1e6]).round(6).tolist()
        [0.0, 6.0, -6.0]
        """
        values = np.asarray(values, float)
        return np.arcsinh(values / (2 * self.bend)) / np.log(10) if self.bend else values

    def drawable(self, values: np.ndarray) -> np.ndarray:
        """Which values have a place: a logarithmic axis has none for zero and less.

        >>> Scale(True).drawable(np.array([1.0, 0.0, np.nan])).tolist()
        [True, False, False]
        """
        return np.isfinite(values) & ((values > 0) | (not self.log))

    def values(self, places: Any) -> np.ndarray:
        """The inverse of `places`."""
        places = np.asarray(places, float)
        return 2 * self.bend * np.sinh(places * np.log(10)) if self.bend else places

    def extent(self, data: Extent | None) -> Extent | None:
        """An extent of values as one of places."""
        low, high, least = data or (0.0, 0.0, 0.0)
        ends = self.places([low, high, least])
        return (float(ends[0]), float(ends[1]), float(ends[2])) if data else None

    # -- Bokeh models ------------------------------------------------------------------------------------------

    @cached_property
    def _transform(self) -> CustomJSTransform:
        return CustomJSTransform(args={"bend": self.bend}, v_func=PLACES, func=BENT + "return toPlace(x);")

    def field(self, name: str) -> Any:
        """A column of raw values as a glyph draws it."""
        return {"field": name, "transform": self._transform} if self.bend else name

    def dress(self, figure: Any) -> None:
        """Ticks and labels in raw values, and a line at zero where both signs are expected."""
        if self.bend:
            args = {"bend": self.bend}
            figure.yaxis.ticker = CustomJSTicker(args=args, major_code=TICKS, minor_code="return []")
            figure.yaxis.formatter = CustomJSTickFormatter(args=args, code=WRITTEN)
        if self.signed:
            figure.add_layout(Span(dimension="width", location=0, line_color=GREY, line_width=1, level="underlay"))

    def reading(self) -> tuple[str, dict[str, Any]]:
        """What a hover over a line shows of the height, the raw value wherever it is drawn; and its formatters."""
        if not self.bend:
            return "$snap_y", {}
        return "$snap_y{raw}", {"$snap_y": CustomJSHover(args={"bend": self.bend}, code=READ)}
