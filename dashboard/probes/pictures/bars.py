"""Groups of bars: one bar a trace at each x, and a line at the height that means equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, Span, VBar

from dashboard.figures.marks.figure import add_glyph, figure
from dashboard.figures.marks.hover import add_hover
from dashboard.figures.marks.prediction_lines import DASH
from dashboard.probes.pictures.lines import HEIGHT, TraceStyle, sample, trace_arrays, trace_styles
from dashboard.ui.formatting import number
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Bars

GROUP = 0.8
"""Share of the room of a group that its bars take."""

ABOVE = 1.08
"""Height of the axis over that of the highest bar."""


class BarsPicture:
    """The figure of groups of bars. Raises `ValueError` or `KeyError` where the arrays do not fit them."""

    def __init__(self, declared: Bars, values: Mapping[str, Any]) -> None:
        self.declared = declared
        self.content = figure(height=HEIGHT, x_axis_label=declared.x_label, y_axis_label=declared.y_label)
        self._styles = tuple(trace_styles(declared.traces))
        self.legend = [sample(style) for style in self._styles]
        self._sources = [self._add(style) for style in self._styles]
        if declared.mark is not None:
            line = {"line_color": GREY, "line_dash": list(DASH), "line_width": 1.5}
            self.content.add_layout(Span(dimension="width", location=declared.mark, **line))
        self.update(values)

    def update(self, values: Mapping[str, Any]) -> None:
        """Draw other arrays in place of those before. Errors as for a new picture."""
        arrays = [trace_arrays(style.trace, values) for style in self._styles]
        groups = np.unique(np.concatenate([x for x, _ in arrays]))
        width = GROUP / len(arrays)
        for at, (source, (x, y)) in enumerate(zip(self._sources, arrays, strict=True)):
            places = np.searchsorted(groups, x) - GROUP / 2 + (at + 0.5) * width
            source.data = _columns(places, x, y, width)
        self._missing = sum(int(np.isnan(y).sum()) for _, y in arrays), sum(len(y) for _, y in arrays)
        self._set_axes(groups, np.concatenate([y for _, y in arrays]))

    @property
    def note(self) -> str:
        """Count of what is not drawn, in words."""
        gone, every = self._missing
        return f"{gone} of {every} have no value and no bar" if gone else ""

    def _add(self, style: TraceStyle) -> ColumnDataSource:
        source = ColumnDataSource(_columns(np.empty(0), np.empty(0), np.empty(0), 0.0))
        bar = VBar(x="place", top="y", width="width", fill_color=style.color, line_color=None)
        drawn = add_glyph(bar, source, self.content, name=style.trace.label)
        names = [self.declared.x_label or style.trace.x, self.declared.y_label or style.trace.y]
        add_hover(self.content, [drawn], [("", "$name"), (names[0], "@at"), (names[1], "@value")])
        return source

    def _set_axes(self, groups: np.ndarray, heights: np.ndarray) -> None:
        """Name the groups, and begin at 0: of a bar its length is read."""
        axis = self.content.xaxis[0]
        axis.ticker = FixedTicker(ticks=list(range(len(groups))))
        axis.major_label_overrides = {at: number(x) for at, x in enumerate(groups.tolist())}
        self.content.x_range.update(start=-0.5, end=len(groups) - 0.5)
        top = np.nanmax(heights, initial=self.declared.mark or 0.0) or 1.0
        self.content.y_range.update(start=0, end=ABOVE * float(top))


def _columns(places: np.ndarray, x: np.ndarray, y: np.ndarray, width: float) -> dict[str, Any]:
    """Convert to lists, since each array would be a socket frame of its own; numbers as the page writes them."""
    at, value = ([number(entry) for entry in axis.tolist()] for axis in (x, y))
    return {"place": places.tolist(), "y": y.tolist(), "width": [width] * len(x), "at": at, "value": value}
