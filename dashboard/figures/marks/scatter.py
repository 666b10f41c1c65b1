"""Vectors as points: one against another, or against the index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from bokeh.models import HoverTool, Scatter

from dashboard.figures.marks import ranges
from dashboard.figures.marks.figure import bare, move
from dashboard.figures.marks.still import Moment, StillMark, named
from dashboard.figures.tables import Numbers
from dashboard.ui.formatting import number
from dashboard.ui.palette import qualitative

MOST = 1000
"""Points drawn; each class has its share of them, so that a rare one is shown whole."""


class Cloud(NamedTuple):
    """The points of one hue: the places `at` in the vectors of `x` and `y`."""

    label: str
    color: str
    x: np.ndarray
    y: np.ndarray
    at: np.ndarray


class ScatterMark(StillMark):
    """Points in the hues of their classes (the member in focus), or of their curves."""

    def draw(self) -> None:
        """Add the points and the hover."""
        self.source.data = {name: [] for name in ("x", "y", "color", "name", "index")}
        points = Scatter(x="x", y=self.scale.field("y"), size=6, fill_color="color", line_color=None, fill_alpha=0.75)
        drawn = bare(points, self.source, self.figure)
        first, last = self.engine.channel(self.plot.channels[0]), self.engine.channel(self.plot.channels[-1])
        across = [(first.label, "@x")] if first is not last else []
        rows = [("", "@name"), ("number", "@index"), *across, (last.label, "@y")]
        self.figure.add_tools(HoverTool(renderers=[drawn], tooltips=rows))
        counted = f"number of the {first.dims[0]}" if first.dims and len(first.dims[0]) > 1 else "number"
        self.figure.xaxis.axis_label = named(first) if first is not last else counted
        self.figure.yaxis.axis_label = named(last)

    def fill(self, now: Moment) -> None:
        """All clouds, the largest first, so that a rare class is on top."""
        clouds = self._classes(now) if self.plot.by else self._members(now)
        drawn = _thinned([self._drawable(cloud) for cloud in clouds])
        self._say(clouds, drawn)
        ordered = sorted(drawn, key=lambda cloud: -len(cloud.y))
        columns = {"x": "x", "y": "y", "index": "at"}
        data: dict[str, Any] = {
            name: np.concatenate([getattr(cloud, part) for cloud in ordered]).tolist() for name, part in columns.items()
        }
        for name, part in (("color", "color"), ("name", "label")):
            data[name] = [getattr(cloud, part) for cloud in ordered for _ in cloud.y]
        self.source.data = data
        self._follow(drawn)

    def _drawable(self, cloud: Cloud) -> Cloud:
        return _part(cloud, cloud.y > 0) if self.scale.log else cloud

    def _follow(self, clouds: Sequence[Cloud]) -> None:
        x, y = (np.concatenate([getattr(cloud, part) for cloud in clouds]) for part in ("x", "y"))
        move(self.figure.x_range, ranges.values(ranges.extent(x), None, False), False)
        window = ranges.values(ranges.extent(self.scale.places(y)), None, self.scale.log)
        move(self.figure.y_range, window, self.scale.log)

    def _classes(self, now: Moment) -> list[Cloud]:
        kinds = np.ravel(now.values[self.plot.by][now.focus])
        every = self._points(now, now.focus, "", "")
        clouds = [every._replace(label=name, color=qualitative(i)) for i, name in enumerate(self.plot.classes)]
        return [_part(cloud, kinds[cloud.at - 1] == i) for i, cloud in enumerate(clouds)]

    def _members(self, now: Moment) -> list[Cloud]:
        return [self._points(now, curve.members[0], curve.label, curve.color) for curve in now.curves]

    def _points(self, now: Moment, member: int, label: str, color: str) -> Cloud:
        blocks = [np.ravel(now.values[name][member]) for name in self.plot.channels]
        at = np.arange(1, len(blocks[-1]) + 1)
        every = Cloud(label, color, blocks[0] if len(blocks) > 1 else at, blocks[-1], at)
        return _part(every, np.isfinite(every.x) & np.isfinite(every.y))

    def _say(self, clouds: Sequence[Cloud], drawn: Sequence[Cloud]) -> None:
        """Count what there is and what is drawn of it, in the legend, in the note and in the table; no empty class."""
        whole, shown = (sum(len(cloud.y) for cloud in some) for some in (clouds, drawn))
        self.note = f"{whole:,} points" if shown == whole else f"{shown:,} of {whole:,} points drawn"
        if not self.plot.by:
            return
        drawn = [part for cloud, part in zip(clouds, drawn, strict=True) if len(cloud.y)]
        clouds = [cloud for cloud in clouds if len(cloud.y)]
        self.legend = [
            {"label": _counted(c, len(d.y)), "dash": "dot", "color": c.color}
            for c, d in zip(clouds, drawn, strict=True)
        ]
        label = self.engine.channel(self.plot.channels[-1]).label
        heads = ["class", "points", *(f"{part} {label}" for part in ("smallest", "median", "largest"))]
        self.numbers = Numbers(heads, [[cloud.label, f"{len(cloud.y):,}", *_spread(cloud.y)] for cloud in clouds])


def _part(cloud: Cloud, which: Any) -> Cloud:
    return cloud._replace(x=cloud.x[which], y=cloud.y[which], at=cloud.at[which])


def _thinned(clouds: Sequence[Cloud]) -> list[Cloud]:
    """At most `MOST` points: what the small clouds leave of their shares is the large ones'."""
    found, left = list(clouds), MOST
    order = sorted(range(len(clouds)), key=lambda place: len(clouds[place].y))
    for done, place in enumerate(order):
        cloud = clouds[place]
        every = -(-len(cloud.y) // max(left // (len(clouds) - done), 1)) or 1
        found[place] = _part(cloud, slice(None, None, every))
        left -= len(found[place].y)
    return found


def _counted(cloud: Cloud, drawn: int) -> str:
    whole = len(cloud.y)
    return f"{cloud.label}, {whole:,}" if drawn == whole else f"{cloud.label}, {drawn:,} of {whole:,}"


def _spread(values: np.ndarray) -> list[str]:
    return [number(float(np.quantile(values, share))) for share in (0, 0.5, 1)] if len(values) else ["–"] * 3
