"""Empty figures in the house style, and how the reader set one."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.models import CustomJS, CustomJSTicker, CustomJSTickFormatter, FixedTicker, Range1d
from bokeh.plotting import figure as bokeh_figure

LOW = 120
"""Least height of a figure, pixels; it fills the card that it stands in."""

UPRIGHT = 16
"""Characters that stand along the vertical axis of a low figure."""

BELOW = 9
"""Characters of a name below one of several bars."""

TICKS = """
const [low, high] = [cb_data.range.start, cb_data.range.end].map(Math.log10);
const span = high - low;
const found = [];
if (!(span > 0)) return found;
if (span < 0.6) {
  const [a, b] = [10 ** low, 10 ** high], raw = (b - a) / 4, unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * [1, 2, 5, 10].find((n) => n * unit >= raw);
  for (let i = Math.ceil(a / step); i * step <= b; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}
const every = Math.max(1, Math.ceil(span / 6)), parts = span < 1.3 ? [1, 2, 5] : span < 2.2 ? [1, 3] : [1];
for (let power = Math.floor(low); power <= high; power++)
  if (power % every === 0)
    for (const part of parts) {
      const tick = part * 10 ** power;
      if (tick >= 10 ** low && tick <= 10 ** high) found.push(tick);
    }
return found;
"""
"""Ticks of a logarithmic axis: whole decades where many are in sight, 1-2-5 where few are."""


LOG_LABEL = """
const power = Math.floor(Math.log10(tick) + 1e-9), digits = Number((tick / 10 ** power).toPrecision(3));
const raised = "10" + [...String(power)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
if (digits === 1 && (power < -2 || power > 3 || ticks.length > 4)) return raised;
return power > -4 && power < 5 ? String(Number(tick.toPrecision(3))) : digits + "×" + raised;
"""
"""A power of ten as such, other values in three digits."""

LINEAR_LABEL = """
const size = Math.abs(tick), sign = tick < 0 ? "−" : "";
if (size === 0 || (size >= 1e-4 && size < 1e6)) return sign + Number(size.toPrecision(6));
const power = Math.floor(Math.log10(size) + 1e-9), digits = Number((size / 10 ** power).toPrecision(3));
const raised = "10" + [...String(power)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");
return sign + (digits === 1 ? "" : digits + "×") + raised;
"""
"""Plain numbers; what is very large or small with its power of ten."""


SIZES = {"labels": "11px", "ticks": "10.5px", "legend": "11px"}
"""Type of figures that HoloViews draws, as it is in those of a lab."""


@dataclass(frozen=True)
class FigureOptions:
    """How one figure is looked at: its axes, whether it follows the run, its table, whether it is as wide as all."""

    log_x: bool
    log_y: bool
    follow: bool = True
    table: bool = False
    wide: bool = False


def figure(*, log_x: bool = False, log_y: bool = False, height: int | None = None, **labels: Any) -> Any:
    """Make a figure whose ranges the server sets: of this height, or as high as what it stands in.

    Its toolbar shows while the pointer is over it.
    """
    size: dict[str, Any] = {"height": height} if height else {"min_height": LOW}
    made = bokeh_figure(
        **size,
        sizing_mode="stretch_width" if height else "stretch_both",
        x_axis_type="log" if log_x else "linear",
        y_axis_type="log" if log_y else "linear",
        x_range=Range1d(start=1, end=10),
        y_range=Range1d(start=1, end=10),
        tools="pan,box_zoom,wheel_zoom,reset,save",
        active_drag="box_zoom",
        active_scroll=None,
        output_backend="canvas",
        min_border=4,
        **labels,
    )
    tone_down(made, log_x, log_y)
    return made


def in_lines(label: str, signs: int = UPRIGHT) -> str:
    """Break the label of a vertical axis, or a name below a bar, into lines that there is room for."""
    return textwrap.fill(label, signs, break_long_words=False, break_on_hyphens=False)


def tone_down(made: Any, log_x: bool, log_y: bool) -> None:
    """Give a figure the look of the page: no frame, quiet grid and ticks, a toolbar while the pointer is over it."""
    made.toolbar.logo = None
    made.toolbar.autohide = True
    made.background_fill_color = made.border_fill_color = None
    made.outline_line_color = None
    made.grid.grid_line_alpha = 0.35
    keep_near(made.axis)
    made.axis.minor_tick_line_color = None
    if not log_x:
        made.xaxis.ticker.desired_num_ticks = 5  # names of more would run into one another in a narrow figure
    if not log_y:
        made.yaxis.ticker.desired_num_ticks = 4  # and in a low one
    for axis, log in ((made.xaxis, log_x), (made.yaxis, log_y)):
        axis.formatter = CustomJSTickFormatter(code=LOG_LABEL if log else LINEAR_LABEL)
        if log:
            axis.ticker = CustomJSTicker(major_code=TICKS, minor_code="return []")


def keep_near(axes: Any) -> None:
    """Keep names of axes near their ticks: the page's theme, which also sizes them by the card's, moves them away."""
    near = CustomJS(code="cb_obj.setv({ axis_label_standoff: 2 }, { sync: false })")  # the server need not hear of it
    axes.axis_label_standoff = 2
    for axis in axes:
        axis.js_on_change("axis_label_standoff", near)


def add_glyph(glyph: Any, source: Any, target: Any, **options: Any) -> Any:
    """Draw a glyph without the copies for selection and muting that nobody uses here."""
    copies = dict.fromkeys(("nonselection_glyph", "selection_glyph", "muted_glyph", "hover_glyph"))
    return target.add_glyph(source, glyph, **copies, **options)


def name_ticks(axis: Any, names: dict[Any, str]) -> None:
    """Put ticks at these places, with these names, where they are others than before: a new ticker is dear."""
    if not isinstance(axis.ticker, FixedTicker):
        axis.ticker = FixedTicker(ticks=list(names))
    elif axis.ticker.ticks != list(names):
        axis.ticker.ticks = list(names)
    if axis.major_label_overrides != names:
        axis.major_label_overrides = names


def set_range(target: Any, window: tuple[float, float] | None, log: bool) -> None:
    """Change a range when it is off by more than a reader would notice."""
    if window is None:
        return
    old, new = np.array([target.start, target.end], float), np.array(window, float)
    if log:
        old, new = np.log10(np.maximum(old, 1e-300)), np.log10(np.maximum(new, 1e-300))
    if np.abs(old - new).max() > 0.01 * (new[1] - new[0]):
        target.update(start=window[0], end=window[1])
