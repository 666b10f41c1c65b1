"""Curves over steps, or over another channel, that grow as the run does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.events import RangesUpdate, Reset, Tap
from bokeh.models import ColumnDataSource, HoverTool, LabelSet, Line, MultiLine, Span, VArea, VSpan

from dashboard.marks import labels, ranges, theory
from dashboard.marks.feed import Column, Feed
from dashboard.marks.figure import TALL, bare, figure
from dashboard.marks.strokes import Look, Stroke
from dashboard.palette import GREY

if TYPE_CHECKING:
    from engines.core.engine import Engine, Phase, Plot


NEAR = 0.05
"""A click picks a curve within this share of the figure's height."""


class LineMark:
    """One figure of streaming lines with its theory, phases, cursor and ghost."""

    def __init__(
        self, plot: Plot, engine: Engine, lines: Sequence[Stroke], feed: Feed, look: Look, *,
        primary: bool, on_zoom: Callable[[], None], on_reset: Callable[[], None],
        on_tap: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.plot, self.lines, self.feed, self.look = plot, lines, feed, look
        self.over_steps = plot.x == "step"
        self._hues = {(stroke.column.curve.key, stroke.column.channel): stroke.color for stroke in lines}
        self._theory: list[theory.Line] = []
        self._phases: list[Phase] = []
        self._sources = {name: ColumnDataSource() for name in ("theory", "ghost", "phases")}
        self.figure = figure(log_x=look.log_x, log_y=look.log_y, **_labels(plot, engine), **_height(primary))
        self._draw()
        self.figure.on_event(RangesUpdate, lambda event: on_zoom())
        self.figure.on_event(Reset, lambda event: on_reset())
        self.figure.on_event(Tap, lambda event: on_tap(self.under(event.x, event.y)))

    # -- built once ------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        self._sources["ghost"].data = {"xs": [], "ys": []}
        self._sources["theory"].data = {"xs": [], "ys": [], "color": [], "name": []}
        self._sources["phases"].data = {"x": [], "label": [], "lift": [], "shift": [], "side": []}
        ghost = MultiLine(xs="xs", ys="ys", line_color=GREY, line_alpha=0.55, line_width=1.5)
        bare(ghost, self._sources["ghost"], self.figure)
        self._draw_phases()
        drawn = [self._line(stroke) for stroke in self.lines]
        dashed = MultiLine(xs="xs", ys="ys", line_color="color", line_dash=[7, 5], line_width=1.6, line_alpha=0.95)
        law = bare(dashed, self._sources["theory"], self.figure, name="theory")
        self.cursor = Span(dimension="height", line_color=GREY, line_width=1.5, visible=False, location=0)
        self.figure.add_layout(self.cursor)
        self._hover(drawn, law)

    def _line(self, stroke: Stroke) -> Any:
        column, x = stroke.column, self._x(stroke.column)
        if column.curve.band and self.over_steps:
            low, high = (Column(column.curve, column.channel, column.component, part).key for part in ("low", "high"))
            area = VArea(x=x, y1=low, y2=high, fill_color=stroke.color, fill_alpha=0.2)
            bare(area, self.feed.source, self.figure)
        glyph = Line(x=x, y=column.key, line_color=stroke.color, line_dash=stroke.dash, **_weight(stroke, self.lines))
        return bare(glyph, self.feed.source, self.figure, name=stroke.label)

    def _x(self, column: Column) -> str:
        return "step" if self.over_steps else Column(column.curve, self.plot.x).key

    def _draw_phases(self) -> None:
        line = VSpan(x="x", line_color=GREY, line_dash="dotted", line_width=1.2)
        bare(line, self._sources["phases"], self.figure)
        text = LabelSet(
            x="x", y="lift", y_units="screen", text="label", source=self._sources["phases"], x_offset="shift",
            text_align="side", text_font_size="11px", text_color=GREY,
        )  # fmt: skip
        self.figure.add_layout(text)

    def _hover(self, drawn: list[Any], law: Any) -> None:
        x = ("step", "@step{0,0}")
        rows = [("", "$name"), x, (self.plot.title, "$snap_y{0.0000e+0}")]
        self.figure.add_tools(HoverTool(renderers=drawn, tooltips=rows, line_policy="nearest"))
        self.figure.add_tools(HoverTool(renderers=[law], tooltips=[("", "@name"), ("value", "$snap_y{0.0000e+0}")]))

    # -- written at each tick, or when something changed -------------------------------------------------------

    def show_theory(self, lines: Sequence[theory.Line]) -> None:
        """Replace the theory lines."""
        mine = [line for line in lines if (line.curve.key, line.prediction.channel) in self._hues]
        self._theory = mine if self.over_steps else []
        self._sources["theory"].data = theory.columns(self._theory, [self._hue(line) for line in self._theory])

    def _hue(self, line: theory.Line) -> str:
        return GREY if line.prediction.broken else self._hues[line.curve.key, line.prediction.channel]

    def show_phases(self, phases: Sequence[Phase]) -> None:
        """Replace the labelled vertical lines."""
        self._phases = [phase for phase in phases if np.isfinite(phase.step)] if self.over_steps else []
        self._place()

    def _place(self) -> None:
        """Label the phases again: how close they lie changes with the range."""
        window = self.figure.x_range.start, self.figure.x_range.end
        data = labels.columns(self._phases, window, self.look.log_x)
        if data != dict(self._sources["phases"].data):
            self._sources["phases"].data = data

    def show_ghost(self, lines: Mapping[str, list[tuple[np.ndarray, np.ndarray]]]) -> None:
        """Draw another run's channels in grey."""
        found = [line for name in self.plot.channels for line in lines.get(name, ())] if self.over_steps else []
        data = {"xs": [x.tolist() for x, _ in found], "ys": [y.tolist() for _, y in found]}
        self._sources["ghost"].data = data

    def show_cursor(self, step: int | None) -> None:
        """Put the cursor at a step, or hide it."""
        if step is not None and self.over_steps:
            self.cursor.update(location=float(step), visible=True)
        elif self.cursor.visible:
            self.cursor.visible = False

    def follow(self, step: int, horizon: int) -> None:
        """Set the ranges to what has happened so far, unless the reader zoomed."""
        if not self.look.follow:
            return
        keys = [stroke.column.key for stroke in self.lines]
        data = ranges.capped(ranges.union(map(self.feed.extents.get, keys)), self.feed.ceiling(keys))
        if self.over_steps:
            window = ranges.steps(step, horizon, self.look.log_x)
            _move(self.figure.x_range, window, self.look.log_x)
            self._place()
            law = ranges.union(self._seen(line, window[1]) for line in self._theory)
        else:
            extent = ranges.union(self.feed.extents.get(self._x(stroke.column)) for stroke in self.lines)
            _move(self.figure.x_range, ranges.values(extent, None, self.look.log_x), self.look.log_x)
            law = None
        _move(self.figure.y_range, ranges.values(data, law, self.look.log_y), self.look.log_y)

    def _seen(self, line: theory.Line, end: float) -> ranges.Extent | None:
        # A bound may be far off, and so may a law where it does not hold: neither decides what is in sight.
        good = line.prediction.kind == "law" and not line.prediction.broken
        return ranges.extent(line.prediction.values[line.steps <= end]) if good else None

    @property
    def phased(self) -> bool:
        """Whether phases are marked."""
        return bool(self._phases)

    def keep(self, other: LineMark) -> None:
        """Show the part of the plane that another figure showed."""
        for mine, theirs in ((self.figure.x_range, other.figure.x_range), (self.figure.y_range, other.figure.y_range)):
            mine.update(start=theirs.start, end=theirs.end)

    def under(self, x: float, y: float) -> str:
        """The key of the curve nearest to a point of the plane; "" where none is near."""
        data = self.feed.source.data
        rows = np.asarray(data["step"], float)
        if not self.over_steps or not len(rows):
            return ""
        row = int(np.abs(rows - x).argmin())
        span = self.figure.y_range.start, self.figure.y_range.end
        near = {ranges.apart(data[s.column.key][row], y, span, self.look.log_y): s.column.curve.key for s in self.lines}
        closest = min(near, default=1.0)
        return near[closest] if closest < NEAR else ""

    # -- what the heading says ---------------------------------------------------------------------------------

    def broken(self) -> str:
        """Why theory lines are grey, and for which curves; "" when none is."""
        reasons: dict[str, list[str]] = {}
        for line in self._theory:
            if line.prediction.broken:
                reasons.setdefault(line.prediction.broken, []).append(line.curve.label)
        every = {line.curve.label for line in self._theory}
        return theory.reasons(reasons, every)

    def laws(self) -> dict[str, bool]:
        """The labels of the theory lines in sight, and whether each is valid somewhere."""
        found: dict[str, bool] = {}
        for line in self._theory:
            found[line.prediction.label] = found.get(line.prediction.label, False) or not line.prediction.broken
        return found


def _move(target: Any, window: tuple[float, float] | None, log: bool) -> None:
    """Change a range when it is off by more than a reader would notice."""
    if window is None:
        return
    old, new = np.array([target.start, target.end], float), np.array(window, float)
    if log:
        old, new = np.log10(np.maximum(old, 1e-300)), np.log10(np.maximum(new, 1e-300))
    if np.abs(old - new).max() > 0.01 * (new[1] - new[0]):
        target.update(start=window[0], end=window[1])


def _labels(plot: Plot, engine: Engine) -> dict[str, str]:
    first = engine.channel(plot.channels[0])
    unit = f" [{first.unit}]" if first.unit else ""
    y = (first.formula or first.label) + unit if len(plot.channels) == 1 else ""
    return {"x_axis_label": plot.x if plot.x == "step" else engine.channel(plot.x).label, "y_axis_label": y}


def _weight(stroke: Stroke, lines: Sequence[Stroke]) -> dict[str, float]:
    """The member in focus stands out; the more others there are, the more."""
    if all(line.focus for line in lines):
        return {"line_width": 2}
    crowd = len({line.column.curve.key for line in lines}) > 8
    return {"line_width": 3} if stroke.focus else {"line_width": 1.8, "line_alpha": 0.75 if crowd else 1.0}


def _height(primary: bool) -> dict[str, int]:
    return {"height": TALL} if primary else {}
