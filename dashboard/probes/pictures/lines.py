"""Traces on common axes: data as points or lines, theory dashed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource, Line, Scatter

from dashboard.figures.marks import axes
from dashboard.figures.marks.figure import add_glyph, figure
from dashboard.figures.marks.hover import add_hover
from dashboard.figures.marks.prediction_lines import DASH
from dashboard.ui.formatting import number
from dashboard.ui.palette import category

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Lines, Trace

HEIGHT = 250

MOST_POINTS = 2000
"""Points of a trace that are sent; a longer one is thinned."""

THEORY_DASHES = (DASH, (2, 4), (10, 4, 2, 4))
"""Dashes of several predictions of one quantity."""


@dataclass(frozen=True)
class TraceStyle:
    """Hue and dash of a trace; a theory has the hue of the data before it, which it predicts."""

    trace: Trace
    color: str
    dash: Sequence[int] = ()


def trace_styles(traces: Sequence[Trace]) -> Iterator[TraceStyle]:
    """Choose hues and dashes of the traces of one picture."""
    hue, laws = -1, 0
    for trace in traces:
        law = trace.style == "theory"
        hue, laws = (hue, laws + 1) if law else (hue + 1, 0)
        yield TraceStyle(trace, category(max(hue, 0)), THEORY_DASHES[(laws - 1) % len(THEORY_DASHES)] if law else ())


class LinesPicture:
    """The figure of traces. Raises `ValueError` or `KeyError` where the arrays do not fit them."""

    def __init__(self, declared: Lines, values: Mapping[str, Any]) -> None:
        self.declared = declared
        self.log = declared.log_x, declared.log_y
        labels = {"x_axis_label": declared.x_label, "y_axis_label": declared.y_label}
        self.content = figure(log_x=declared.log_x, log_y=declared.log_y, height=HEIGHT, **labels)
        self.styles = tuple(trace_styles(declared.traces))
        self.legend = [sample(style) for style in self.styles]
        self._sources = [self._add(style) for style in self.styles]
        self.update(values)

    def update(self, values: Mapping[str, Any]) -> None:
        """Draw other arrays in place of those before. Errors as for a new picture."""
        arrays = [trace_arrays(style.trace, values) for style in self.styles]
        self._notes: list[str] = []
        self._extents: tuple[list[Any], list[Any]] = [], []
        for style, source, (x, y) in zip(self.styles, self._sources, arrays, strict=True):
            self._fill(style.trace.label, source, x, y)
        self._set_ranges()

    @property
    def note(self) -> str:
        """Count of what is not drawn, in words."""
        return " · ".join(self._notes)

    def _add(self, style: TraceStyle) -> ColumnDataSource:
        source = ColumnDataSource(_columns(np.empty(0), np.empty(0)))
        drawn = add_glyph(_glyph(style), source, self.content, name=style.trace.label)
        names = [self.declared.x_label or style.trace.x, self.declared.y_label or style.trace.y]
        rows = [("", "$name"), (names[0], "@at"), (names[1], "@value")]
        add_hover(self.content, [drawn], rows, line_policy="nearest")
        return source

    def _fill(self, label: str, source: ColumnDataSource, x: np.ndarray, y: np.ndarray) -> None:
        x, y = self._thinned(*self._drawable(label, x, y))
        source.data = _columns(x, y)
        for extents, axis in zip(self._extents, (x, y), strict=True):
            extents.append(axes.extent(axis))

    def _drawable(self, label: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Break a line where a value is missing; on a logarithmic axis that is so for zero and less."""
        undrawable = sum(
            (log & (axis <= 0) for log, axis in zip(self.log, (x, y), strict=True)), np.zeros(len(x), bool)
        )
        if undrawable.any():
            self._notes.append(f"{label}: {undrawable.sum():,} of {len(x):,} are not positive and not drawn")
        return x, np.where(undrawable, np.nan, y)

    def _thinned(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(x) <= MOST_POINTS:
            return x, y
        self._notes.append(f"{MOST_POINTS:,} of {len(x):,} points drawn")
        rows = np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int)
        return x[rows], y[rows]

    def _set_ranges(self) -> None:
        targets = (self.content.x_range, self.content.y_range)
        for target, extents, log in zip(targets, self._extents, self.log, strict=True):
            window = axes.value_range(axes.union(extents), None, log)
            if window:
                window = window[::-1] if self.declared.downward and target is self.content.y_range else window
                target.update(start=window[0], end=window[1], reset_start=window[0], reset_end=window[1])


def trace_arrays(trace: Trace, values: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Read the two vectors `[n]` of a trace. Raises `ValueError` where they are none of one length."""
    x, y = (np.atleast_1d(np.asarray(values[name], float)) for name in (trace.x, trace.y))
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"{trace.x} {x.shape} and {trace.y} {y.shape} are not two vectors of one length")
    return x, y


def sample(style: TraceStyle) -> dict[str, Any]:
    """Describe a trace for a legend."""
    dash = " ".join(map(str, style.dash))
    return {"label": style.trace.label, "color": style.color, "style": style.trace.style, "dash": dash}


def _columns(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Convert to lists, since each array would be a socket frame of its own; numbers as the page writes them."""
    at, value = ([number(entry) for entry in axis.tolist()] for axis in (x, y))
    return {"x": x.tolist(), "y": y.tolist(), "at": at, "value": value}


def _glyph(style: TraceStyle) -> Any:
    if style.trace.style == "points":
        return Scatter(x="x", y="y", size=6, fill_color=style.color, line_color=None, fill_alpha=0.75)
    if style.trace.style == "line":
        return Line(x="x", y="y", line_color=style.color, line_width=1.8)
    return Line(x="x", y="y", line_color=style.color, line_dash=list(style.dash), line_width=1.6, line_alpha=0.95)
