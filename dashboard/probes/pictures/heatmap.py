"""A quantity over a plane as colours, some of whose values may not be known yet, and a path across it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColorBar,
    ColumnDataSource,
    Image,
    Line,
    LinearColorMapper,
    LogColorMapper,
    LogTicker,
    Scatter,
)
from bokeh.palettes import Viridis256
from scipy.ndimage import distance_transform_edt

from dashboard.figures.marks import color_scale
from dashboard.figures.marks.figure import add_glyph, figure
from dashboard.figures.marks.hover import add_hover
from dashboard.ui.formatting import number
from dashboard.ui.palette import category

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Heat

EVEN = 1e-3
"""Coordinates may be off an even lattice by this share of a step."""

DIAGONAL = 1.42
"""Over the side of a square."""

MOST_PER_SIDE = 256
"""Rows and columns that are sent; more are thinned."""

HEIGHT = 320

CLEAR = (0, 0, 0, 0.0)

HUE, EDGE = category(1), "#101418"
"""Hues of the path, and of the line around it that sets it off from any colour."""


class HeatPicture:
    """The colours with their bar. Raises `ValueError` or `KeyError` where the arrays do not fit together."""

    def __init__(self, declared: Heat, values: Mapping[str, Any]) -> None:
        self.declared = declared
        self.content = figure(height=HEIGHT, x_axis_label=declared.x_label, y_axis_label=declared.y_label)
        self.content.grid.visible = False
        self.source, self.path, self.end = (ColumnDataSource() for _ in range(3))
        self.legend: list[dict[str, Any]] = []
        self._draw_colors()
        if declared.path:
            self._draw_path()
        self.update(values)

    def _draw_colors(self) -> None:
        kind, ticker = (LogColorMapper, LogTicker) if self.declared.log else (LinearColorMapper, BasicTicker)
        self.mapper = kind(palette=Viridis256, low=1, high=10, nan_color=CLEAR)
        self.source.data = {name: [] for name in ("image", "raw", "x", "y", "dw", "dh")}
        image = Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=self.mapper)
        drawn = add_glyph(image, self.source, self.content)
        bar = ColorBar(
            color_mapper=self.mapper, width=10, ticker=ticker(desired_num_ticks=4), title=self.declared.label or None
        )
        self.content.add_layout(bar, "right")
        self._hover(drawn, "$x", "$y", [(self.declared.label or "value", "@raw")])

    def _draw_path(self) -> None:
        """Add the path, in a line that is seen on light and on dark colours, and its end."""
        self.path.data = self.end.data = {"x": [], "y": []}
        for color, width in ((EDGE, 4), (HUE, 2)):
            add_glyph(Line(x="x", y="y", line_color=color, line_width=width), self.path, self.content)
        dots: dict[str, Any] = {"x": "x", "y": "y", "fill_color": HUE, "line_color": EDGE}
        drawn = [add_glyph(Scatter(size=size, **dots), source, self.content) for source, size in self._dotted()]
        self._hover(drawn[0], "@x", "@y", [("on the way, point", "$index")])
        style = {"color": HUE, "dash": ""}
        self.legend = [{"label": "the way", "style": "line", **style}, {"label": "its end", "style": "points", **style}]

    def _dotted(self) -> tuple[tuple[ColumnDataSource, int], ...]:
        return (self.path, 4), (self.end, 10)

    def _hover(self, drawn: Any, x: str, y: str, rows: list[tuple[str, str]]) -> None:
        places = [(self.declared.x_label or self.declared.x, x), (self.declared.y_label or self.declared.y, y)]
        add_hover(self.content, [drawn], [*places, *rows])

    def update(self, values: Mapping[str, Any]) -> None:
        """Draw other arrays in place of those before. Errors as for a new picture."""
        self.note = ""
        raw, x, y = self._thinned(*_arrays(self.declared, values))
        self._set_colors(raw[np.isfinite(raw) & ((raw > 0) | (not self.declared.log))])
        (left, width), (bottom, height) = cell_span(self.declared.x, x), cell_span(self.declared.y, y)
        image = fill_gaps(self._drawable(raw)).astype(np.float32)
        self.source.data = {
            "image": [image], "raw": [raw], "x": [left], "y": [bottom], "dw": [width], "dh": [height]
        }  # fmt: skip
        for target, start, size in ((self.content.x_range, left, width), (self.content.y_range, bottom, height)):
            target.update(start=start, end=start + size, reset_start=start, reset_end=start + size)
        if self.declared.path:
            self._update_path(values)

    def _thinned(self, raw: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        down, across = (-(-size // MOST_PER_SIDE) for size in raw.shape)
        shown = raw[::down, ::across]
        if shown.size < raw.size:
            self._add_note(f"{shown.shape[0]} × {shown.shape[1]} of {raw.shape[0]} × {raw.shape[1]} values drawn")
        return shown, x[::across], y[::down]

    def _drawable(self, raw: np.ndarray) -> np.ndarray:
        """Set values without a colour to infinity, so that they are not taken for what is not known yet."""
        undrawable = (raw <= 0) & self.declared.log
        if undrawable.any():
            self._add_note(f"{undrawable.sum():,} of {raw.size:,} are not positive and not drawn")
        return np.where(undrawable, np.inf, raw)

    def _set_colors(self, values: np.ndarray) -> None:
        if not values.size:
            return
        scale, least = color_scale.plane(values, self.declared.log), float(values.min())
        if least < scale.low:
            self._add_note(f"below {number(scale.low)} all have one colour; the least is {number(least)}")
        self.mapper.update(low=scale.low, high=scale.high)

    def _update_path(self, values: Mapping[str, Any]) -> None:
        x, y = (np.atleast_1d(np.asarray(values[name], float)) for name in self.declared.path)
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(f"{' and '.join(self.declared.path)} make no path: {x.shape} and {y.shape}")
        self.path.data = {"x": x.tolist(), "y": y.tolist()}
        self.end.data = {"x": x[-1:].tolist(), "y": y[-1:].tolist()}

    def _add_note(self, text: str) -> None:
        self.note = " · ".join(filter(None, [self.note, text]))


def _arrays(declared: Heat, values: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    raw, x, y = (np.array(values[name], float) for name in (declared.values, declared.x, declared.y))
    if raw.ndim != 2 or raw.shape != (*y.shape, *x.shape) or not raw.size:
        raise ValueError(f"{declared.values} {raw.shape} is not over {declared.y} {y.shape} and {declared.x} {x.shape}")
    return raw, x, y


def fill_gaps(grid: np.ndarray) -> np.ndarray:
    """Fill a lattice `[n_y, n_x]` of which only some rows and columns are known with the nearest known values.

    Transparent (NaN) is what lies farther from any known value than known rows and columns from one another, and what
    is infinite: a lattice known everywhere but here and there is left as it is.

    >>> fill_gaps(np.array([[1, np.nan, np.nan, 2, np.nan]])).tolist()
    [[1.0, 1.0, 2.0, 2.0, 2.0]]
    >>> fill_gaps(np.array([[1, 2, np.nan, np.inf], [3, 4, 5, 6]])).tolist()
    [[1.0, 2.0, nan, nan], [3.0, 4.0, 5.0, 6.0]]
    """
    finite = ~np.isnan(grid)
    gaps = [np.diff(np.flatnonzero(finite.any(axis))).max(initial=1) for axis in (0, 1)]
    transformed: Any = distance_transform_edt(~finite, return_indices=True)  # a pair, which its stub does not know
    distance, nearest = transformed
    filled = np.where(distance <= DIAGONAL * (max(gaps) - 1), grid[tuple(nearest)], np.nan) if finite.any() else grid
    return np.where(np.isfinite(filled), filled, np.nan)


def cell_span(name: str, places: np.ndarray) -> tuple[float, float]:
    """Find where the cells around even places `[n]` begin, and how far they reach. Raises `ValueError` where uneven.

    >>> cell_span("x", np.array([0.0, 1.0, 2.0]))
    (-0.5, 3.0)
    """
    if len(places) == 1:
        return float(places[0]) - 0.5, 1.0
    steps = np.diff(places)
    step = float(steps.mean())
    if not (step > 0 and np.abs(steps - step).max() <= EVEN * step):
        raise ValueError(f"{name} is not even and ascending: steps from {steps.min():g} to {steps.max():g}")
    return float(places[0]) - step / 2, step * len(places)
