"""Matrices as colours: side by side on one scale, first row on top; and the map of an ensemble over two knobs."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import BasicTicker, ColorBar, Image, LinearColorMapper, Text
from bokeh.palettes import Viridis256

from dashboard.figures.marks import color_scale
from dashboard.figures.marks.axes import Scale
from dashboard.figures.marks.figure import FigureOptions, add_glyph, in_lines, name_ticks
from dashboard.figures.marks.hover import add_hover
from dashboard.figures.marks.prediction_lines import SweepPredictions
from dashboard.figures.marks.step_mark import StepData, StepMark
from dashboard.figures.marks.sweep import two_most_varied
from dashboard.figures.tables import matrix_table
from dashboard.ui.formatting import knob_name, number
from dashboard.ui.notation import plain
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from dashboard.session.curves import Curve
    from engines.core.runs.run import Run

MOST_PER_SIDE = 128
"""Rows and columns of a matrix that are sent; a larger one is thinned."""

GAP, HEAD = 0.06, 0.16
"""The space between two matrices and above them, as shares of the widest and of the highest."""


class HeatMark(StepMark):
    """The plot's matrices for the member in focus."""

    def axis(self, options: FigureOptions) -> Scale:
        """Choose a linear axis: rows are even, and the logarithmic switch is the colours'."""
        return Scale(False)

    def draw(self) -> None:
        """Add the images, their names, one colour bar and the hover."""
        self._shapes: list[tuple[int, int]] = []
        self.shown: list[tuple[str, np.ndarray]] = []
        """Matrices that are drawn, whole, by name."""
        self.mapper = LinearColorMapper(palette=Viridis256, low=0, high=1)
        self.source.data = {name: [] for name in ("image", "x", "y", "dw", "dh", "name", "top")}
        image = Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=self.mapper)
        drawn = add_glyph(image, self.source, self.figure)
        bar = ColorBar(color_mapper=self.mapper, width=10, ticker=BasicTicker(desired_num_ticks=4))
        self.figure.add_layout(bar, "right")
        self.figure.grid.visible = False
        text = {"text_font_size": "12px", "text_color": GREY, "text_baseline": "bottom", "y_offset": -3}
        add_glyph(Text(x="x", y="top", text="name", **text), self.source, self.figure)
        add_hover(self.figure, [drawn], [("", "@name"), ("value", "@image")])

    def fill(self, now: StepData) -> None:
        """Draw the matrices of the member in focus."""
        names = [plain(self.engine.channel(name).label) for name in self.plot.channels]
        matrices = [np.atleast_2d(now.values[name][now.focus]) for name in self.plot.channels]
        self.show(names if len(names) > 1 else [""], matrices)
        self.tabulate(names if len(names) > 1 else [""], matrices, "row \\ column")

    def tabulate(self, names: Sequence[str], matrices: Sequence[np.ndarray], corner: str) -> None:
        """Put the matrices in a table."""
        rows, columns = np.max([matrix.shape for matrix in matrices], axis=0)
        named = [self._row_name(index) for index in range(rows)], [self._column_name(index) for index in range(columns)]
        self.numbers = matrix_table(names, matrices, *named, corner)

    def show(self, names: Sequence[str], matrices: Sequence[np.ndarray]) -> None:
        """Draw matrices under their names, thinned to what can be seen."""
        self.shown = list(zip(names, map(np.atleast_2d, matrices), strict=True))
        whole = [np.atleast_2d(matrix).astype(np.float32) for matrix in matrices]
        shown = [_thinned(matrix) for matrix in whole]
        notes = [_thinning_note(*pair) for pair in zip(whole, shown, strict=True)]
        self.note = next(filter(None, notes), "")
        shapes = [matrix.shape for matrix in whole]
        self._arrange_matrices(
            names, shapes, self._decade_colors(shown) if self.options.log_y else self._linear_colors(shown)
        )
        if shapes != self._shapes:
            self._shapes = shapes
            self._number_ticks(shapes)

    def _arrange_matrices(
        self, names: Sequence[str], shapes: Sequence[tuple[int, ...]], shown: Sequence[np.ndarray]
    ) -> None:
        """Put the matrices beside one another, their first rows at one height."""
        tall, lefts = max(rows for rows, _ in shapes), _lefts(shapes)
        self.source.data = {
            "image": [matrix[::-1] for matrix in shown],
            "x": lefts,
            "y": [tall - rows for rows, _ in shapes],
            "dw": [columns for _, columns in shapes],
            "dh": [rows for rows, _ in shapes],
            "name": list(names),
            "top": [tall] * len(shapes),
        }
        self.figure.x_range.update(start=0, end=lefts[-1] + shapes[-1][1])
        self.figure.y_range.update(start=0, end=tall * (1 + HEAD * any(names)))

    def _number_ticks(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Number the columns of each matrix, and the rows once."""
        tall = max(rows for rows, _ in shapes)
        across = [(left, columns) for left, (_, columns) in zip(_lefts(shapes), shapes, strict=True)]
        places = {left + index + 0.5: index for left, columns in across for index in _ticked(columns, len(across))}
        name_ticks(self.figure.xaxis, {place: self._column_name(index) for place, index in places.items()})
        name_ticks(self.figure.yaxis, {tall - index - 0.5: self._row_name(index) for index in _ticked(tall, 1)})

    def _row_name(self, index: int) -> str:
        """Name a row."""
        return str(index + 1)

    def _column_name(self, index: int) -> str:
        """Name a column."""
        return str(index + 1)

    def _linear_colors(self, shown: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Set the colours' range to all that is shown."""
        self.mapper.update(**color_scale.linear(_flat(shown))._asdict())
        return shown

    def _decade_colors(self, shown: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Set the colours' range to decades of the size, and return the logarithms that are drawn."""
        with np.errstate(divide="ignore"):
            powers = [np.log10(np.abs(matrix)) for matrix in shown]
        colors = color_scale.decades(_flat(powers))
        self.mapper.update(**colors._asdict())
        self.note = " · ".join(filter(None, [self.note, "colour: log₁₀ of the size"]))
        return [np.maximum(power, colors.low) for power in powers]


def _flat(matrices: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(matrix) for matrix in matrices])


def _thinned(matrix: np.ndarray) -> np.ndarray:
    rows, columns = matrix.shape
    return matrix[:: -(-rows // MOST_PER_SIDE), :: -(-columns // MOST_PER_SIDE)]


def _thinning_note(whole: np.ndarray, shown: np.ndarray) -> str:
    if shown.size == whole.size:
        return ""
    return f"{shown.shape[0]} × {shown.shape[1]} of {whole.shape[0]} × {whole.shape[1]} entries drawn"


def _lefts(shapes: Sequence[tuple[int, ...]]) -> list[float]:
    widths = [columns for _, columns in shapes]
    gap = GAP * max(widths)
    return [sum(widths[:place]) + place * gap for place in range(len(widths))]


def _ticked(size: int, sharers: int) -> range:
    return range(0, size, -(-size * sharers // 8))


CLAIM = "claim "
"""Before the number of a claim of the preset, where a map shows what is measured for it."""


def claims(run: Run, member: int) -> list[str]:
    """List the claims of the run's preset that can be measured on one member alone."""
    return [verdict.claim for verdict in run.select([member]).judge()]


class MapMark(HeatMark):
    """One number of every member over the two knobs that vary most, with theory beside it.

    A cell is a pair of values, in the median over all members that have them. The number is a channel's, or what a
    claim of the preset measures on the members of a cell (`CLAIM` and its place).
    """

    knobs: tuple[str, str] | None = None
    _configs: tuple[Any, ...] = ()
    _cells: Sequence[Sequence[list[int]]] = ()
    """The members of each cell, the largest value of the second knob in the first row."""

    def draw(self) -> None:
        """Add the matrices, and put the member of a cell in focus when it is tapped."""
        super().draw()
        self._claim = self.plot.channels[0].removeprefix(CLAIM) if self.plot.channels[0].startswith(CLAIM) else ""
        self.figure.on_event(Tap, lambda event: self.tap(event.x, event.y))

    def fill(self, now: StepData) -> None:
        """Draw everything at this step; the cells are found once for each ensemble."""
        configs = tuple(now.run.configs)
        if configs != self._configs:
            self._configs, self.knobs = configs, two_most_varied(configs)
            if self.knobs:
                self._find_cells(self.knobs)
        if self.knobs:  # the page leaves other maps out
            measured = self._measured(now)
            law = self.theory.at_step(now).reshape(measured.shape)
            self.failure = self.theory.failure
            predicted = np.isfinite(law).any()
            both = {"measured": measured} | ({"theory": law} if predicted else {})
            self.show(list(both), list(both.values()))
            self.tabulate(list(both), list(both.values()), " \\ ".join(self._knob_names[::-1]))
            said = [
                self.note,
                f"theory: {self.theory.label}" if predicted else "",
                "a click on a cell puts it in focus",
            ]
            self.note = " · ".join(filter(None, said))

    def _find_cells(self, knobs: tuple[str, str]) -> None:
        self._shapes = []  # the same shape may have other values
        self._values = [sorted({getattr(config, name) for config in self._configs}) for name in knobs]
        across, up = self._values
        self._cells = [[[] for _ in across] for _ in up]
        for member, config in enumerate(self._configs):
            x, y = (getattr(config, name) for name in knobs)
            self._cells[len(up) - 1 - up.index(y)][across.index(x)].append(member)
        points = [[self._configs[member] for member in cell] for row in self._cells for cell in row]
        self.theory = SweepPredictions(self.engine, self.plot.channels[0], points)
        self._knob_names = [knob_name(self._configs[0].knob(name)) for name in knobs]
        across, up = self._knob_names
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = across, in_lines(up)

    def _row_name(self, index: int) -> str:
        return number(self._values[1][::-1][index])

    def _column_name(self, index: int) -> str:
        return number(self._values[0][index])

    def update(self, run: Run, step: int, horizon: int, curves: Sequence[Curve], focus: int) -> None:
        """Show the run at a step; claims are about all of it, and measured again when it has grown by a tenth."""
        if not self._claim:
            return super().update(run, step, horizon, curves, focus)
        judged = (run, tuple(run.configs), round(np.log(len(run) + 1) * 10), run.finished, horizon)
        if len(run) and judged != self._judged:
            self._judged = judged
            self.fill(StepData(run, step, horizon, {}, curves, focus))

    _judged: tuple[Any, ...] = ()

    def _measured(self, now: StepData) -> np.ndarray:
        if self._claim:
            return np.array([[_judge(now.run, cell, int(self._claim)) for cell in row] for row in self._cells])
        values = now.finite_scalar(self.plot.channels[0])
        return np.array([[np.median(values[cell]) if cell else np.nan for cell in row] for row in self._cells])

    def tap(self, x: float, y: float) -> None:
        """Put the first member of the cell under a point of the plane in focus."""
        row, column = len(self._cells) - 1 - floor(y), floor(x)
        if 0 <= row < len(self._cells) and 0 <= column < len(self._cells[0]) and self._cells[row][column]:
            self.pick(self._cells[row][column][0])


def _judge(run: Run, members: Sequence[int], claim: int) -> float:
    """Measure one claim of the preset on some members; NaN where it cannot be told of them."""
    verdicts = run.select(members).judge() if members else []
    measured = verdicts[claim].measured if claim < len(verdicts) else None
    return np.nan if measured is None else measured
