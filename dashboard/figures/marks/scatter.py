"""Vectors as points: one against another, or against the index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from bokeh.models import Scatter

from dashboard.figures.marks import axes
from dashboard.figures.marks.figure import add_glyph, in_lines, set_range
from dashboard.figures.marks.hover import add_hover
from dashboard.figures.marks.step_mark import StepData, StepMark, axis_label
from dashboard.figures.tables import NumbersTable
from dashboard.ui.formatting import number
from dashboard.ui.notation import plain
from dashboard.ui.palette import SHAPES, category

MOST_POINTS = 1000
"""Points drawn; each class has its share of them, so that a rare one is shown whole."""


class Cloud(NamedTuple):
    """Points of one look: `x` and `y` of the components numbered `index`, `[n]` each, from 1."""

    label: str
    color: str
    shape: str
    x: np.ndarray
    y: np.ndarray
    index: np.ndarray


class ScatterMark(StepMark):
    """Points in the colours and shapes of their classes (the member in focus), or in the colours of their curves."""

    def draw(self) -> None:
        """Add the points and the hover."""
        self.source.data = {name: [] for name in ("x", "y", "color", "shape", "name", "index")}
        style = {"size": 6, "fill_color": "color", "fill_alpha": 0.75, "line_color": "color"}
        points = Scatter(x="x", y=self.scale.field("y"), marker="shape", **style)
        drawn = add_glyph(points, self.source, self.figure)
        first, last = self.engine.channel(self.plot.channels[0]), self.engine.channel(self.plot.channels[-1])
        across = [(plain(first.label), "@x")] if first is not last else []
        add_hover(self.figure, [drawn], [("", "@name"), ("number", "@index"), *across, (plain(last.label), "@y")])
        counted = f"number of the {first.dims[0]}" if first.dims and len(first.dims[0]) > 1 else "number"
        self.figure.xaxis.axis_label = axis_label(first) if first is not last else counted
        self.figure.yaxis.axis_label = in_lines(axis_label(last))

    def fill(self, now: StepData) -> None:
        """Draw all clouds, the largest first, so that a rare class is on top."""
        clouds = self._classes(now) if self.plot.by else self._members(now)
        drawn = _thinned([self._drawable(cloud) for cloud in clouds])
        self._describe(clouds, drawn)
        ordered = sorted(drawn, key=lambda cloud: -len(cloud.y))
        columns = {"x": "x", "y": "y", "index": "index"}
        data: dict[str, Any] = {
            name: np.concatenate([getattr(cloud, field) for cloud in ordered]).tolist()
            for name, field in columns.items()
        }
        for name, field in (("color", "color"), ("shape", "shape"), ("name", "label")):
            data[name] = [getattr(cloud, field) for cloud in ordered for _ in cloud.y]
        self.source.data = data
        self._set_ranges(drawn)

    def _drawable(self, cloud: Cloud) -> Cloud:
        return _subset(cloud, cloud.y > 0) if self.scale.log else cloud

    def _set_ranges(self, clouds: Sequence[Cloud]) -> None:
        x, y = (np.concatenate([getattr(cloud, part) for cloud in clouds]) for part in ("x", "y"))
        set_range(self.figure.x_range, axes.value_range(axes.extent(x), None, False), False)
        window = axes.value_range(axes.extent(self.scale.places(y)), None, self.scale.log)
        set_range(self.figure.y_range, window, self.scale.log)

    def _classes(self, now: StepData) -> list[Cloud]:
        kinds = np.ravel(now.values[self.plot.by][now.focus])
        every = self._points(now, now.focus, "", "")
        names = enumerate(self.plot.classes)
        clouds = [every._replace(label=name, color=category(i), shape=SHAPES[i % len(SHAPES)]) for i, name in names]
        return [_subset(cloud, kinds[cloud.index - 1] == i) for i, cloud in enumerate(clouds)]

    def _members(self, now: StepData) -> list[Cloud]:
        return [self._points(now, curve.members[0], curve.label, curve.color) for curve in now.curves]

    def _points(self, now: StepData, member: int, label: str, color: str) -> Cloud:
        blocks = [np.ravel(now.values[name][member]) for name in self.plot.channels]
        index = np.arange(1, len(blocks[-1]) + 1)
        every = Cloud(label, color, SHAPES[0], blocks[0] if len(blocks) > 1 else index, blocks[-1], index)
        return _subset(every, np.isfinite(every.x) & np.isfinite(every.y))

    def _describe(self, clouds: Sequence[Cloud], drawn: Sequence[Cloud]) -> None:
        """Count what there is and what is drawn of it, in the legend, in the note and in the table; no empty class."""
        whole, shown = (sum(len(cloud.y) for cloud in some) for some in (clouds, drawn))
        self.note = f"{whole:,} points" if shown == whole else f"{shown:,} of {whole:,} points drawn"
        if not self.plot.by:
            return
        drawn = [part for cloud, part in zip(clouds, drawn, strict=True) if len(cloud.y)]
        clouds = [cloud for cloud in clouds if len(cloud.y)]
        self.legend = [
            {"label": _counted(c, len(d.y)), "dash": c.shape, "color": c.color}
            for c, d in zip(clouds, drawn, strict=True)
        ]
        label = plain(self.engine.channel(self.plot.channels[-1]).label)
        heads = ["class", "points", *(f"{part} {label}" for part in ("smallest", "median", "largest"))]
        self.numbers = NumbersTable(
            heads, [[cloud.label, f"{len(cloud.y):,}", *_quantiles(cloud.y)] for cloud in clouds]
        )


def _subset(cloud: Cloud, which: Any) -> Cloud:
    return cloud._replace(x=cloud.x[which], y=cloud.y[which], index=cloud.index[which])


def _thinned(clouds: Sequence[Cloud]) -> list[Cloud]:
    """Thin clouds to `MOST_POINTS` points: what the small ones leave of their shares is the large ones'."""
    thinned, left = list(clouds), MOST_POINTS
    order = sorted(range(len(clouds)), key=lambda place: len(clouds[place].y))
    for done, place in enumerate(order):
        cloud = clouds[place]
        every = -(-len(cloud.y) // max(left // (len(clouds) - done), 1)) or 1
        thinned[place] = _subset(cloud, slice(None, None, every))
        left -= len(thinned[place].y)
    return thinned


def _counted(cloud: Cloud, drawn: int) -> str:
    whole = len(cloud.y)
    return f"{cloud.label}, {whole:,}" if drawn == whole else f"{cloud.label}, {drawn:,} of {whole:,}"


def _quantiles(values: np.ndarray) -> list[str]:
    return [number(float(np.quantile(values, share))) for share in (0, 0.5, 1)] if len(values) else ["–"] * 3
