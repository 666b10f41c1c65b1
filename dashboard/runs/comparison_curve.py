"""One channel of the run that plays against that of the pinned run, over all steps that both have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, Line, Span
from panel.viewable import Viewer

from dashboard.figures.marks import axes
from dashboard.figures.marks.figure import add_glyph, figure, in_lines, set_range
from dashboard.figures.marks.hover import add_hover
from dashboard.figures.tables import even_places
from dashboard.ui.palette import GREY, qualitative

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run

HEIGHT = 210

MOST_POINTS = 600
"""Points that are drawn."""


class ComparisonCurve(Viewer):
    """Draws the ratio where the channel has a logarithmic axis, the difference elsewhere."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._axes: tuple[Any, ...] = ()
        self.source = ColumnDataSource({name: [] for name in ("step", "pinned", "now", "apart")})
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        self._panel = pn.Column(self._pane, sizing_mode="stretch_width", margin=0)  # a cell of a grid, beside others

    def show(self, pinned: Run, run: Run, members: tuple[int, int], log_x: bool, channel: str) -> None:
        """Draw `now / pinned` or `now − pinned` of a channel."""
        from engines.core.analysis.compare import aligned_curves

        steps, before, now = aligned_curves(pinned, run, channel, members)
        rows = even_places(len(steps), MOST_POINTS)
        steps, before, now = steps[rows].astype(float), before[rows], now[rows]
        ratio = self._logarithmic(channel) and bool((before > 0).all() and (now > 0).all())
        if (channel, ratio, log_x) != self._axes:
            self._axes = channel, ratio, log_x
            self._build(channel, ratio, log_x)
        apart = now / before if ratio else now - before
        columns = {"step": steps, "pinned": before, "now": now, "apart": apart}
        self.source.data = {name: values.tolist() for name, values in columns.items()}
        self._frame(steps, apart, ratio, log_x)

    def _logarithmic(self, channel: str) -> bool:
        plot = next((plot for plot in self._engine.plots if channel in plot.channels), None)
        return bool(plot and plot.log_y and not plot.symlog)

    def _build(self, channel: str, ratio: bool, log_x: bool) -> None:
        label = self._engine.channel(channel).label
        names = {"x_axis_label": "step", "y_axis_label": f"{in_lines(label)}:\nnow {'/' if ratio else '−'} pinned"}
        self.figure = figure(log_x=log_x, log_y=ratio, height=HEIGHT, **names)
        self.figure.add_layout(Span(location=float(ratio), dimension="width", line_color=GREY, line_dash="dashed"))
        drawn = add_glyph(Line(x="step", y="apart", line_color=qualitative(0), line_width=2), self.source, self.figure)
        name = "ratio" if ratio else "difference"
        rows = [("step", "@step{0,0}"), ("pinned", "@pinned"), ("now", "@now"), (name, "@apart")]
        add_hover(self.figure, [drawn], rows, mode="vline")
        self._pane.object = self.figure

    def _frame(self, steps: np.ndarray, apart: np.ndarray, ratio: bool, log_x: bool) -> None:
        extent = axes.union([axes.extent(apart), axes.extent(np.array([float(ratio)]))])
        set_range(self.figure.y_range, axes.value_range(extent, None, ratio), ratio)
        set_range(self.figure.x_range, axes.step_range(int(steps[-1]), int(steps[-1]), log_x), log_x)

    def __panel__(self) -> pn.Column:
        return self._panel
