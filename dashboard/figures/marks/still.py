"""Pictures of one step, the cursor's: what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from bokeh.models import ColumnDataSource

from dashboard.figures.marks.figure import SHORT, TALL, figure
from dashboard.figures.marks.scale import Scale
from dashboard.figures.tables import Numbers
from dashboard.session.curves import Curve

if TYPE_CHECKING:
    from dashboard.figures.marks.strokes import Look
    from engines.core.data.recording import Series
    from engines.core.protocol.declarations import Channel, Plot
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run


class Moment(NamedTuple):
    """What a picture of one step shows. `values` are all members' channels `[B, *dims]`."""

    run: Run
    step: int
    horizon: int
    values: Mapping[str, np.ndarray]
    curves: Sequence[Curve]
    focus: int

    def alive(self, name: str) -> np.ndarray:
        """A scalar channel of every member, NaN for those that have diverged, `[B]`."""
        gone = (self.run.diverged_at >= 0) & (self.step >= self.run.diverged_at)
        return np.where(gone, np.nan, np.ravel(self.values[name])).astype(float)


class StillMark(ABC):
    """Base: one figure that is replaced when the cursor or the run moved. `note` says what was left out."""

    def __init__(self, plot: Plot, engine: Engine, look: Look, primary: bool, pick: Callable[[int], None]) -> None:
        self.plot, self.engine, self.pick = plot, engine, pick
        self.look, self.scale = look, self.axis(look)
        self.note = ""
        self.legend: list[dict[str, Any]] = []
        self.numbers: Numbers | None = None
        self._height = TALL if primary else SHORT
        self._view: tuple[Any, ...] = ()
        self.build()

    def build(self, log_x: bool = False) -> None:
        """Make the figure; again where its horizontal axis becomes of another kind."""
        self.figure = figure(log_x=log_x, log_y=self.scale.log, height=self._height)
        self.scale.dress(self.figure)
        self.source = ColumnDataSource()
        self.draw()

    def axis(self, look: Look) -> Scale:
        """How the vertical axis places values."""
        return Scale.of(self.plot, look.log_y)

    @abstractmethod
    def draw(self) -> None:
        """Add the glyphs, once."""

    @abstractmethod
    def fill(self, now: Moment) -> None:
        """Replace the data."""

    def update(self, run: Run, step: int, horizon: int, curves: Sequence[Curve], focus: int) -> None:
        """Show the run at a step; does nothing where that is shown already."""
        names = dict.fromkeys((*self.plot.channels, self.plot.by)) if self.plot.by else self.plot.channels
        found = {name: _row(run.recording.series(name), name, step) for name in names}
        rows = tuple(row for row, _ in found.values())
        view = (
            run,
            run.recording.generation,
            rows,
            focus,
            tuple(curves),
            tuple(run.configs),
            horizon,
            run.diverged_at.tobytes(),
        )
        if view != self._view and min(rows) >= 0:
            self._view = view
            values = {name: block for name, (_, block) in found.items()}
            self.fill(Moment(run, step, horizon, values, curves, focus))


def named(channel: Channel) -> str:
    """A channel as an axis names it."""
    return channel.label + (f" [{channel.unit}]" if channel.unit else "")


def _row(series: Series, name: str, step: int) -> tuple[int, np.ndarray]:
    """A channel at the last recorded step up to `step`, and its row; -1 while there is none."""
    block = series[name] if name in series.names else np.empty(0)
    row = min(series.index_at(step), len(block) - 1)  # rows may be taken back while they are read
    return row, block[row] if row >= 0 else block
