"""Sweeps: which knob of an ensemble is swept, the series of members over it, and their numbers at one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, MultiLine, Scatter

from dashboard.figures.marks import axes, prediction_lines
from dashboard.figures.marks.figure import add_glyph, in_lines, set_range
from dashboard.figures.marks.hover import add_hover
from dashboard.figures.marks.line import NEAR
from dashboard.figures.marks.step_mark import StepData, StepMark, axis_label
from dashboard.figures.tables import NumbersTable
from dashboard.session.curves import curves, is_seed, member_label, numeric_knobs, swept_knob
from dashboard.ui.formatting import describe, knob_name, number
from dashboard.ui.notation import plain
from dashboard.ui.palette import GREY, QUALITATIVE
from engines.core.protocol.config import varied

if TYPE_CHECKING:
    from engines.core.protocol.config import Config, Knob
    from engines.core.protocol.declarations import Plot
    from engines.core.protocol.engine import Preset

MOST_SERIES = 12
"""Series that are drawn; more hues could not be told apart. Where a few hues stand for families, twice as many."""

FEWEST = 4
"""Families of curves that are worth a ranking: fewer are compared where they run."""

LONGEST_DOC = 40
"""Letters of a knob's doc that fit beside an axis."""

ENOUGH_POSITIVE = 3
"""Positive values of a logarithmic knob that are worth an axis without its zero."""


@dataclass(frozen=True)
class SweepSeries:
    """Members alike in all varied knobs but the swept one, those that follow it, and the seed; by the swept value."""

    label: str
    color: str
    points: dict[float, tuple[int, ...]]


@dataclass(frozen=True)
class SweptEnsemble:
    """An ensemble over the knob that is swept. `total` counts the series, those that are not drawn too.

    `colors` are those of the members on every plot. A series has the hue that its members share, grey where they
    share none.
    """

    knob: Knob
    log: bool
    series: tuple[SweepSeries, ...]
    total: int
    colors: tuple[str, ...]


def plots_without_knobs(plots: Sequence[Plot], configs: Sequence[Config]) -> frozenset[str]:
    """Name the sweeps and maps for which too few knobs of an ensemble vary, and rankings of what is one family."""
    numbers, every = len(numeric_knobs(configs)), curves(configs)
    too_few = {"sweep": numbers < 1, "map": numbers < 2, "ranking": len({c.hue or c.color for c in every}) < FEWEST}
    one_knob = numbers == 1 and len(_varied_knobs(configs)) == 1
    return frozenset(plot.name for plot in plots if too_few.get(plot.kind) or (plot.kind == "ranking" and one_knob))


def two_most_varied(configs: Sequence[Config]) -> tuple[str, str] | None:
    """Find the two numeric knobs that vary most; None where fewer vary."""
    ranked = sorted(numeric_knobs(configs), key=lambda name: -_count_values(configs, name, range(len(configs))))
    return (ranked[0], ranked[1]) if len(ranked) > 1 else None


def read_sweep(configs: Sequence[Config], preset: Preset | None = None) -> SweptEnsemble | None:
    """Read an ensemble as a sweep; None where no numeric knob varies."""
    swept = swept_knob(configs)
    if swept is None:
        return None
    knob = configs[0].knob(swept)
    drawn = {member: curve for curve in curves(configs, False, preset=preset) for member in curve.members}
    log = knob.log and _worth_a_log_axis({getattr(config, knob.name) for config in configs})
    names = [name for name in _varied_knobs(configs) if not _is_set_by(configs, name, knob.name)]
    groups = _grouped_members(configs, names)
    firsts = [configs[members[0]] for members in groups]
    hidden = set(configs[0].knobs()) - set(names)
    hues = [_common({drawn[m].hue or drawn[m].color for m in members}) for members in groups]
    families = GREY not in hues and len(set(hues)) <= len(QUALITATIVE)
    series = [
        SweepSeries(member_label(firsts, place, hidden, preset), hues[place], _points(configs, members, knob.name, log))
        for place, members in enumerate(groups[: 2 * MOST_SERIES if families else MOST_SERIES])
    ]
    return SweptEnsemble(knob, log, tuple(series), len(groups), tuple(drawn[m].color for m in range(len(configs))))


def _common(hues: set[str]) -> str:
    return (hues.pop() if len(hues) == 1 else "") or GREY


def _worth_a_log_axis(values: set[float]) -> bool:
    """Decide whether an axis without the zero says more than one on which all others lie beside it."""
    return min(values) > 0 or sum(value > 0 for value in values) >= ENOUGH_POSITIVE


def _is_set_by(configs: Sequence[Config], name: str, leader: str) -> bool:
    """Decide whether a knob's value is set by that of another, so that it tells no series apart.

    One that stays as it is while the other takes several values does: there is a line to draw for each of its values.
    """
    follows = all(_count_values(configs, name, members) == 1 for members in _grouped_members(configs, [leader]))
    alone = [_count_values(configs, leader, members) == 1 for members in _grouped_members(configs, [name])]
    return follows and any(alone)


def _points(configs: Sequence[Config], members: Sequence[int], knob: str, log: bool) -> dict[float, tuple[int, ...]]:
    points: dict[float, tuple[int, ...]] = {}
    for member in sorted(members, key=lambda member: getattr(configs[member], knob)):
        value = getattr(configs[member], knob)
        if value > 0 or not log:
            points[value] = (*points.get(value, ()), member)
    return points


def _varied_knobs(configs: Sequence[Config]) -> list[str]:
    return [name for name in varied(configs) if not is_seed(name)]


def _grouped_members(configs: Sequence[Config], names: Sequence[str]) -> list[list[int]]:
    """Group the members by their values of some knobs."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for member, config in enumerate(configs):
        groups.setdefault(tuple(getattr(config, name) for name in names), []).append(member)
    return list(groups.values())


def _count_values(configs: Sequence[Config], name: str, members: Sequence[int]) -> int:
    return len({getattr(configs[member], name) for member in members})


DOT, FOCUS = 7, 12
"""Sizes of the dots, and of the one in focus."""

THIN, WIDE = 1.4, 3.0
"""Widths of the lines, and of the one through the member in focus."""

CROWD = 100
"""Number of dots from which on they are smaller."""


class SweepMark(StepMark):
    """A dot a member, a line through the medians over seeds, and theory dashed in the same hue."""

    sweep: SweptEnsemble | None = None
    predictions: prediction_lines.SweepPredictions
    _configs: tuple[Any, ...] = ()
    _log_x = False

    def draw(self) -> None:
        """Add the lines, the dots and the hovers."""
        self.channel = self.engine.channel(self.plot.channels[0])
        self.figure.yaxis.axis_label = in_lines(axis_label(self.channel))
        self.lines = ColumnDataSource({"xs": [], "ys": [], "color": [], "width": []})
        self.dashed = ColumnDataSource({"xs": [], "ys": [], "color": []})
        self.source.data = {name: [] for name in ("x", "y", "color", "size", "rim", "name", "who")}
        style = {"fill_color": "color", "fill_alpha": 0.8, "line_color": "rim"}
        dots = add_glyph(Scatter(x="x", y=self.scale.field("y"), size="size", **style), self.source, self.figure)
        add_glyph(MultiLine(xs="xs", ys="ys", line_color="color", line_width="width"), self.lines, self.figure)
        add_glyph(prediction_lines.dashed_lines(), self.dashed, self.figure, name="theory")
        add_hover(self.figure, [dots], [("", "@name"), ("", "@who"), (plain(self.channel.label), "@y")])
        self.figure.on_event(Tap, lambda event: self.tap(event.x, event.y))

    def fill(self, now: StepData) -> None:
        """Draw everything at this step; the sweep itself is read once for each ensemble."""
        configs = tuple(now.run.configs)
        if configs != self._configs:
            self._configs, self.sweep = configs, read_sweep(configs, now.run.preset)
            self._set_axis()
            self._place_dots()
        if self.sweep:
            self._show(self.sweep, now)

    def _set_axis(self) -> None:
        """Label the knob's axis, and hide both where there is nothing to show."""
        log = bool(self.sweep and self.sweep.log)
        if log != self._log_x:
            self._log_x = log
            self.build(log)
        self.figure.axis.visible = self.figure.grid.visible = self.sweep is not None
        if self.sweep:
            knob = self.sweep.knob
            unit = f" [{knob.unit}]" if knob.unit else ""
            self.figure.xaxis.axis_label = _axis_name(knob) + unit

    def _place_dots(self) -> None:
        """Send one dot a member; from here on their heights alone are sent."""
        self.note, self.legend, self.numbers = "", [], None
        dots = [(series, x, m) for series in self._series() for x, members in series.points.items() for m in members]
        self._members = [member for _, _, member in dots]
        points = [[self._configs[m] for m in members] for s in self._series() for members in s.points.values()]
        self.predictions = prediction_lines.SweepPredictions(self.engine, self.channel.name, points)
        self.source.data = {
            "x": [x for _, x, _ in dots],
            "y": [np.nan] * len(dots),
            "color": [self.sweep.colors[m] for _, _, m in dots] if self.sweep else [],
            "size": [0] * len(dots),
            "rim": [self.sweep.colors[m] for _, _, m in dots] if self.sweep else [],
            "name": [series.label for series, _, _ in dots],
            "who": self._names(),
        }
        self.lines.data = {"xs": [], "ys": [], "color": [], "width": []}
        self.dashed.data = {"xs": [], "ys": [], "color": []}

    def _series(self) -> Sequence[SweepSeries]:
        return self.sweep.series if self.sweep else ()

    def _names(self) -> list[str]:
        """Name what tells each dot from the others of its series."""
        names = (
            [name for name in varied(self._configs) if is_seed(name) or name == self.sweep.knob.name]
            if self.sweep
            else []
        )
        chosen = [self._configs[member] for member in self._members]
        return [describe({name: getattr(config, name) for name in names}, config.knobs()) for config in chosen]

    def _show(self, sweep: SweptEnsemble, now: StepData) -> None:
        values = now.finite_scalar(self.channel.name)
        dots: Any = self.source.data
        dots["y"] = values[self._members].tolist()
        self._mark_focus(now.focus)
        medians = [np.array([_median(values[list(m)]) for m in s.points.values()]) for s in sweep.series]
        laws = self._laws(sweep, now)
        widths = [WIDE if _holds(series, now.focus) else THIN for series in sweep.series]
        lines: dict[str, Any] = self._paths(medians) | {"width": widths}
        self.lines.data, self.dashed.data = lines, self._paths(laws)
        self._set_ranges(sweep, values[self._members], laws)
        gone = (now.run.diverged_at >= 0) & (now.step >= now.run.diverged_at)
        self._describe(sweep, medians, laws, values, int(gone.sum()))
        self.legend = _legend(sweep, now.focus, plain(self.channel.label)) + self._law_sample(laws)

    def _mark_focus(self, focus: int) -> None:
        """Make the member in focus larger, and ringed."""
        dot = DOT if len(self._members) < CROWD else DOT / 2
        sizes = [FOCUS if member == focus else dot for member in self._members]
        dots: Any = self.source.data
        if sizes != dots["size"]:
            dots["size"] = sizes
            colors = zip(sizes, dots["color"], strict=True)
            dots["rim"] = [GREY if size == FOCUS else color for size, color in colors]

    def _paths(self, heights: Sequence[np.ndarray]) -> dict[str, Any]:
        """Compute lines through what is finite of each series, where the axis places it."""
        xs = [np.array(list(series.points), float) for series in self._series()]
        keep = [np.isfinite(y) for y in heights]
        return {
            "xs": [x[some].tolist() for x, some in zip(xs, keep, strict=True)],
            "ys": [self.scale.places(y[some]).tolist() for y, some in zip(heights, keep, strict=True)],
            "color": [series.color for series in self._series()],
        }

    def _laws(self, sweep: SweptEnsemble, now: StepData) -> list[np.ndarray]:
        """Predict the points of each series."""
        sizes = [len(series.points) for series in sweep.series]
        predicted = self.predictions.at_step(now)
        self.failure = self.predictions.failure
        return np.split(predicted, np.cumsum(sizes)[:-1])

    def _set_ranges(self, sweep: SweptEnsemble, values: np.ndarray, laws: Sequence[np.ndarray]) -> None:
        across = axes.extent(np.array(self.source.data["x"], float))
        set_range(self.figure.x_range, axes.value_range(across, None, sweep.log), sweep.log)
        data, law = (axes.extent(self.scale.places(some)) for some in (values, np.concatenate(laws)))
        set_range(self.figure.y_range, axes.value_range(data, law, self.scale.log), self.scale.log)

    def tap(self, x: float, y: float) -> None:
        """Put the member of the nearest dot in focus."""
        if self.sweep is None:
            return
        wide, high = ((axis.start, axis.end) for axis in (self.figure.x_range, self.figure.y_range))
        right, at = (axes.fraction(some, wide, self.sweep.log) for some in (self.source.data["x"], x))
        places = self.scale.places(self.source.data["y"])
        up, level = (axes.fraction(some, high, self.scale.log) for some in (places, y))
        distances = np.nan_to_num(np.hypot(right - at, up - level), nan=np.inf)
        if distances.min() < NEAR:
            self.pick(self._members[int(distances.argmin())])

    # -- what the heading and the table say --------------------------------------------------------------------

    def _describe(
        self, sweep: SweptEnsemble, medians: list[np.ndarray], laws: list[np.ndarray], values: np.ndarray, lost: int
    ) -> None:
        total, none = sweep.total, lost < len(values) and not np.isfinite(values).any()
        off = sum(getattr(config, sweep.knob.name) <= 0 for config in self._configs) if sweep.log else 0
        notes = [
            "a dot is a member, the line joins the medians over seeds" if len(self._members) > _size(sweep) else "",
            f"{len(sweep.series)} of {total:,} series drawn: spread fewer knobs" if total > len(sweep.series) else "",
            f"{off:,} of {len(values):,} members are at 0, which no logarithmic axis has" if off else "",
            f"{lost:,} of {len(values):,} members diverged and are not drawn" if lost else "",
            "no member has a value at this step yet" if none else "",
        ]
        self.note = " · ".join(filter(None, notes))
        self.numbers = self._table(sweep, medians, laws if self._law_sample(laws) else [])

    def _law_sample(self, laws: list[np.ndarray]) -> list[dict[str, Any]]:
        """Make the legend's entry for the dashed lines of theory; no entry where nothing is predicted."""
        name = plain(self.predictions.label).partition(" (")[0]
        has_law = np.isfinite(np.concatenate(laws)).any()
        return [{"label": f"theory: {name}", "dash": "dashed", "muted": True}] if has_law else []

    def _table(self, sweep: SweptEnsemble, medians: list[np.ndarray], laws: list[np.ndarray]) -> NumbersTable:
        """Make a table, a row a value of the knob and a column a series: medians over seeds, then theory."""
        names = [series.label or plain(self.channel.label) for series in sweep.series]
        heads = [knob_name(sweep.knob), *names, *(f"theory: {name}" for name in names if laws)]
        columns = [dict(zip(s.points, y, strict=True)) for s, y in zip(sweep.series * 2, medians + laws, strict=False)]
        values = sorted({x for series in sweep.series for x in series.points})
        return NumbersTable(heads, [[number(x), *(number(float(c.get(x, np.nan))) for c in columns)] for x in values])


def _axis_name(knob: Knob) -> str:
    """Name a knob beside its axis, in a few words where its doc has them."""
    name, doc = knob_name(knob), plain(knob.doc).partition(";")[0]
    return name if len(doc) > LONGEST_DOC else f"{name}: {doc}"


def _size(sweep: SweptEnsemble) -> int:
    return sum(len(series.points) for series in sweep.series)


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else np.nan


def _holds(series: SweepSeries, member: int) -> bool:
    return any(member in members for members in series.points.values())


def _legend(sweep: SweptEnsemble, focus: int, alone: str) -> list[dict[str, Any]]:
    """List the hues, each with what its series have in common; of grey ones the one in focus and how many others."""
    hues: dict[str, list[SweepSeries]] = {}
    for series in sweep.series:
        hues.setdefault(series.color, []).append(series)
    named = []
    for color, alike in hues.items():
        thick = [f"thick: {series.label}" for series in alike if _holds(series, focus)]
        if len(alike) == 1:
            named.append((alike[0].label or alone, color))
        elif color == GREY:
            named += [(label, color) for label in (*thick, f"{len(alike) - len(thick)} others")]
        else:
            named.append((_shared([series.label for series in alike]) or f"{len(alike)} series", color))
    doc = "point at a dot for its name; a click puts it in focus"
    return [{"label": label, "dash": "solid", "color": color, "doc": doc} for label, color in named]


def _shared(labels: Sequence[str]) -> str:
    """Find what labels have in common.

    >>> _shared(["small start, k = 2", "small start, k = 3"])
    'small start'
    """
    first, *others = (label.split(", ") for label in labels)
    return ", ".join(word for word in first if all(word in other for other in others))
