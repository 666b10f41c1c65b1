"""The components of vectors as bars."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import AdaptiveTicker, HoverTool, VBar

from dashboard.figures.marks import ranges
from dashboard.figures.marks.figure import bare, name_ticks
from dashboard.figures.marks.still import Moment, StillMark
from dashboard.figures.tables import entries
from dashboard.ui.palette import qualitative


class BarsMark(StillMark):
    """The components of vectors, one group of bars a component, for the member in focus."""

    def draw(self) -> None:
        """Add the bars and the hover."""
        self.source.data = {"x": [], "top": [], "color": [], "name": [], "place": [], "base": []}
        width = 0.8 / len(self.plot.channels)
        ends = {"top": self.scale.field("top"), "bottom": self.scale.field("base")}
        bars = VBar(x="x", **ends, width=width, fill_color="color", line_color=None, fill_alpha=0.9)
        drawn = bare(bars, self.source, self.figure)
        if len(self.plot.channels) > 1:
            labels = [self.engine.channel(name).label for name in self.plot.channels]
            self.legend = [{"label": one, "dash": "dot", "color": qualitative(i)} for i, one in enumerate(labels)]
        if self.plot.labels:
            name_ticks(self.figure.xaxis, dict(enumerate(self.plot.labels, 1)))
        else:
            self._count()
        rows = [("", "@name"), ("" if self.plot.labels else "number", "@place"), ("value", "@top")]
        self.figure.add_tools(HoverTool(renderers=[drawn], tooltips=rows))

    def _count(self) -> None:
        """Components are counted: no ticks between them, and what they are below."""
        self.figure.xaxis.ticker = AdaptiveTicker(min_interval=1)
        dims = self.engine.channel(self.plot.channels[0]).dims
        self.figure.xaxis.axis_label = dims[0] if dims and len(dims[0]) > 1 else "number"

    def fill(self, now: Moment) -> None:
        """Bars of the member in focus."""
        data: dict[str, Any] = {name: [] for name in self.source.column_names}
        width = 0.8 / len(now.values)
        for place, (name, block) in enumerate(now.values.items()):
            bars = np.ravel(block[now.focus])
            shown = np.flatnonzero(self.scale.drawable(bars))
            data["x"] += (shown + 1 + width * (place - (len(now.values) - 1) / 2)).tolist()
            data["top"] += bars[shown].tolist()
            data["place"] += [self.plot.component(int(at)) for at in shown]
            data["color"] += [qualitative(place)] * len(shown)
            data["name"] += [self.engine.channel(name).label] * len(shown)
        self._tell(now)
        tops = np.array(data["top"])
        self.note = _emptiness(tops)
        places = self.scale.places(tops if self.scale.log else np.append(tops, 0.0))
        window = ranges.values(ranges.extent(places), None, self.scale.log)
        data["base"] = [window[0] / 1e3 if self.scale.log and window else 0.0] * len(tops)
        self.source.data = data
        if window:
            self.figure.y_range.update(start=window[0], end=window[1])
            self.figure.x_range.update(start=0.4, end=max(map(round, data["x"]), default=1) + 0.6)

    def _tell(self, now: Moment) -> None:
        """The same as a table, with what a logarithmic axis cannot show."""
        bars = {self.engine.channel(name).label: np.ravel(block[now.focus]) for name, block in now.values.items()}
        places = [self.plot.component(at) for at in range(max(map(len, bars.values())))]
        columns = np.array(list(bars.values())).T
        self.numbers = entries([""], [columns], places, list(bars), self.engine.channel(self.plot.channels[0]).dims[0])


def _emptiness(values: np.ndarray) -> str:
    if not len(values):
        return "This member has no values here."
    return "" if np.any(values) else "All of them are zero."
