"""Vectors at one step: components as bars, or one line through the components of each curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import AdaptiveTicker, ColumnDataSource, MultiLine, Scatter, VBar

from dashboard.figures.marks import axes, prediction_lines
from dashboard.figures.marks.figure import BELOW, add_glyph, in_lines, name_ticks, set_range
from dashboard.figures.marks.hover import add_hover
from dashboard.figures.marks.step_mark import StepData, StepMark, axis_label
from dashboard.figures.tables import NumbersTable, matrix_table
from dashboard.ui.formatting import number
from dashboard.ui.notation import plain

TABLE_CURVES = 8
"""Curves that the table of a profile holds at most."""


ROUNDING = 1e-12
"""Share of the largest value of a logarithmic horizontal axis below which there is rounding alone."""

FILLED, HOLLOW = 0.9, 0.1
"""Opacities of the bars of the first channel and of those beside it."""


class BarsMark(StepMark):
    """The components of vectors for the member in focus and in its colour: filled, and hollow of a second channel."""

    def draw(self) -> None:
        """Add the bars and the hover."""
        self.source.data = {name: [] for name in ("x", "top", "color", "fill", "name", "place", "base")}
        width = 0.8 / len(self.plot.channels)
        ends = {"top": self.scale.field("top"), "bottom": self.scale.field("base")}
        bars = VBar(x="x", **ends, width=width, fill_color="color", fill_alpha="fill", line_color="color")
        drawn = add_glyph(bars, self.source, self.figure)
        if len(self.plot.channels) > 1:
            labels = [plain(self.engine.channel(name).label) for name in self.plot.channels]
            self.legend = [{"label": one, "dash": "ring" if i else "dot", "color": ""} for i, one in enumerate(labels)]
        if self.plot.labels:
            names = [in_lines(label, BELOW) for label in self.plot.labels]
            name_ticks(self.figure.xaxis, dict(enumerate(names, 1)))
        else:
            self._count_components()
        rows = [("", "@name"), ("component" if self.plot.labels else "number", "@place"), ("value", "@top")]
        add_hover(self.figure, [drawn], rows)

    def _count_components(self) -> None:
        """Put ticks at whole numbers only, and the name of the dimension below."""
        self.figure.xaxis.ticker = AdaptiveTicker(min_interval=1)
        dims = self.engine.channel(self.plot.channels[0]).dims
        self.figure.xaxis.axis_label = dims[0] if dims and len(dims[0]) > 1 else "number"

    def fill(self, now: StepData) -> None:
        """Draw the bars of the member in focus."""
        data: dict[str, Any] = {str(name): [] for name in self.source.data}
        width = 0.8 / len(now.values)
        for place, (name, block) in enumerate(now.values.items()):
            bars = np.ravel(block[now.focus])
            shown = np.flatnonzero(self.scale.drawable(bars))
            data["x"] += (shown + 1 + width * (place - (len(now.values) - 1) / 2)).tolist()
            data["top"] += bars[shown].tolist()
            data["place"] += [self.plot.component(int(at)) for at in shown]
            data["color"] += [now.focus_color] * len(shown)
            data["fill"] += [HOLLOW if place else FILLED] * len(shown)
            data["name"] += [plain(self.engine.channel(name).label)] * len(shown)
        self._tabulate(now)
        tops = np.array(data["top"])
        every = np.concatenate([np.ravel(block[now.focus]) for block in now.values.values()]).astype(float)
        self.note = self.empty = _why_empty(every, len(tops))
        places = self.scale.places(tops if self.scale.log else np.append(tops, 0.0))
        window = axes.value_range(axes.extent(places), None, self.scale.log)
        data["base"] = [window[0] / 1e3 if self.scale.log and window else 0.0] * len(tops)
        self.source.data = data
        if window:
            self.figure.y_range.update(start=window[0], end=window[1])
            self.figure.x_range.update(start=0.4, end=max(map(round, data["x"]), default=1) + 0.6)

    def _tabulate(self, now: StepData) -> None:
        """Put the bars in a table, with those that a logarithmic axis cannot show."""
        labels = [plain(self.engine.channel(name).label) for name in now.values]
        bars = {label: np.ravel(block[now.focus]) for label, block in zip(labels, now.values.values(), strict=True)}
        places = [self.plot.component(at) for at in range(max(map(len, bars.values())))]
        columns = np.array(list(bars.values())).T
        self.numbers = matrix_table(
            [""], [columns], places, list(bars), self.engine.channel(self.plot.channels[0]).dims[0]
        )


def _why_empty(values: np.ndarray, drawn: int) -> str:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "This member has no values here."
    if not finite.any():
        return "All of them are zero."
    return "" if drawn else "None of them can stand on a logarithmic axis."


class ProfileMark(StepMark):
    """Every curve at one step, the median of a band, over its index or another vector; what a law says of it dashed.

    Measured points with a law have no line of their own: it would hide the dashes.
    """

    def build(self, log_x: bool = False) -> None:
        """Make the figure; its horizontal axis is logarithmic where the plot says so."""
        self.across = self.engine.channel(self.plot.x) if self.plot.x != "step" else None
        super().build(self.across is not None and self.plot.log_x)

    def draw(self) -> None:
        """Add the lines, the points and the hover."""
        self.channel = self.engine.channel(self.plot.channels[0])
        dim = self.channel.dims[0]
        self.figure.yaxis.axis_label = in_lines(axis_label(self.channel))
        self.figure.xaxis.axis_label = axis_label(self.across) if self.across else dim
        self.source.data = {name: [] for name in ("x", "y", "color", "name", "place")}
        self.lines, self.dashed = (ColumnDataSource(data={"xs": [], "ys": [], "color": []}) for _ in range(2))
        add_glyph(MultiLine(xs="xs", ys="ys", line_color="color", line_width=2), self.lines, self.figure)
        add_glyph(prediction_lines.dashed_lines(), self.dashed, self.figure, name="theory")
        dots = Scatter(x="x", y=self.scale.field("y"), size=7, fill_color="color", line_color=None)
        drawn = add_glyph(dots, self.source, self.figure)
        at = [(plain(self.across.label), "@x")] if self.across else []
        rows = [("", "@name"), (dim if len(dim) > 1 else "number", "@place"), *at, (plain(self.channel.label), "@y")]
        add_hover(self.figure, [drawn], rows)

    def fill(self, now: StepData) -> None:
        """Draw all curves."""
        vectors, *laws = [self._medians(now, name) for name in self.plot.channels]
        self._xs = self._medians(now, self.plot.x) if self.across else [np.arange(len(y)) for y in vectors]
        drawn = [self._shown(x, y) for x, y in zip(self._xs, vectors, strict=True)]
        alone = [not any(np.isfinite(each[i]).any() for each in laws) for i in range(len(vectors))]
        self.lines.data = self._paths(now, [y if one else y * np.nan for y, one in zip(vectors, alone, strict=True)])
        dashed = [self._paths(now, each) for each in laws]
        self.dashed.data = {key: [one for data in dashed for one in data[key]] for key in self.lines.data}
        owners = [curve for curve, at in zip(now.curves, drawn, strict=True) for _ in at]
        x, y = (np.concatenate([a[at] for a, at in zip(all_, drawn, strict=True)]) for all_ in (self._xs, vectors))
        self.source.data = {
            "x": x.tolist(),
            "y": y.tolist(),
            "color": [curve.color for curve in owners],
            "name": [curve.label for curve in owners],
            "place": [self.plot.component(int(at)) for at in np.concatenate(drawn)],
        }
        self._set_ranges(
            x, y, [law[self._shown(at, law)] for each in laws for at, law in zip(self._xs, each, strict=True)]
        )
        self._describe(now, vectors, laws)

    def _medians(self, now: StepData, name: str) -> list[np.ndarray]:
        block = np.asarray(now.values[name], float)
        return [np.median(block[list(curve.members)], axis=0) for curve in now.curves]

    def _shown(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the components that both axes can place."""
        least = ROUNDING * np.nanmax(x, initial=0) if self.across and self.plot.log_x else -np.inf
        apart = np.isfinite(x) & (x > least)
        return np.flatnonzero(self.scale.drawable(y) & apart)

    def _paths(self, now: StepData, vectors: list[np.ndarray]) -> dict[str, Any]:
        kept = [self._shown(x, y) for x, y in zip(self._xs, vectors, strict=True)]
        return {
            "xs": [x[at].tolist() for x, at in zip(self._xs, kept, strict=True)],
            "ys": [self.scale.places(y[at]).tolist() for y, at in zip(vectors, kept, strict=True)],
            "color": [curve.color for curve in now.curves],
        }

    def _set_ranges(self, x: np.ndarray, values: np.ndarray, laws: list[np.ndarray]) -> None:
        data, law = (axes.extent(self.scale.places(y)) for y in (values, np.concatenate([*laws, [np.nan]])))
        set_range(self.figure.y_range, axes.value_range(data, law, self.scale.log), self.scale.log)
        if self.across:
            set_range(self.figure.x_range, axes.value_range(axes.extent(x), None, self.plot.log_x), self.plot.log_x)
            return
        count = int(np.max(x, initial=0)) + 1
        set_range(self.figure.x_range, (-0.3, count - 0.7), False)
        name_ticks(self.figure.xaxis, {at: self.plot.component(at) for at in range(0, count, -(-count // 12))})

    def _describe(self, now: StepData, vectors: list[np.ndarray], laws: list[list[np.ndarray]]) -> None:
        """Say that there are dashed lines, and put the first curves in a table, beside what laws say of them."""
        finite = [name for name, law in zip(self.plot.channels[1:], laws, strict=True) if np.isfinite(law).any()]
        titles = [plain(self.engine.channel(name).label) for name in finite]
        curves: list[Any] = list(now.curves)[:TABLE_CURVES]
        self.legend = [{"label": "theory", "dash": "dashed", "muted": True}] * bool(titles)
        heads = [self.channel.dims[0], *(curve.label for curve in curves)]
        columns = vectors[: len(curves)]
        for title, each in zip(titles, [law for law in laws if np.isfinite(law).any()], strict=True):
            heads += [f"{title}, {curve.label}" if curve.label else title for curve in curves]
            columns = [*columns, *each[: len(curves)]]
        rows = zip(*columns, strict=True)
        self.numbers = NumbersTable(
            heads, [[self.plot.component(at), *map(number, row)] for at, row in enumerate(rows)]
        )
