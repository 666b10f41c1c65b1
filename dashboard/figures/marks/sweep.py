"""The outcome of every member over the knob that varies most, at one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, HoverTool, MultiLine, Scatter

from dashboard.figures.marks import ranges
from dashboard.figures.marks.figure import bare, move
from dashboard.figures.marks.forecast import Outlook
from dashboard.figures.marks.line import NEAR
from dashboard.figures.marks.series import Strand, Sweep, is_seed, sweep
from dashboard.figures.marks.still import Moment, StillMark, named
from dashboard.figures.tables import Numbers
from dashboard.session.curves import varied
from dashboard.ui.formatting import describe, number, words
from dashboard.ui.palette import GREY

DOT, FOCUS = 7, 12
"""Sizes of the dots, and of the one in focus."""

CROWD = 100
"""From so many dots on they are smaller."""


class SweepMark(StillMark):
    """A dot a member, a line through the medians over seeds, and theory dashed in the same hue."""

    sweep: Sweep | None = None
    outlook: Outlook | None = None
    _configs: tuple[Any, ...] = ()
    _log_x = False

    def draw(self) -> None:
        """Add the lines, the dots and the hovers."""
        self.channel = self.engine.channel(self.plot.channels[0])
        self.figure.yaxis.axis_label = named(self.channel)
        self.lines, self.theory = (ColumnDataSource({"xs": [], "ys": [], "color": []}) for _ in range(2))
        self.source.data = {name: [] for name in ("x", "y", "color", "size", "rim", "name", "who")}
        look: dict[str, Any] = {"fill_color": "color", "fill_alpha": 0.55, "line_color": "rim"}
        dots = bare(Scatter(x="x", y=self.scale.field("y"), size="size", **look), self.source, self.figure)
        style: dict[str, Any] = {"xs": "xs", "ys": "ys", "line_color": "color"}
        bare(MultiLine(**style, line_width=2), self.lines, self.figure)
        bare(MultiLine(**style, line_width=1.6, line_dash=[7, 5]), self.theory, self.figure, name="theory")
        rows = [("", "@name"), ("", "@who"), (self.channel.label, "@y")]
        self.figure.add_tools(HoverTool(renderers=[dots], tooltips=rows))
        self.figure.on_event(Tap, lambda event: self._tapped(event.x, event.y))

    def fill(self, now: Moment) -> None:
        """Everything at this step; the sweep itself is read once for each ensemble."""
        configs = tuple(now.run.configs)
        if configs != self._configs:
            self._configs, self.sweep = configs, sweep(configs)
            self._axis()
            self._place()
        if self.sweep:
            self._show(self.sweep, now)

    def _axis(self) -> None:
        """Label the knob's axis, and hide both where there is nothing to show."""
        log = bool(self.sweep and self.sweep.log)
        if log != self._log_x:
            self._log_x = log
            self.build(log)
        self.figure.axis.visible = self.figure.grid.visible = self.sweep is not None
        if self.sweep:
            knob = self.sweep.knob
            unit = f" [{knob.unit}]" if knob.unit else ""
            self.figure.xaxis.axis_label = f"{words(knob.name)}: {knob.doc.split(';')[0]}{unit}"

    def _place(self) -> None:
        """One dot a member; from here on their heights alone are sent."""
        self.note, self.legend, self.numbers = "", [], None
        dots = [(strand, x, m) for strand in self._strands() for x, members in strand.points.items() for m in members]
        self._members = [member for _, _, member in dots]
        points = [[self._configs[m] for m in members] for s in self._strands() for members in s.points.values()]
        self.outlook = Outlook(self.engine, self.channel.name, points)
        self.source.data = {
            "x": [x for _, x, _ in dots],
            "y": [np.nan] * len(dots),
            "color": [strand.color for strand, _, _ in dots],
            "size": [0] * len(dots),
            "rim": [strand.color for strand, _, _ in dots],
            "name": [strand.label for strand, _, _ in dots],
            "who": self._names(),
        }
        self.lines.data = self.theory.data = {"xs": [], "ys": [], "color": []}

    def _strands(self) -> Sequence[Strand]:
        return self.sweep.strands if self.sweep else ()

    def _names(self) -> list[str]:
        """What tells each dot from the others of its strand."""
        own = (
            [name for name in varied(self._configs) if is_seed(name) or name == self.sweep.knob.name]
            if self.sweep
            else []
        )
        return [describe({name: getattr(self._configs[member], name) for name in own}) for member in self._members]

    def _show(self, sweep: Sweep, now: Moment) -> None:
        values = now.alive(self.channel.name)
        self._put("y", values[self._members].tolist())
        self._mark(now.focus)
        medians = [np.array([_median(values[list(m)]) for m in s.points.values()]) for s in sweep.strands]
        laws = self._laws(sweep, now)
        self.lines.data, self.theory.data = self._paths(medians), self._paths(laws)
        self._follow(values[self._members], laws)
        self._say(sweep, medians, laws, values)

    def _mark(self, focus: int) -> None:
        """The member in focus is larger, and ringed."""
        dot = DOT if len(self._members) < CROWD else DOT / 2
        sizes = [FOCUS if member == focus else dot for member in self._members]
        if sizes != self.source.data["size"]:
            self._put("size", sizes)
            colors = zip(sizes, self.source.data["color"], strict=True)
            self._put("rim", [GREY if size == FOCUS else color for size, color in colors])

    def _put(self, name: str, values: list[Any]) -> None:
        data: Any = self.source.data
        data[name] = values

    def _paths(self, heights: Sequence[np.ndarray]) -> dict[str, Any]:
        """Lines through what is finite of each strand, where the axis places it."""
        xs = [np.array(list(strand.points), float) for strand in self._strands()]
        keep = [np.isfinite(y) for y in heights]
        return {
            "xs": [x[some].tolist() for x, some in zip(xs, keep, strict=True)],
            "ys": [self.scale.places(y[some]).tolist() for y, some in zip(heights, keep, strict=True)],
            "color": [strand.color for strand in self._strands()],
        }

    def _laws(self, sweep: Sweep, now: Moment) -> list[np.ndarray]:
        """What theory says of the points of each strand."""
        sizes = [len(strand.points) for strand in sweep.strands]
        assert self.outlook
        return np.split(self.outlook.at(now), np.cumsum(sizes)[:-1])

    def _follow(self, values: np.ndarray, laws: Sequence[np.ndarray]) -> None:
        assert self.sweep
        across = ranges.extent(np.array(self.source.data["x"], float))
        move(self.figure.x_range, ranges.values(across, None, self.sweep.log), self.sweep.log)
        data, law = (ranges.extent(self.scale.places(some)) for some in (values, np.concatenate(laws)))
        move(self.figure.y_range, ranges.values(data, law, self.scale.log), self.scale.log)

    def _tapped(self, x: float, y: float) -> None:
        """Put the member of the nearest dot in focus."""
        if self.sweep is None:
            return
        wide, high = ((axis.start, axis.end) for axis in (self.figure.x_range, self.figure.y_range))
        right, at = (ranges.share(some, wide, self.sweep.log) for some in (self.source.data["x"], x))
        places = self.scale.places(self.source.data["y"])
        up, level = (ranges.share(some, high, self.scale.log) for some in (places, y))
        away = np.nan_to_num(np.hypot(right - at, up - level), nan=np.inf)
        if away.min() < NEAR:
            self.pick(self._members[int(away.argmin())])

    # -- what the heading and the table say --------------------------------------------------------------------

    def _say(self, sweep: Sweep, medians: list[np.ndarray], laws: list[np.ndarray], values: np.ndarray) -> None:
        lost, total = int(np.isnan(values).sum()), sweep.total
        off = sum(getattr(config, sweep.knob.name) <= 0 for config in self._configs) if sweep.log else 0
        parts = [
            "a dot is a member, the line joins the medians over seeds" if len(self._members) > _size(sweep) else "",
            f"{len(sweep.strands)} of {total:,} series drawn: spread fewer knobs" if total > len(sweep.strands) else "",
            f"{off:,} of {len(values):,} members are at 0, which no logarithmic axis has" if off else "",
            f"{lost:,} of {len(values):,} members diverged and are not drawn" if lost else "",
        ]
        self.note = " · ".join(filter(None, parts))
        assert self.outlook
        known = np.isfinite(np.concatenate(laws)).any()
        lines = [{"label": s.label or self.channel.label, "dash": "solid", "color": s.color} for s in sweep.strands]
        law = {"label": f"theory: {self.outlook.label}", "dash": "dashed", "muted": True}
        self.legend = lines + [law] * bool(known)
        self.numbers = self._table(sweep, medians, laws if known else [])

    def _table(self, sweep: Sweep, medians: list[np.ndarray], laws: list[np.ndarray]) -> Numbers:
        """A row a value of the knob, a column a series: medians over seeds, then theory."""
        names = [strand.label or self.channel.label for strand in sweep.strands]
        heads = [words(sweep.knob.name), *names, *(f"theory: {name}" for name in names if laws)]
        columns = [dict(zip(s.points, y, strict=True)) for s, y in zip(sweep.strands * 2, medians + laws, strict=False)]
        values = sorted({x for strand in sweep.strands for x in strand.points})
        return Numbers(heads, [[number(x), *(number(float(c.get(x, np.nan))) for c in columns)] for x in values])


def _size(sweep: Sweep) -> int:
    return sum(len(strand.points) for strand in sweep.strands)


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else np.nan
