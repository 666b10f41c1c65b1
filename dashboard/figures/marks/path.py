"""Curves over another channel: hollow where they start, a dot where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource, Scatter

from dashboard.figures.marks import ranges, theory
from dashboard.figures.marks.feed import Column
from dashboard.figures.marks.figure import bare, move
from dashboard.figures.marks.line import LineMark
from dashboard.figures.overlays import Ghosts

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Phase
    from engines.core.runs.run import Run


class PathMark(LineMark):
    """One figure of streaming paths. Theory and phases are curves and moments over steps, and have no place here."""

    moments = ({"label": "start", "dash": "ring"}, {"label": "step shown", "dash": "dot"})

    @property
    def columns(self) -> list[tuple[str, Column]]:
        """What is drawn, by name, with where it is drawn."""
        label = self.figure.xaxis.axis_label
        across = {stroke.column.curve.key: stroke.column.curve for stroke in self.lines}
        return [(f"{label}, {curve.label}", Column(curve, self.plot.x)) for curve in across.values()] + super().columns

    def _x(self, column: Column) -> str:
        return Column(column.curve, self.plot.x).key

    def _band(self, stroke: Any) -> None:
        """Quantiles of both channels would make no band: the medians alone are drawn."""

    def _draw_cursor(self) -> None:
        self.ends = ColumnDataSource({name: [] for name in ("x", "y", "color", "fill")})
        rim = {"line_color": "color", "line_width": 2}
        dots = Scatter(x="x", y=self.scale.field("y"), size=9, fill_color="color", fill_alpha="fill", **rim)
        bare(dots, self.ends, self.figure)

    def _across(self) -> list[tuple[str, str]]:
        return [(self.figure.xaxis.axis_label, "$snap_x")]

    def show_theory(self, lines: Sequence[theory.Line]) -> None:
        """Nothing: a prediction is a function of the step."""

    def show_phases(self, phases: Sequence[Phase]) -> None:
        """Nothing: a phase is a step."""

    def show_ghost(self, others: Ghosts) -> None:
        """Draw the medians of other runs as paths behind."""
        across = others.get(self.plot.x, ())
        pairs = [pair for name in self.plot.channels for pair in zip(across, others.get(name, ()), strict=False)]
        self._put_ghost([replace(y, steps=np.interp(y.steps, x.steps, x.median), band=None) for x, y in pairs])

    def show_cursor(self, run: Run, step: int, scrubbing: bool) -> None:
        """Mark where each path starts, and where it is at the step that is looked at."""
        keys = [key for stroke in self.lines for key in (self._x(stroke.column), stroke.column.key)]
        ends = ((0.0, self.feed.starts), (1.0, self.feed.at(run, step, keys)))
        spots = [spot for fill, row in ends if row for spot in self._spots(row, fill)]
        data: dict[str, Any] = (
            dict(zip(self.ends.column_names, map(list, zip(*spots, strict=True)), strict=True)) if spots else {}
        )
        if data and data != dict(self.ends.data):
            self.ends.data = data

    def _spots(self, row: Mapping[str, float], fill: float) -> list[tuple[Any, ...]]:
        places = [(row.get(self._x(s.column), np.nan), row.get(s.column.key, np.nan), s.color) for s in self.lines]
        return [(*spot, fill) for spot in places if np.isfinite(spot[:2]).all()]

    def _follow_across(self, step: int, horizon: int) -> None:
        extent = ranges.union(self.feed.extents.get(self._x(stroke.column)) for stroke in self.lines)
        move(self.figure.x_range, ranges.values(extent, None, self.look.log_x), self.look.log_x)

    def _apart(self, column: Column, x: float, y: float) -> float:
        data, window = self.feed.source.data, (self.figure.x_range.start, self.figure.x_range.end)
        right = [ranges.share(values, window, self.look.log_x) for values in (data[self._x(column)], x)]
        up = self._up(self.scale.places(data[column.key])) - self._up(y)
        away = np.hypot(right[0] - right[1], up)
        return float(np.nanmin(away)) if np.isfinite(away).any() else np.nan
