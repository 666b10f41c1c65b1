"""Vectors over their index: one line through the points of each curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, MultiLine, Scatter

from dashboard.figures.marks import ranges
from dashboard.figures.marks.figure import bare, move, name_ticks
from dashboard.figures.marks.still import Moment, StillMark, named
from dashboard.figures.tables import Numbers
from dashboard.ui.formatting import number

COLUMNS = 8
"""Curves that the table holds at most."""


class ProfileMark(StillMark):
    """Every curve at one step, the median of a band."""

    def draw(self) -> None:
        """Add the lines, the points and the hover."""
        self.channel = self.engine.channel(self.plot.channels[0])
        self.figure.yaxis.axis_label, self.figure.xaxis.axis_label = named(self.channel), self.channel.dims[0]
        self.source.data = {name: [] for name in ("x", "y", "color", "name", "place")}
        self.lines = ColumnDataSource(data={"xs": [], "ys": [], "color": []})
        bare(MultiLine(xs="xs", ys="ys", line_color="color", line_width=2), self.lines, self.figure)
        dots = Scatter(x="x", y=self.scale.field("y"), size=7, fill_color="color", line_color=None)
        drawn = bare(dots, self.source, self.figure)
        rows = [("", "@name"), (self.channel.dims[0], "@place"), (self.channel.label, "@y")]
        self.figure.add_tools(HoverTool(renderers=[drawn], tooltips=rows))

    def fill(self, now: Moment) -> None:
        """All curves."""
        block = np.asarray(now.values[self.channel.name], float)
        found = [np.median(block[list(curve.members)], axis=0) for curve in now.curves]
        drawn = [np.flatnonzero(self.scale.drawable(y)) for y in found]
        self.lines.data = {
            "xs": [at.tolist() for at in drawn],
            "ys": [self.scale.places(y[at]).tolist() for y, at in zip(found, drawn, strict=True)],
            "color": [curve.color for curve in now.curves],
        }
        flat = np.concatenate(drawn)
        owner = [curve for curve, at in zip(now.curves, drawn, strict=True) for _ in at]
        values = np.concatenate([y[at] for y, at in zip(found, drawn, strict=True)])
        self.source.data = {
            "x": flat.tolist(),
            "y": values.tolist(),
            "color": [curve.color for curve in owner],
            "name": [curve.label for curve in owner],
            "place": [self.plot.component(at) for at in flat],
        }
        self._frame(values, block.shape[-1])
        self._say(now, found)

    def _frame(self, values: np.ndarray, count: int) -> None:
        window = ranges.values(ranges.extent(self.scale.places(values)), None, self.scale.log)
        move(self.figure.y_range, window, self.scale.log)
        move(self.figure.x_range, (-0.3, count - 0.7), False)
        name_ticks(self.figure.xaxis, {at: self.plot.component(at) for at in range(0, count, -(-count // 12))})

    def _say(self, now: Moment, found: list[np.ndarray]) -> None:
        curves: list[Any] = list(now.curves)[:COLUMNS]
        heads = [self.channel.dims[0], *(curve.label for curve in curves)]
        rows = zip(*(y for y, _ in zip(found, curves, strict=False)), strict=True)
        self.numbers = Numbers(heads, [[self.plot.component(at), *map(number, row)] for at, row in enumerate(rows)])
