"""Curves over steps that grow as the run does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.events import RangesUpdate, Reset, Tap
from bokeh.models import (
    BasicTickFormatter,
    ColumnDataSource,
    HoverTool,
    LabelSet,
    Line,
    MultiLine,
    Span,
    VArea,
    VSpan,
)
from bokeh.models.glyphs import Patches

from dashboard.figures.marks import labels, ranges, theory
from dashboard.figures.marks.feed import Column, Feed
from dashboard.figures.marks.figure import TALL, bare, figure, move
from dashboard.figures.marks.scale import Scale
from dashboard.figures.marks.strokes import Look, Stroke
from dashboard.figures.overlays import Ghost, Ghosts, band_columns, line_columns
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Phase, Plot
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run

NEAR = 0.05
"""A click picks a curve within this share of the figure's height."""


class LineMark:
    """One figure of streaming lines with its theory, phases, cursor and ghost."""

    numbers = None
    """What is shown as a table; None where the recorded steps are."""

    moments: tuple[dict[str, str], ...] = ()
    """What the legend says of single steps."""

    def __init__(
        self, plot: Plot, engine: Engine, lines: Sequence[Stroke], feed: Feed, look: Look, *,
        primary: bool, on_zoom: Callable[[], None], on_reset: Callable[[], None],
        on_tap: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.plot, self.lines, self.feed, self.look = plot, lines, feed, look
        self.scale = Scale.of(plot, look.log_y)
        drawn = [(stroke.column, stroke.color) for stroke in lines]
        self._hues = {(column.curve.key, column.channel, column.component): color for column, color in drawn}
        self._theory: list[theory.Line] = []
        self._phases: list[Phase] = []
        self.behind: dict[str, str] = {}
        """Which other runs are drawn behind, and in what hue."""
        self._sources = {name: ColumnDataSource() for name in ("theory", "ghost", "bands", "phases")}
        self.figure = figure(log_x=look.log_x, log_y=self.scale.log, **_labels(plot, engine), **_height(primary))
        self.scale.dress(self.figure)
        self._draw()
        self.figure.on_event(RangesUpdate, lambda event: on_zoom())
        self.figure.on_event(Reset, lambda event: on_reset())
        self.figure.on_event(Tap, lambda event: on_tap(self.under(event.x, event.y)))

    @property
    def columns(self) -> list[tuple[str, Column]]:
        """What is drawn, by name."""
        return [(stroke.label, stroke.column) for stroke in self.lines]

    # -- built once ------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        self._sources["ghost"].data = self._sources["bands"].data = {"xs": [], "ys": [], "color": []}
        self._sources["theory"].data = {"xs": [], "ys": [], "color": [], "name": []}
        self._sources["phases"].data = {"x": [], "label": [], "lift": [], "shift": [], "side": []}
        shade = Patches(xs="xs", ys="ys", fill_color="color", fill_alpha=0.15, line_color=None)
        self._shade = bare(shade, self._sources["bands"], self.figure)
        self._shade.visible = False
        ghost = MultiLine(xs="xs", ys="ys", line_color="color", line_alpha=0.6, line_width=1.5)
        bare(ghost, self._sources["ghost"], self.figure, name="ghost")
        self._draw_phases()
        drawn = [self._line(stroke) for stroke in self.lines]
        self._draw_cursor()
        dashed = MultiLine(xs="xs", ys="ys", line_color="color", line_dash=[7, 5], line_width=1.6, line_alpha=0.95)
        law = bare(dashed, self._sources["theory"], self.figure, name="theory")
        self._hover(drawn, law)

    def _draw_cursor(self) -> None:
        if not self.look.log_x:
            self.figure.xaxis.formatter = BasicTickFormatter(use_scientific=False)
        self.cursor = Span(dimension="height", line_color=GREY, line_width=1.5, visible=False, location=0)
        self.figure.add_layout(self.cursor)

    def _line(self, stroke: Stroke) -> Any:
        column = stroke.column
        if column.curve.band:
            self._band(stroke)
        weight = _weight(stroke, self.lines)
        y = self.scale.field(column.key)
        glyph = Line(x=self._x(column), y=y, line_color=stroke.color, line_dash=stroke.dash, **weight)
        return bare(glyph, self.feed.source, self.figure, name=stroke.label)

    def _band(self, stroke: Stroke) -> None:
        keys = (replace(stroke.column, part=part).key for part in ("low", "high"))
        low, high = map(self.scale.field, keys)
        area = VArea(x=self._x(stroke.column), y1=low, y2=high, fill_color=stroke.color, fill_alpha=0.2)
        bare(area, self.feed.source, self.figure)

    def _x(self, column: Column) -> str:
        return "step"

    def _draw_phases(self) -> None:
        line = VSpan(x="x", line_color=GREY, line_dash="dotted", line_width=1.2)
        bare(line, self._sources["phases"], self.figure)
        text = LabelSet(
            x="x", y="lift", y_units="screen", text="label", source=self._sources["phases"], x_offset="shift",
            text_align="side", text_font_size="11px", text_color=GREY,
        )  # fmt: skip
        self.figure.add_layout(text)

    def _hover(self, drawn: list[Any], law: Any) -> None:
        y, reading = self.scale.reading()
        rows = [("", "$name"), ("step", "@step{0,0}"), *self._across(), (self.plot.title, y)]
        self.figure.add_tools(HoverTool(renderers=drawn, tooltips=rows, line_policy="nearest", formatters=reading))
        self.figure.add_tools(HoverTool(renderers=[law], tooltips=[("", "@name"), ("value", y)], formatters=reading))

    def _across(self) -> list[tuple[str, str]]:
        """What the hover says of the horizontal axis beside the step."""
        return []

    # -- written at each tick, or when something changed -------------------------------------------------------

    def show_theory(self, lines: Sequence[theory.Line]) -> None:
        """Replace the theory lines."""
        mine = [line for line in lines if line.subject in self._hues]
        self._theory = mine
        data: dict[str, Any] = theory.columns(mine, [self._hue(line) for line in mine])
        data["ys"] = [self.scale.places(y).tolist() for y in data["ys"]]
        self._sources["theory"].data = data

    def _hue(self, line: theory.Line) -> str:
        return GREY if line.prediction.broken else self._hues[line.subject]

    def show_phases(self, phases: Sequence[Phase]) -> None:
        """Replace the labelled vertical lines."""
        self._phases = [phase for phase in phases if np.isfinite(phase.step)]
        self._place()

    def _place(self) -> None:
        """Label the phases again: how close they lie changes with the range."""
        window = self.figure.x_range.start, self.figure.x_range.end
        data = labels.columns(self._phases, window, self.look.log_x)
        if data != dict(self._sources["phases"].data):
            self._sources["phases"].data = data

    def show_ghost(self, others: Ghosts) -> None:
        """Draw other runs' channels behind."""
        self._put_ghost([ghost for name in self.plot.channels for ghost in others.get(name, ())])

    def _put_ghost(self, found: Sequence[Ghost]) -> None:
        self.behind = {ghost.label: ghost.color for ghost in found}
        self._sources["ghost"].data = line_columns(found, self.scale.places)
        shades = band_columns(found, self.scale.places)
        if shades["xs"]:  # browsers cannot draw patches that have all gone
            self._sources["bands"].data = shades
        self._shade.visible = bool(shades["xs"])

    def show_cursor(self, run: Run, step: int, scrubbing: bool) -> None:
        """Mark the step that is looked at, where it is not the newest."""
        if scrubbing:
            self.cursor.update(location=float(step), visible=True)
        elif self.cursor.visible:
            self.cursor.visible = False

    def follow(self, step: int, horizon: int) -> None:
        """Set the ranges to what has happened so far, unless the reader zoomed."""
        if not self.look.follow:
            return
        keys = [stroke.column.key for stroke in self.lines]
        data = ranges.capped(ranges.union(map(self.feed.extents.get, keys)), self.feed.ceiling(keys))
        law = self._follow_across(step, horizon)
        window = ranges.values(self.scale.extent(data), self.scale.extent(law), self.scale.log)
        move(self.figure.y_range, window, self.scale.log)

    def _follow_across(self, step: int, horizon: int) -> ranges.Extent | None:
        """Set the horizontal range; returns the extent of theory in it."""
        window = ranges.steps(step, horizon, self.look.log_x)
        move(self.figure.x_range, window, self.look.log_x)
        self._place()
        return ranges.union(self._seen(line, window[1]) for line in self._theory)

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
        near = [(self._apart(stroke.column, x, y), stroke.column.curve.key) for stroke in self.lines]
        return min((pair for pair in near if pair[0] < NEAR), default=(0.0, ""))[1]

    def _apart(self, column: Column, x: float, y: float) -> float:
        data = self.feed.source.data
        rows = np.asarray(data["step"], float)
        if not len(rows):
            return np.nan
        value = data[column.key][int(np.abs(rows - x).argmin())]
        return float(abs(self._up(self.scale.places(value)) - self._up(y)))

    def _up(self, places: Any) -> np.ndarray:
        return ranges.share(places, (self.figure.y_range.start, self.figure.y_range.end), self.scale.log)

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
        """What the theory lines in sight are called, and whether each is valid somewhere."""
        found: dict[str, bool] = {}
        for line in self._theory:
            title = theory.title(line.prediction)
            found[title] = found.get(title, False) or not line.prediction.broken
        return found


def _labels(plot: Plot, engine: Engine) -> dict[str, str]:
    first = engine.channel(plot.channels[0])
    unit = f" [{first.unit}]" if first.unit else ""
    y = (first.formula or first.label) + unit if len(plot.channels) == 1 else ""
    return {"x_axis_label": plot.x if plot.x == "step" else engine.channel(plot.x).label, "y_axis_label": y}


def _weight(stroke: Stroke, lines: Sequence[Stroke]) -> dict[str, Any]:
    """The member in focus stands out; the more others there are, the more."""
    if all(line.focus for line in lines):
        return {"line_width": 2}
    crowd = len({line.column.curve.key for line in lines}) > 8
    return {"line_width": 3} if stroke.focus else {"line_width": 1.8, "line_alpha": 0.75 if crowd else 1.0}


def _height(primary: bool) -> dict[str, int]:
    return {"height": TALL} if primary else {}
