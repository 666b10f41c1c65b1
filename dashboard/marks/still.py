"""Pictures of one step, the cursor's: bars, matrices, points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColorBar,
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    Image,
    LinearColorMapper,
    Scatter,
    VBar,
)
from bokeh.palettes import Viridis256

from dashboard.curves import Curve
from dashboard.marks import ranges
from dashboard.marks.figure import TALL, bare, figure
from dashboard.palette import qualitative

if TYPE_CHECKING:
    from engines.core.engine import Engine, Plot
    from engines.core.recording import Series
    from engines.core.run import Run

LARGEST = 128
"""Rows and columns of a matrix that are sent; a larger one is thinned."""

DECADES = 8
"""Decades below the largest entry that a logarithmic colour scale tells apart."""

DIVERGING = tuple(
    f"#{r:02x}{g:02x}{b:02x}"
    for r, g, b in [
        (round(a + s * (c - a)), round(d + s * (e - d)), round(f + s * (h - f)))
        for (a, d, f), (c, e, h) in (((33, 102, 172), (247, 247, 247)), ((247, 247, 247), (178, 24, 43)))
        for s in np.linspace(0, 1, 128)
    ]
)
"""Blue to red through white; symmetric about zero."""


class StillMark(ABC):
    """Base: one figure that is replaced when the cursor or the run moved. `note` says what was left out."""

    over_steps = False

    def __init__(self, plot: Plot, engine: Engine, log_y: bool, primary: bool) -> None:
        self.plot, self.engine, self.log_y = plot, engine, log_y
        self.note = ""
        self.figure = figure(log_y=log_y, height=TALL if primary else 250)
        self.source = ColumnDataSource()
        self._view: tuple[Any, ...] = ()
        self.draw()

    @abstractmethod
    def draw(self) -> None:
        """Add the glyphs, once."""

    @abstractmethod
    def fill(self, values: dict[str, np.ndarray], curves: Sequence[Curve], focus: int) -> None:
        """Replace the data: `values` are all members' channels `[B, *dims]` at the cursor."""

    def update(self, run: Run, step: int, curves: Sequence[Curve], focus: int) -> None:
        """Show the run at a step; does nothing where that is shown already."""
        found = {name: _row(run.recording.series(name), name, step) for name in self.plot.channels}
        view = (run, run.recording.generation, tuple(row for row, _ in found.values()), focus, tuple(curves))
        if view != self._view and all(row >= 0 for row, _ in found.values()):
            self._view = view
            self.fill({name: block for name, (_, block) in found.items()}, curves, focus)


def _row(series: Series, name: str, step: int) -> tuple[int, np.ndarray]:
    """A channel at the last recorded step up to `step`, and its row; -1 while there is none."""
    block = series[name] if name in series.names else np.empty(0)
    row = min(series.at(step), len(block) - 1)  # rows may be taken back while they are read
    return row, block[row] if row >= 0 else block


class BarsMark(StillMark):
    """The components of vectors, one group of bars a component, for the member in focus."""

    def draw(self) -> None:
        """Add the bars and the hover."""
        self.source.data = {"x": [], "top": [], "color": [], "name": [], "index": [], "base": []}
        width = 0.8 / len(self.plot.channels)
        bars = VBar(x="x", top="top", bottom="base", width=width, fill_color="color", line_color=None, fill_alpha=0.9)
        drawn = bare(bars, self.source, self.figure)
        rows = [("", "@name"), ("number", "@index"), ("value", "@top{0.0000e+0}")]
        self.figure.add_tools(HoverTool(renderers=[drawn], tooltips=rows))

    def fill(self, values: dict[str, np.ndarray], curves: Sequence[Curve], focus: int) -> None:
        """Bars of the member in focus."""
        data: dict[str, list[Any]] = {name: [] for name in self.source.data}
        width = 0.8 / len(values)
        for place, (name, block) in enumerate(values.items()):
            bars = np.ravel(block[focus])
            shown = np.flatnonzero(np.isfinite(bars) & ((bars > 0) | (not self.log_y)))
            data["x"] += (shown + 1 + width * (place - (len(values) - 1) / 2)).tolist()
            data["top"] += bars[shown].tolist()
            data["index"] += (shown + 1).tolist()
            data["color"] += [qualitative(place)] * len(shown)
            data["name"] += [self.engine.channel(name).label] * len(shown)
        tops = np.array(data["top"])
        self.note = _emptiness(tops)
        window = ranges.values(ranges.extent(tops if self.log_y else np.append(tops, 0.0)), None, self.log_y)
        data["base"] = [window[0] / 1e3 if self.log_y and window else 0.0] * len(tops)
        self.source.data = data
        if window:
            self.figure.y_range.update(start=window[0], end=window[1])
            self.figure.x_range.update(start=0.4, end=max(data["index"], default=1) + 0.6)


def _emptiness(values: np.ndarray) -> str:
    if not len(values):
        return "This member has no values here."
    return "" if np.any(values) else "All of them are zero."


class HeatMark(StillMark):
    """A matrix of the member in focus, first row on top."""

    def draw(self) -> None:
        """Add the image, its colour bar and the hover."""
        self._size = (0, 0)
        self.mapper = LinearColorMapper(palette=Viridis256, low=0, high=1)
        self.source.data = {"image": [], "x": [], "y": [], "dw": [], "dh": []}
        image = Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=self.mapper)
        drawn = bare(image, self.source, self.figure)
        self.figure.add_layout(
            ColorBar(color_mapper=self.mapper, width=10, ticker=BasicTicker(desired_num_ticks=4)), "right"
        )
        self.figure.add_tools(HoverTool(renderers=[drawn], tooltips=[("value", "@image{0.0000e+0}")]))
        self.figure.grid.visible = False

    def fill(self, values: dict[str, np.ndarray], curves: Sequence[Curve], focus: int) -> None:
        """The matrix of the member in focus, thinned to what can be seen."""
        matrix = np.atleast_2d(next(iter(values.values()))[focus]).astype(np.float32)
        rows, columns = matrix.shape
        shown = matrix[:: -(-rows // LARGEST), :: -(-columns // LARGEST)]
        thinned = f"{shown.shape[0]} × {shown.shape[1]} of {rows} × {columns} entries drawn"
        self.note = thinned if shown.size < matrix.size else ""
        shown = self._color(shown)
        self.source.data = {"image": [shown[::-1]], "x": [0], "y": [0], "dw": [columns], "dh": [rows]}
        self.figure.x_range.update(start=0, end=columns)
        self.figure.y_range.update(start=0, end=rows)
        if (rows, columns) != self._size:
            self._size = rows, columns
            _count(self.figure.xaxis, columns, lambda index: index + 0.5)
            _count(self.figure.yaxis, rows, lambda index: rows - index - 0.5)

    def _color(self, shown: np.ndarray) -> np.ndarray:
        """Set the colours' range; on the logarithmic scale, decades of the size are shown."""
        if self.log_y:
            return self._decades(shown)
        finite = shown[np.isfinite(shown)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        reach = max(abs(low), abs(high)) or 1.0
        signed = low < -1e-3 * reach
        self.mapper.update(
            palette=DIVERGING if signed else Viridis256,
            low=-reach if signed else low,
            high=reach if signed else max(high, low + 1e-12),
        )
        return shown

    def _decades(self, shown: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            powers = np.log10(np.abs(shown))
        finite = powers[np.isfinite(powers)]
        top = float(np.ceil(finite.max())) if len(finite) else 0.0
        self.mapper.update(palette=Viridis256, low=top - DECADES, high=top)
        self.note = " · ".join(filter(None, [self.note, "colour: log₁₀ of the size"]))
        return np.maximum(powers, top - DECADES)


def _count(axis: Any, size: int, place: Callable[[int], float]) -> None:
    """Number rows or columns from 1, first row on top."""
    chosen = range(0, size, -(-size // 8))
    axis.ticker = FixedTicker(ticks=[place(index) for index in chosen])
    axis.major_label_overrides = {place(index): str(index + 1) for index in chosen}


class ScatterMark(StillMark):
    """One vector against another (or against its index), all curves in their hues."""

    def draw(self) -> None:
        """Add the points and the hover."""
        self.source.data = {"x": [], "y": [], "color": [], "name": []}
        points = Scatter(x="x", y="y", size=7, fill_color="color", line_color=None, fill_alpha=0.8)
        drawn = bare(points, self.source, self.figure)
        rows = [("", "@name"), ("x", "@x{0.0000e+0}"), ("y", "@y{0.0000e+0}")]
        self.figure.add_tools(HoverTool(renderers=[drawn], tooltips=rows))

    def fill(self, values: dict[str, np.ndarray], curves: Sequence[Curve], focus: int) -> None:
        """The points of every curve's first member."""
        blocks = list(values.values())
        data: dict[str, list[Any]] = {name: [] for name in self.source.data}
        for curve in curves:
            y = np.ravel(blocks[-1][curve.members[0]])
            x = np.ravel(blocks[0][curve.members[0]]) if len(blocks) > 1 else np.arange(1, len(y) + 1)
            keep = np.isfinite(x) & np.isfinite(y)
            data["x"] += x[keep].tolist()
            data["y"] += y[keep].tolist()
            data["color"] += [curve.color] * int(keep.sum())
            data["name"] += [curve.label] * int(keep.sum())
        self.source.data = data
        for axis, target, log in (("x", self.figure.x_range, False), ("y", self.figure.y_range, self.log_y)):
            window = ranges.values(ranges.extent(np.array(data[axis], float)), None, log)
            if window:
                target.update(start=window[0], end=window[1])


KINDS = {"bars": BarsMark, "heatmap": HeatMark, "scatter": ScatterMark}
