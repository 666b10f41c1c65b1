"""Curves over another channel: hollow where they start, a dot where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource, Scatter

from dashboard.figures.marks import axes, prediction_lines
from dashboard.figures.marks.figure import add_glyph, set_range
from dashboard.figures.marks.line import LineMark, LineSpec
from dashboard.figures.marks.streamed_source import Column
from dashboard.figures.overlays import Overlays

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Phase
    from engines.core.runs.run import Run


class PathMark(LineMark):
    """One figure of streaming paths. Theory and phases are functions of the step, and have no place here."""

    step_legend = ({"label": "start", "dash": "ring"}, {"label": "step shown", "dash": "dot"})

    @property
    def columns(self) -> list[tuple[str, Column]]:
        """List the columns that are drawn, each with its name: the horizontal ones first."""
        label = self.figure.xaxis.axis_label
        across = {spec.column.curve.key: spec.column.curve for spec in self.lines}
        return [(f"{label}, {curve.label}", Column(curve, self.plot.x)) for curve in across.values()] + super().columns

    def x_key(self, column: Column) -> str:
        """Name the column of the channel on the horizontal axis."""
        return Column(column.curve, self.plot.x).key

    def _band(self, spec: LineSpec) -> None:
        """Quantiles of both channels would make no band: the medians alone are drawn."""

    def _draw_cursor(self) -> None:
        self.ends = ColumnDataSource({name: [] for name in ("x", "y", "color", "fill")})
        rim = {"line_color": "color", "line_width": 2}
        dots = Scatter(x="x", y=self.scale.field("y"), size=9, fill_color="color", fill_alpha="fill", **rim)
        add_glyph(dots, self.ends, self.figure)

    def show_theory(self, lines: Sequence[prediction_lines.PredictionLine]) -> None:
        """Draw nothing: a prediction is a function of the step."""

    def show_phases(self, phases: Sequence[Phase]) -> None:
        """Draw nothing: a phase is a step."""

    def show_overlays(self, overlays: Overlays) -> None:
        """Draw the medians of other runs as paths behind."""
        across = overlays.get(self.plot.x, ())
        pairs = [pair for name in self.plot.channels for pair in zip(across, overlays.get(name, ()), strict=False)]
        self._put_overlays([replace(y, steps=np.interp(y.steps, x.steps, x.median), band=None) for x, y in pairs])

    def show_cursor(self, run: Run, step: int, scrubbing: bool) -> None:
        """Mark where each path starts, and where it is at the step that is shown."""
        keys = [key for spec in self.lines for key in (self.x_key(spec.column), spec.column.key)]
        ends = ((0.0, self.stream.starts), (1.0, self.stream.row_at(run, step, keys)))
        spots = [spot for fill, row in ends if row for spot in self._spots(row, fill)]
        data: dict[str, Any] = (
            dict(zip(self.ends.column_names, map(list, zip(*spots, strict=True)), strict=True)) if spots else {}
        )
        if data and data != dict(self.ends.data):
            self.ends.data = data

    def _spots(self, row: Mapping[str, float], fill: float) -> list[tuple[Any, ...]]:
        places = [(row.get(self.x_key(s.column), np.nan), row.get(s.column.key, np.nan), s.color) for s in self.lines]
        return [(*spot, fill) for spot in places if np.isfinite(spot[:2]).all()]

    def _follow_x(self, step: int, horizon: int) -> None:
        log = self.options.log_x
        extent = self.stream.extent([self.x_key(spec.column) for spec in self.lines], log)
        set_range(self.figure.x_range, axes.value_range(extent, None, log), log)

    def _distance(self, column: Column, x: float, y: float) -> float:
        data, window = self.stream.source.data, (self.figure.x_range.start, self.figure.x_range.end)
        right = [axes.fraction(values, window, self.options.log_x) for values in (data[self.x_key(column)], x)]
        up = self._up(self.scale.places(data[column.key])) - self._up(y)
        distances = np.hypot(right[0] - right[1], up)
        return float(np.nanmin(distances)) if np.isfinite(distances).any() else np.nan
