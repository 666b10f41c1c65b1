"""A quantity over a plane as colours, and a way across it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColorBar,
    ColumnDataSource,
    HoverTool,
    Image,
    Line,
    LinearColorMapper,
    LogColorMapper,
    LogTicker,
    Scatter,
)
from bokeh.palettes import Viridis256

from dashboard.figures.marks.color_scale import DECADES
from dashboard.figures.marks.figure import add_glyph, figure
from dashboard.probes.pictures.lattice import filled, span
from dashboard.ui.formatting import number
from dashboard.ui.palette import qualitative

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Heat

LARGEST = 256
"""Rows and columns that are sent; more are thinned."""

HEIGHT = 320

CLEAR = (0, 0, 0, 0.0)

HUE, EDGE = qualitative(1), "#101418"
"""The way, and the line around it that sets it off from any colour."""


class HeatPicture:
    """The colours with their bar. Raises `ValueError` or `KeyError` where the arrays do not fit together."""

    def __init__(self, declared: Heat, values: Mapping[str, Any]) -> None:
        self.declared = declared
        self.view = figure(height=HEIGHT, x_axis_label=declared.x_label, y_axis_label=declared.y_label)
        self.view.grid.visible = False
        self.source, self.path, self.end = (ColumnDataSource() for _ in range(3))
        self.legend: list[dict[str, Any]] = []
        self._color()
        if declared.path:
            self._cross()
        self.update(values)

    def _color(self) -> None:
        kind, ticker = (LogColorMapper, LogTicker) if self.declared.log else (LinearColorMapper, BasicTicker)
        self.mapper = kind(palette=Viridis256, low=1, high=10, nan_color=CLEAR)
        self.source.data = {name: [] for name in ("image", "raw", "x", "y", "dw", "dh")}
        image = Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=self.mapper)
        drawn = add_glyph(image, self.source, self.view)
        bar = ColorBar(
            color_mapper=self.mapper, width=10, ticker=ticker(desired_num_ticks=4), title=self.declared.label or None
        )
        self.view.add_layout(bar, "right")
        self._hover(drawn, "$x", "$y", [(self.declared.label or "value", "@raw")])

    def _cross(self) -> None:
        """The way, in a line that is seen on light and on dark colours, and where it ends."""
        self.path.data = self.end.data = {"x": [], "y": []}
        for color, width in ((EDGE, 4), (HUE, 2)):
            add_glyph(Line(x="x", y="y", line_color=color, line_width=width), self.path, self.view)
        dots = {"x": "x", "y": "y", "fill_color": HUE, "line_color": EDGE}
        drawn = [add_glyph(Scatter(size=size, **dots), source, self.view) for source, size in self._dotted()]
        self._hover(drawn[0], "@x", "@y", [("on the way, point", "$index")])
        style = {"color": HUE, "dash": ""}
        self.legend = [{"label": "the way", "style": "line", **style}, {"label": "its end", "style": "points", **style}]

    def _dotted(self) -> tuple[tuple[ColumnDataSource, int], ...]:
        return (self.path, 4), (self.end, 10)

    def _hover(self, drawn: Any, x: str, y: str, rows: list[tuple[str, str]]) -> None:
        places = [(self.declared.x_label or self.declared.x, x), (self.declared.y_label or self.declared.y, y)]
        self.view.add_tools(HoverTool(renderers=[drawn], tooltips=[*places, *rows]))

    def update(self, values: Mapping[str, Any]) -> None:
        """Draw other arrays in place of those before. Errors as for a new picture."""
        self.note = ""
        raw, x, y = self._thinned(*_arrays(self.declared, values))
        self._range(raw[np.isfinite(raw) & ((raw > 0) | (not self.declared.log))])
        (left, width), (bottom, height) = span(self.declared.x, x), span(self.declared.y, y)
        image = filled(self._drawable(raw)).astype(np.float32)
        self.source.data = {
            "image": [image], "raw": [raw], "x": [left], "y": [bottom], "dw": [width], "dh": [height]
        }  # fmt: skip
        for target, start, size in ((self.view.x_range, left, width), (self.view.y_range, bottom, height)):
            target.update(start=start, end=start + size, reset_start=start, reset_end=start + size)
        if self.declared.path:
            self._walk(values)

    def _thinned(self, raw: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        down, across = (-(-size // LARGEST) for size in raw.shape)
        shown = raw[::down, ::across]
        if shown.size < raw.size:
            self._say(f"{shown.shape[0]} × {shown.shape[1]} of {raw.shape[0]} × {raw.shape[1]} values drawn")
        return shown, x[::across], y[::down]

    def _drawable(self, raw: np.ndarray) -> np.ndarray:
        """Infinite where there is no colour, so that it is not taken for what is not known yet."""
        gone = (raw <= 0) & self.declared.log
        if gone.any():
            self._say(f"{gone.sum():,} of {raw.size:,} are not positive and not drawn")
        return np.where(gone, np.inf, raw)

    def _range(self, known: np.ndarray) -> None:
        if not known.size:
            return
        low, high = float(known.min()), float(known.max())
        if self.declared.log and low < high * 10.0**-DECADES:
            self._say(f"below {number(high * 10.0**-DECADES)} all have one colour; the least is {number(low)}")
            low = high * 10.0**-DECADES
        self.mapper.update(low=low, high=high if high > low else low + (abs(low) or 1.0))

    def _walk(self, values: Mapping[str, Any]) -> None:
        x, y = (np.atleast_1d(np.asarray(values[name], float)) for name in self.declared.path)
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(f"{self.declared.path[0]} {x.shape} and {self.declared.path[1]} {y.shape} make no way")
        self.path.data = {"x": x.tolist(), "y": y.tolist()}
        self.end.data = {"x": x[-1:].tolist(), "y": y[-1:].tolist()}

    def _say(self, text: str) -> None:
        self.note = " · ".join(filter(None, [self.note, text]))


def _arrays(declared: Heat, values: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    raw, x, y = (np.array(values[name], float) for name in (declared.values, declared.x, declared.y))
    if raw.ndim != 2 or raw.shape != (*y.shape, *x.shape) or not raw.size:
        raise ValueError(f"{declared.values} {raw.shape} is not over {declared.y} {y.shape} and {declared.x} {x.shape}")
    return raw, x, y
