"""The outcome of every member over the two knobs that vary most, as colours; what theory says beside it."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any

import numpy as np
from bokeh.events import Tap

from dashboard.figures.marks.forecast import Outlook
from dashboard.figures.marks.heat import HeatMark
from dashboard.figures.marks.series import pair
from dashboard.figures.marks.still import Moment
from dashboard.ui.formatting import number, words


class MapMark(HeatMark):
    """A cell a pair of values, the median over all members that have them."""

    knobs: tuple[str, str] | None = None
    _configs: tuple[Any, ...] = ()
    _cells: Sequence[Sequence[list[int]]] = ()
    """The members of each cell, the largest value of the second knob in the first row."""

    def draw(self) -> None:
        """Also put the member of a cell in focus when it is tapped."""
        super().draw()
        self.channel = self.engine.channel(self.plot.channels[0])
        self.figure.on_event(Tap, lambda event: self._tapped(event.x, event.y))

    def fill(self, now: Moment) -> None:
        """Everything at this step; the cells are found once for each ensemble."""
        configs = tuple(now.run.configs)
        if configs != self._configs:
            self._configs, self.knobs = configs, pair(configs)
            if self.knobs:
                self._arrange(self.knobs)
        if self.knobs:  # the page leaves other maps out
            measured = self._measured(now)
            law = self.outlook.at(now).reshape(measured.shape)
            both = {"measured": measured} | ({f"theory: {self.outlook.label}": law} if np.isfinite(law).any() else {})
            self.show(list(both), list(both.values()))
            self.tell(list(both), list(both.values()), f"{words(self.knobs[1])} \\ {words(self.knobs[0])}")
            self.note = " · ".join(filter(None, [self.note, "a click on a cell puts it in focus"]))

    def _arrange(self, knobs: tuple[str, str]) -> None:
        self._shapes = []  # the same shape may have other values
        self._values = [sorted({getattr(config, name) for config in self._configs}) for name in knobs]
        across, up = self._values
        self._cells = [[[] for _ in across] for _ in up]
        for member, config in enumerate(self._configs):
            x, y = (getattr(config, name) for name in knobs)
            self._cells[len(up) - 1 - up.index(y)][across.index(x)].append(member)
        points = [[self._configs[member] for member in cell] for row in self._cells for cell in row]
        self.outlook = Outlook(self.engine, self.channel.name, points)
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = map(words, knobs)

    def _row(self, index: int) -> str:
        return number(self._values[1][::-1][index])

    def _column(self, index: int) -> str:
        return number(self._values[0][index])

    def _measured(self, now: Moment) -> np.ndarray:
        values = now.alive(self.channel.name)
        return np.array([[np.median(values[cell]) if cell else np.nan for cell in row] for row in self._cells])

    def _tapped(self, x: float, y: float) -> None:
        row, column = len(self._cells) - 1 - floor(y), floor(x)
        if 0 <= row < len(self._cells) and 0 <= column < len(self._cells[0]) and self._cells[row][column]:
            self.pick(self._cells[row][column][0])
