"""Rankings: one bar a curve at one step, the least value on top, each in the colour of its curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, HBar, Segment

from dashboard.figures.marks import axes
from dashboard.figures.marks.axes import Scale
from dashboard.figures.marks.figure import FigureOptions, add_glyph, figure, name_ticks, set_range
from dashboard.figures.marks.hover import add_hover
from dashboard.figures.marks.step_mark import StepData, StepMark, axis_label
from dashboard.figures.marks.streamed_source import summarised
from dashboard.figures.tables import NumbersTable
from dashboard.session.curves import Curve, spread_text
from dashboard.ui.formatting import number
from dashboard.ui.notation import plain
from dashboard.ui.palette import GREY

MANY = 10
"""Most bars with names of full size: names of more are smaller, so that they do not run into one another."""

LONGEST = 34
"""Letters of a name beside its bar."""


class RankingMark(StepMark):
    """Bars from the left; a band has a line from its lower to its upper end."""

    def axis(self, options: FigureOptions) -> Scale:
        """Choose the scale of the values, which lie on the horizontal axis here."""
        return Scale.of_plot(self.plot, options.log_y)

    def build(self, log_x: bool = False) -> None:
        """Make the figure: the values lie across, and the names stand on the left."""
        self.figure = figure(log_x=self.scale.log, log_y=False)
        self.source = ColumnDataSource()
        self.draw()

    def draw(self) -> None:
        """Add the bars, the ends of bands and the hover."""
        self.channel = self.engine.channel(self.plot.channels[0])
        self.figure.xaxis.axis_label = axis_label(self.channel)
        self.figure.ygrid.visible = False
        names = ("y", "left", "right", "low", "high", "color", "rim", "name", "rank", "spread")
        self.source.data = {name: [] for name in names}
        bars = HBar(y="y", left="left", right="right", height=0.72, fill_color="color", line_color="rim", line_width=2)
        drawn = add_glyph(bars, self.source, self.figure)
        ends = Segment(x0="low", x1="high", y0="y", y1="y", line_color=GREY, line_width=2)
        add_glyph(ends, self.source, self.figure)
        rows = [("", "@name"), ("place", "@rank"), (plain(self.channel.label), "@right"), ("band", "@spread")]
        add_hover(self.figure, [drawn], rows)
        self.figure.on_event(Tap, lambda event: self.tap(event.y))

    def fill(self, now: StepData) -> None:
        """Rank the curves; those without a value stand last and have no bar."""
        values = now.finite_scalar(self.channel.name)
        triples = [_ends(values[list(curve.members)], curve) for curve in now.curves]
        order = sorted(range(len(triples)), key=lambda at: (np.isnan(triples[at][1]), triples[at][1]))
        low, middle, high = np.array([triples[at] for at in order]).T
        self._ranked = [now.curves[at] for at in order]
        across = axes.value_range(axes.extent(np.concatenate([low, middle, high])), None, self.scale.log)
        across = self._window(across)
        places = np.arange(len(order), 0, -1).tolist()
        shown = self.scale.drawable(middle)
        self.source.data = {
            "y": places,
            "left": [across[0] / (10.0 if self.scale.log else 1.0)] * len(order),
            "right": np.where(shown, middle, np.nan).tolist(),
            "low": np.where(shown & self.scale.drawable(low), low, np.nan).tolist(),
            "high": np.where(shown, high, np.nan).tolist(),
            "color": [curve.color for curve in self._ranked],
            "rim": [GREY if now.focus in curve.members else curve.color for curve in self._ranked],
            "name": [curve.label for curve in self._ranked],
            "rank": list(range(1, len(order) + 1)),
            "spread": [_spread(curve, *ends) for curve, *ends in zip(self._ranked, low, high, strict=True)],
        }
        name_ticks(self.figure.yaxis, {at: _short(curve.label) for at, curve in zip(places, self._ranked, strict=True)})
        self.figure.yaxis.major_label_text_font_size = "11px" if len(order) <= MANY else "9.5px"
        set_range(self.figure.x_range, across, self.scale.log)
        self.figure.y_range.update(start=0.4, end=len(order) + 0.6)
        self._describe(middle, low, high)

    def _window(self, across: tuple[float, float] | None) -> tuple[float, float]:
        if across is None:
            return (0.1, 1.0)
        return across if self.scale.log else (min(0.0, across[0]), max(0.0, across[1]))

    def _describe(self, middle: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        lost = int(np.isnan(middle).sum())
        notes = [spread_text(self._ranked), f"{lost} of {len(middle)} diverged" if lost else ""]
        self.note = " · ".join(filter(None, notes))
        heads = ["", plain(self.channel.label)]
        self.numbers = NumbersTable(
            heads, [[c.label, number(float(v))] for c, v in zip(self._ranked, middle, strict=True)]
        )

    def tap(self, y: float) -> None:
        """Put the curve of the bar at a height in focus."""
        place = len(self._ranked) - round(y)
        if 0 <= place < len(self._ranked):
            self.pick(self._ranked[place].members[0])


def _ends(values: np.ndarray, curve: Curve) -> Sequence[float]:
    """Compute the lower end, the middle and the upper end of one curve at this step."""
    row = values[None]
    if not curve.band:
        return [np.nan, row.item(), np.nan]
    return [summarised(row, statistic, curve.mean).item() for statistic in ("low", "median", "high")]


def _spread(curve: Curve, low: Any, high: Any) -> str:
    return f"{number(float(low))} … {number(float(high))}" if curve.band else "one member"


def _short(label: str) -> str:
    """Cut a name in its middle: what tells it from others stands at its ends."""
    half = LONGEST // 2
    return label if len(label) <= LONGEST else f"{label[: half - 1].rstrip()}…{label[-half:].lstrip()}"
