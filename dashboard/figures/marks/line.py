"""Curves over steps that grow as the run does: their colours and dashes, and the figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from bokeh.events import RangesUpdate, Reset, Tap
from bokeh.models import (
    ColumnDataSource,
    Line,
    MultiLine,
    Span,
    VArea,
)
from bokeh.models.glyphs import Patches

from dashboard.figures.marks import axes, prediction_lines
from dashboard.figures.marks.annotations import AnnotationLayer, placed
from dashboard.figures.marks.axes import Scale
from dashboard.figures.marks.figure import UPRIGHT, FigureOptions, add_glyph, figure, in_lines, set_range
from dashboard.figures.marks.hover import add_curve_hover
from dashboard.figures.marks.phases import EMPTY, USUAL, draw_phases, phase_columns
from dashboard.figures.marks.streamed_source import Column, StreamedSource
from dashboard.figures.overlays import OverlayCurve, Overlays, band_columns, line_columns
from dashboard.session.curves import Curve
from dashboard.session.view_state import Annotation
from dashboard.ui.formatting import readable
from dashboard.ui.notation import plain, settable
from dashboard.ui.palette import GREY, faded

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Channel, Phase, Plot
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run

DASHES = ("solid", "dotted", "dotdash", "dashdot")
COMPONENTS = 8
"""Components of a vector that are drawn as lines of their own."""

BESIDE = 2
"""Curves whose vectors are drawn beside one another, where a plot asks for it."""


@dataclass(frozen=True)
class LineSpec:
    """One line of a figure: its column, its label and the part of it that names the channel, its colour and dash."""

    column: Column
    label: str
    name: str
    color: str
    dash: str
    focus: bool = True
    """Whether this line is, or contains, the member in focus."""


def line_specs(
    plot: Plot, channels: Mapping[str, Channel], curves: Sequence[Curve], focus: int, sizes: Mapping[str, int]
) -> list[LineSpec]:
    """Choose the lines of a plot: a colour a curve, a dash a channel, fainter with each component of a vector.

    `sizes` holds the number of components of each vector channel.
    """
    specs = []
    for place, name in enumerate(plot.channels):
        vector = bool(channels[name].dims)
        for curve in _drawn_curves(curves, focus, vector, plot.beside):
            dash = DASHES[place % len(DASHES)]
            components: Sequence[int | None] = range(min(sizes.get(name, 0), COMPONENTS)) if vector else (None,)
            for component in components:
                called = plain(channels[name].label) + ("" if component is None else f" {plot.component(component)}")
                tone = curve.color if component is None else faded(curve.color, component / max(len(components) - 1, 1))
                label = called if len(curves) == 1 else f"{called}, {curve.label}"
                specs.append(
                    LineSpec(Column(curve, name, component), label, called, tone, dash, focus in curve.members)
                )
    return specs


def _drawn_curves(curves: Sequence[Curve], focus: int, vector: bool, beside: bool) -> Sequence[Curve]:
    """Choose whose lines are drawn: of a vector those of the member in focus, or of two curves beside one another."""
    if not vector:
        return curves
    if beside and len(curves) == BESIDE:
        members = [focus if focus in curve.members else curve.members[0] for curve in curves]
        return [Curve(c.key, c.label, c.color, (member,)) for c, member in zip(curves, members, strict=True)]
    chosen = [curve for curve in curves if focus in curve.members]
    return [Curve(curve.key, curve.label, curve.color, (focus,)) for curve in chosen[:1]]


FIRST_ROWS = 20
"""Rows without a value after which a figure is taken for one that stays empty."""

NO_VALUES = "It has no values with these knobs."

NEAR = 0.05
"""A click picks a curve within this share of the figure's height."""


class Click(NamedTuple):
    """A click on a figure: the recorded step nearest to it, the line where one is near, how many clicks before."""

    step: int
    line: LineSpec | None
    count: int


class LineMark:
    """One figure of streaming lines with its theory, phases, cursor and overlays."""

    numbers = None
    """The table of what is shown; None where it holds recorded steps."""

    step_legend: tuple[dict[str, str], ...] = ()
    """Legend entries of single steps."""

    def __init__(
        self, plot: Plot, engine: Engine, lines: Sequence[LineSpec], stream: StreamedSource, options: FigureOptions, *,
        on_zoom: Callable[[], None], on_reset: Callable[[], None],
        on_tap: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.engine = engine
        self.plot, self.lines, self.stream, self.options = plot, lines, stream, options
        self.scale = Scale.of_plot(plot, options.log_y)
        drawn = [(spec.column, spec.color) for spec in lines]
        self._hues = {(column.curve.key, column.channel, column.component): color for column, color in drawn}
        self._theory: list[prediction_lines.PredictionLine] = []
        self._phases: list[Phase] = []
        self._pixels = USUAL
        self.tapped: Click | None = None
        self.overlay_hues: dict[str, str] = {}
        """Hue of each other run that is drawn behind, by its label."""
        self.sources = {name: ColumnDataSource() for name in ("theory", "overlays", "bands", "phases")}
        self.figure = figure(log_x=options.log_x, log_y=self.scale.log, **_labels(plot, engine))
        self.scale.set_ticks(self.figure)
        self._draw()
        self._annotations = AnnotationLayer(self.figure, self.scale)
        self.figure.on_change("inner_width", lambda attr, old, new: self._measured(new))
        self.figure.on_event(RangesUpdate, lambda event: on_zoom())
        self.figure.on_event(Reset, lambda event: on_reset())
        self.figure.on_event(Tap, lambda event: on_tap(self._tap(event.x, event.y)))

    @property
    def empty(self) -> str:
        """Say why there is nothing to see after the first rows, nor will be; "" where there is something."""
        has_rows = any(self.stream.extents.get(spec.column.key) for spec in self.lines)
        has_data = has_rows or self._theory or self.overlay_hues
        return "" if has_data or len(self.stream.source.data["step"]) < FIRST_ROWS else NO_VALUES

    @property
    def columns(self) -> list[tuple[str, Column]]:
        """List the columns that are drawn, each with its name."""
        return [(spec.label, spec.column) for spec in self.lines]

    # -- built once ------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        self.sources["overlays"].data = self.sources["bands"].data = {"xs": [], "ys": [], "color": []}
        self.sources["theory"].data = {"xs": [], "ys": [], "color": [], "name": []}
        self.sources["phases"].data = dict(EMPTY)
        shade = Patches(xs="xs", ys="ys", fill_color="color", fill_alpha=0.15, line_color=None)
        self._shade = add_glyph(shade, self.sources["bands"], self.figure)
        self._shade.visible = False
        overlays = MultiLine(xs="xs", ys="ys", line_color="color", line_alpha=0.6, line_width=1.5)
        add_glyph(overlays, self.sources["overlays"], self.figure, name="overlays")
        draw_phases(self.figure, self.sources["phases"])
        drawn = [self._line(spec) for spec in self.lines]
        self._draw_cursor()
        add_glyph(prediction_lines.dashed_lines(line_alpha=0.95), self.sources["theory"], self.figure, name="theory")
        add_curve_hover(self, [line.glyph for line in drawn], self.figure.xaxis.axis_label)

    def _draw_cursor(self) -> None:
        self.cursor = Span(dimension="height", line_color=GREY, line_width=1.5, visible=False, location=0)
        self.figure.add_layout(self.cursor)

    def _line(self, spec: LineSpec) -> Any:
        column = spec.column
        if column.curve.band:
            self._band(spec)
        weight = _weight(spec, self.lines)
        y = self.scale.field(column.key)
        glyph = Line(x=self.x_key(column), y=y, line_color=spec.color, line_dash=spec.dash, **weight)
        return add_glyph(glyph, self.stream.source, self.figure, name=spec.label)

    def _band(self, spec: LineSpec) -> None:
        low, high = (self.scale.field(column.key) for column in self.band(spec.column))
        area = VArea(x=self.x_key(spec.column), y1=low, y2=high, fill_color=spec.color, fill_alpha=0.2)
        add_glyph(area, self.stream.source, self.figure)

    def x_key(self, column: Column) -> str:
        """Name the column of the source that stands on the horizontal axis for a curve."""
        return "step"

    def band(self, column: Column) -> tuple[Column, Column]:
        """Return the columns of the lower and the upper end of a curve's band."""
        return replace(column, statistic="low"), replace(column, statistic="high")

    # -- written at each tick, or when something changed -------------------------------------------------------

    def show_theory(self, lines: Sequence[prediction_lines.PredictionLine]) -> None:
        """Replace the theory lines."""
        mine = [line for line in lines if line.key in self._hues]
        self._theory = mine
        data = prediction_lines.line_columns(mine, [self._hue(line) for line in mine])
        data["ys"] = [self.scale.places(y).tolist() for y in data["ys"]]
        self.sources["theory"].data = data

    def theory_lines(self) -> list[tuple[prediction_lines.PredictionLine, str]]:
        """List the theory lines that are drawn, each with its hue."""
        return [(line, self._hue(line)) for line in self._theory]

    def _hue(self, line: prediction_lines.PredictionLine) -> str:
        return GREY if line.prediction.broken else self._hues[line.key]

    def show_phases(self, phases: Sequence[Phase]) -> None:
        """Replace the named spans."""
        self._phases = [phase for phase in phases if np.isfinite(phase.step)]
        self._place_labels()

    def _measured(self, pixels: float) -> None:
        """Hear from the browser how wide the figure is."""
        self._pixels = pixels
        self._place_labels()

    def _place_labels(self) -> None:
        """Name the phases again: how wide they are changes with the range."""
        window = self.figure.x_range.start, self.figure.x_range.end
        data = phase_columns(self._phases, window, self.options.log_x, self._pixels)
        if data != dict(self.sources["phases"].data):
            self.sources["phases"].data = data

    def show_overlays(self, overlays: Overlays) -> None:
        """Draw other runs' channels behind."""
        self._put_overlays([curve for name in self.plot.channels for curve in overlays.get(name, ())])

    def _put_overlays(self, curves: Sequence[OverlayCurve]) -> None:
        self.overlay_hues = {curve.label: curve.color for curve in curves}
        self.sources["overlays"].data = line_columns(curves, self.scale.places)
        shades = band_columns(curves, self.scale.places)
        if shades["xs"]:  # browsers cannot draw patches that have all gone
            self.sources["bands"].data = shades
        self._shade.visible = bool(shades["xs"])

    def show_cursor(self, run: Run, step: int, scrubbing: bool) -> None:
        """Mark the step that is shown, where it is not the newest."""
        if scrubbing:
            self.cursor.update(location=float(step), visible=True)
        elif self.cursor.visible:
            self.cursor.visible = False

    def show_annotations(self, run: Run, notes: Sequence[Annotation]) -> list[str]:
        """Draw what the reader wrote on this figure, measure the slopes that were asked for; returns the texts."""
        mine = [note for note in notes if note.plot == self.plot.name and self.plot.x == "step"]
        columns = [line.column for line in self.lines]
        drawn = list(placed(mine, columns, run, self.options.log_x, self.scale))
        self._annotations.show(drawn)
        return [each.text for each in drawn]

    def follow(self, step: int, horizon: int) -> None:
        """Set the ranges to what has happened so far, unless the reader zoomed."""
        if not self.options.follow:
            return
        keys = [spec.column.key for spec in self.lines]
        data = self.stream.extent(keys, self.scale.log or self.scale.threshold > 0)
        law = self._follow_x(step, horizon)
        window = axes.value_range(self.scale.extent(data), self.scale.extent(law), self.scale.log)
        if window and any(self.sources["phases"].data["text"]):
            window = axes.raised(window, self.scale.log)
        set_range(self.figure.y_range, window, self.scale.log)

    def _follow_x(self, step: int, horizon: int) -> axes.Extent | None:
        """Set the horizontal range; returns the extent of theory in it."""
        window = axes.step_range(step, horizon, self.options.log_x)
        set_range(self.figure.x_range, window, self.options.log_x)
        self._place_labels()
        return axes.union(self._theory_extent(line, window[1]) for line in self._theory)

    def _theory_extent(self, line: prediction_lines.PredictionLine, end: float) -> axes.Extent | None:
        # A bound may be far off, and so may a law where it does not hold: neither decides what is in sight.
        good = line.prediction.kind == "law" and not line.prediction.broken
        return axes.extent(line.prediction.values[line.steps <= end]) if good else None

    def copy_ranges(self, other: LineMark) -> None:
        """Show the part of the plane that another figure showed."""
        for mine, theirs in ((self.figure.x_range, other.figure.x_range), (self.figure.y_range, other.figure.y_range)):
            mine.update(start=theirs.start, end=theirs.end)

    def nearest_line(self, x: float, y: float) -> LineSpec | None:
        """Find the line nearest to a point of the plane; None where none is near."""
        near = [(self._distance(spec.column, x, y), place) for place, spec in enumerate(self.lines)]
        nearest = min((pair for pair in near if pair[0] < NEAR), default=None)
        return self.lines[nearest[1]] if nearest else None

    def nearest_curve(self, x: float, y: float) -> str:
        """Find the key of the curve nearest to a point of the plane; "" where none is near."""
        line = self.nearest_line(x, y)
        return line.column.curve.key if line else ""

    def _tap(self, x: float, y: float) -> str:
        """Remember the recorded step nearest to a click, and its line; returns the curve of that."""
        steps = np.asarray(self.stream.source.data["step"], float)
        count = self.tapped.count + 1 if self.tapped else 0
        if len(steps):
            self.tapped = Click(int(steps[np.abs(steps - x).argmin()]), self.nearest_line(x, y), count)
        return self.nearest_curve(x, y)

    def annotation(self, step: int, to: int | None, text: str) -> Annotation:
        """Make an annotation of the line that was clicked last, or of the first that holds the member in focus."""
        line = self.tapped.line if self.tapped else None
        line = line or next((line for line in self.lines if line.focus), self.lines[0])
        column = line.column
        return Annotation(self.plot.name, column.channel, column.curve.members[0], step, to, text, column.component)

    def _distance(self, column: Column, x: float, y: float) -> float:
        data = self.stream.source.data
        rows = np.asarray(data["step"], float)
        if not len(rows):
            return np.nan
        value = data[column.key][int(np.abs(rows - x).argmin())]
        return float(abs(self._up(self.scale.places(value)) - self._up(y)))

    def _up(self, places: Any) -> np.ndarray:
        return axes.fraction(places, (self.figure.y_range.start, self.figure.y_range.end), self.scale.log)

    # -- what the heading says ---------------------------------------------------------------------------------

    def broken_assumptions(self) -> str:
        """Say why theory lines are grey, and for which curves; "" when none is."""
        reasons: dict[str, list[str]] = {}
        for line in self._theory:
            if line.prediction.broken:
                reasons.setdefault(line.prediction.broken, []).append(line.curve.label)
        every = {line.curve.label for line in self._theory}
        return readable(plain(prediction_lines.broken_assumptions(reasons, every)), self.engine.Config.knobs())

    def theory_titles(self) -> dict[str, tuple[str, bool]]:
        """Titles of the theory lines, each with what else is to be said of it, and whether it is valid somewhere."""
        titles: dict[str, tuple[str, bool]] = {}
        for line in self._theory:
            title, more = prediction_lines.title(line.prediction)
            before, valid = titles.get(title, ("", False))
            titles[title] = before or more, valid or not line.prediction.broken
        return titles


def _labels(plot: Plot, engine: Engine) -> dict[str, Any]:
    first = engine.channel(plot.channels[0])
    unit = f" [{first.unit}]" if first.unit else ""
    short = 2 < len(first.formula) <= UPRIGHT and settable(first.formula)  # one letter alone tells a newcomer nothing
    y = plain(first.formula if short else first.label) + unit if len(plot.channels) == 1 else ""
    x = plot.x if plot.x == "step" else plain(engine.channel(plot.x).label)
    return {"x_axis_label": x, "y_axis_label": in_lines(y)}


def _weight(spec: LineSpec, lines: Sequence[LineSpec]) -> dict[str, Any]:
    """Width and opacity: the member in focus stands out; the more others there are, the more."""
    if all(line.focus for line in lines):
        return {"line_width": 2}
    crowd = len({line.column.curve.key for line in lines}) > 8
    return {"line_width": 3} if spec.focus else {"line_width": 1.8, "line_alpha": 0.75 if crowd else 1.0}
