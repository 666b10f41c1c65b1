"""The outcome of every member over the two knobs that vary most, as colours; what theory says beside it."""

from __future__ import annotations

from math import floor
from typing import Any

import numpy as np
from bokeh.events import Tap

from dashboard.marks.forecast import Forecast
from dashboard.marks.heat import HeatMark
from dashboard.marks.series import pair
from dashboard.marks.still import Moment
from dashboard.naming import number, words
from dashboard.tables import Numbers


class MapMark(HeatMark):
    """A cell a pair of values, the median over all members that have them."""

    knobs: tuple[str, str] | None = None
    forecast: Forecast | None = None
    _configs: tuple[Any, ...] = ()

    def draw(self) -> None:
        """Also put the member of a cell in focus when it is tapped."""
        super().draw()
        self.channel = self.engine.channel(self.plot.channels[0])
        self.figure.on_event(Tap, lambda event: self._tapped(event.x, event.y))

    def fill(self, now: Moment) -> None:
        """Everything at this step; the cells are found once for each ensemble."""
        configs = tuple(now.run.configs)
        if configs != self._configs:
            self._configs, self.forecast, self.knobs = configs, None, pair(configs)
            self._arrange()
        if self.knobs is None:  # the page leaves such a map out
            return
        measured, law = self._measured(now), self._law(now)
        label = self.forecast.label if self.forecast else ""
        both = {"measured": measured} | ({f"theory: {label}": law} if np.isfinite(law).any() else {})
        self.show(list(both), list(both.values()))
        self._say(both)

    def _arrange(self) -> None:
        if self.knobs is None:
            return
        self._shapes = []  # the same shape may have other values
        self._values = [sorted({getattr(config, name) for config in self._configs}) for name in self.knobs]
        across, up = self._values
        self._cells: list[list[list[int]]] = [[[] for _ in across] for _ in up]
        for member, config in enumerate(self._configs):
            x, y = (getattr(config, name) for name in self.knobs)
            self._cells[len(up) - 1 - up.index(y)][across.index(x)].append(member)
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = map(words, self.knobs)

    def _row(self, index: int) -> str:
        return number(self._values[1][::-1][index])

    def _column(self, index: int) -> str:
        return number(self._values[0][index])

    def _measured(self, now: Moment) -> np.ndarray:
        gone = (now.run.diverged_at >= 0) & (now.step >= now.run.diverged_at)
        values = np.where(gone, np.nan, np.ravel(now.values[self.channel.name])).astype(float)
        return np.array([[np.median(values[cell]) if cell else np.nan for cell in row] for row in self._cells])

    def _law(self, now: Moment) -> np.ndarray:
        """What theory says of each cell; nothing of a run whose knobs changed on the way."""
        shape = len(self._cells), len(self._cells[0])
        if any(event.step > 0 for event in now.run.recording.events):
            return np.full(shape, np.nan)
        if self.forecast is None or self.forecast.steps[-1] < now.step:
            points = [[self._configs[member] for member in cell] for row in self._cells for cell in row]
            self.forecast = Forecast(self.engine, self.channel.name, points, max(now.horizon, 2 * now.step))
        return self.forecast.at(now.step).reshape(shape)

    def _tapped(self, x: float, y: float) -> None:
        if self.knobs is None:
            return
        row, column = len(self._cells) - 1 - floor(y), floor(x)
        if 0 <= row < len(self._cells) and 0 <= column < len(self._cells[0]) and self._cells[row][column]:
            self.pick(self._cells[row][column][0])

    def _say(self, both: dict[str, np.ndarray]) -> None:
        """A row a value of the second knob, a column a value of the first."""
        self.note = " · ".join(filter(None, [self.note, "a click on a cell puts it in focus"]))
        columns = range(len(self._values[0]))
        heads = [f"{words(self.knobs[1])} \\ {words(self.knobs[0])}"] if self.knobs else []
        heads += [f"{name}, {self._column(place)}" for name in both for place in columns]
        rows = [np.concatenate([matrix[place] for matrix in both.values()]) for place in range(len(self._cells))]
        self.numbers = Numbers(heads, [[self._row(i), *map(number, row.tolist())] for i, row in enumerate(rows)])
