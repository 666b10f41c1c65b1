"""Base of the marks that show one step, the cursor's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from bokeh.models import ColumnDataSource

from dashboard.figures.marks.axes import Scale
from dashboard.figures.marks.figure import FigureOptions, figure
from dashboard.figures.tables import NumbersTable
from dashboard.session.curves import Curve
from dashboard.ui.notation import plain
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.data.recording import Series
    from engines.core.protocol.declarations import Channel, Plot
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run


class StepData(NamedTuple):
    """One step of a run, as a mark shows it. `values` are all members' channels `[B, *dims]`."""

    run: Run
    step: int
    horizon: int
    values: Mapping[str, np.ndarray]
    curves: Sequence[Curve]
    focus: int

    @property
    def focus_color(self) -> str:
        """Colour of the member in focus, as it has on every plot."""
        return next((curve.color for curve in self.curves if self.focus in curve.members), GREY)

    def finite_scalar(self, name: str) -> np.ndarray:
        """Select a scalar channel of every member `[B]`, NaN for those that have diverged."""
        diverged = (self.run.diverged_at >= 0) & (self.step >= self.run.diverged_at)
        return np.where(diverged, np.nan, np.ravel(self.values[name])).astype(float)


class StepMark(ABC):
    """One figure whose data is replaced when the cursor or the run moved.

    `note` says what was left out, `failure` what theory could not be computed.

    `empty` says why there is nothing to see, where that is so.
    """

    def __init__(self, plot: Plot, engine: Engine, options: FigureOptions, pick: Callable[[int], None]) -> None:
        self.plot, self.engine, self.pick = plot, engine, pick
        self.options, self.scale = options, self.axis(options)
        self.note = self.failure = self.empty = ""
        self.legend: list[dict[str, Any]] = []
        self.numbers: NumbersTable | None = None
        self._version: tuple[Any, ...] = ()
        self.build()

    def build(self, log_x: bool = False) -> None:
        """Make the figure; again where its horizontal axis becomes of another kind."""
        self.figure = figure(log_x=log_x, log_y=self.scale.log)
        self.scale.set_ticks(self.figure)
        self.source = ColumnDataSource()
        self.draw()

    def axis(self, options: FigureOptions) -> Scale:
        """Choose how the vertical axis places values."""
        return Scale.of_plot(self.plot, options.log_y)

    @abstractmethod
    def draw(self) -> None:
        """Add the glyphs, once."""

    @abstractmethod
    def fill(self, now: StepData) -> None:
        """Replace the data."""

    def update(self, run: Run, step: int, horizon: int, curves: Sequence[Curve], focus: int) -> None:
        """Show the run at a step; does nothing where that is shown already."""
        across = self.plot.x if self.plot.x != "step" else ""
        names = dict.fromkeys(filter(None, (*self.plot.channels, self.plot.by, across)))
        newest = {name: _row(run.recording.series(name), name, step) for name in names}
        rows = tuple(row for row, _ in newest.values())
        version = (
            run,
            run.recording.generation,
            rows,
            focus,
            tuple(curves),
            tuple(run.configs),
            horizon,
            run.diverged_at.tobytes(),
        )
        if version != self._version and min(rows) >= 0:
            self._version = version
            values = {name: block for name, (_, block) in newest.items()}
            self.fill(StepData(run, step, horizon, values, curves, focus))


def axis_label(channel: Channel) -> str:
    """Name a channel beside an axis, with its unit."""
    return plain(channel.label) + (f" [{channel.unit}]" if channel.unit else "")


def _row(series: Series, name: str, step: int) -> tuple[int, np.ndarray]:
    """Read the row of a channel at the last recorded step up to `step`: its number, -1 while there is none, and it."""
    block = series[name] if name in series.names else np.empty(0)
    row = min(series.index_at(step), len(block) - 1)  # rows may be taken back while they are read
    return row, block[row] if row >= 0 else block
