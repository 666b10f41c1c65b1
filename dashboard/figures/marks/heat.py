"""Matrices as colours: side by side on one scale, first row on top."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bokeh.models import BasicTicker, ColorBar, HoverTool, Image, LinearColorMapper, Text
from bokeh.palettes import Viridis256

from dashboard.figures.marks.figure import bare, name_ticks
from dashboard.figures.marks.scale import Scale
from dashboard.figures.marks.still import Moment, StillMark
from dashboard.figures.marks.strokes import Look
from dashboard.figures.tables import entries
from dashboard.ui.palette import GREY

LARGEST = 128
"""Rows and columns of a matrix that are sent; a larger one is thinned."""

DECADES = 8
"""Decades below the largest entry that a logarithmic colour scale tells apart."""

GAP, HEAD = 0.06, 0.09
"""The space between two matrices and above them, as shares of the widest and of the highest."""

DIVERGING = tuple(
    f"#{r:02x}{g:02x}{b:02x}"
    for r, g, b in [
        (round(a + s * (c - a)), round(d + s * (e - d)), round(f + s * (h - f)))
        for (a, d, f), (c, e, h) in (((33, 102, 172), (247, 247, 247)), ((247, 247, 247), (178, 24, 43)))
        for s in np.linspace(0, 1, 128)
    ]
)
"""Blue to red through white; symmetric about zero."""


class HeatMark(StillMark):
    """The plot's matrices for the member in focus."""

    def axis(self, look: Look) -> Scale:
        """Rows are even; the logarithmic switch is the colours'."""
        return Scale(False)

    def draw(self) -> None:
        """Add the images, their names, one colour bar and the hover."""
        self._shapes: list[tuple[int, int]] = []
        self.mapper = LinearColorMapper(palette=Viridis256, low=0, high=1)
        self.source.data = {name: [] for name in ("image", "x", "y", "dw", "dh", "name", "top")}
        image = Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=self.mapper)
        drawn = bare(image, self.source, self.figure)
        bar = ColorBar(color_mapper=self.mapper, width=10, ticker=BasicTicker(desired_num_ticks=4))
        self.figure.add_layout(bar, "right")
        self.figure.grid.visible = False
        text = {"text_font_size": "12px", "text_color": GREY, "text_baseline": "bottom", "y_offset": -3}
        bare(Text(x="x", y="top", text="name", **text), self.source, self.figure)
        self.figure.add_tools(HoverTool(renderers=[drawn], tooltips=[("", "@name"), ("value", "@image")]))

    def fill(self, now: Moment) -> None:
        """The matrices of the member in focus."""
        names = [self.engine.channel(name).label for name in self.plot.channels]
        matrices = [np.atleast_2d(now.values[name][now.focus]) for name in self.plot.channels]
        self.show(names if len(names) > 1 else [""], matrices)
        self.tell(names if len(names) > 1 else [""], matrices, "row \\ column")

    def tell(self, names: Sequence[str], matrices: Sequence[np.ndarray], corner: str) -> None:
        """The same as a table."""
        rows, columns = np.max([matrix.shape for matrix in matrices], axis=0)
        named = [self._row(index) for index in range(rows)], [self._column(index) for index in range(columns)]
        self.numbers = entries(names, matrices, *named, corner)

    def show(self, names: Sequence[str], matrices: Sequence[np.ndarray]) -> None:
        """Draw matrices under their names, thinned to what can be seen."""
        whole = [np.atleast_2d(matrix).astype(np.float32) for matrix in matrices]
        shown = [_thinned(matrix) for matrix in whole]
        notes = [_loss(*pair) for pair in zip(whole, shown, strict=True)]
        self.note = next(filter(None, notes), "")
        shapes = [matrix.shape for matrix in whole]
        self._place(names, shapes, self._decades(shown) if self.look.log_y else self._even(shown))
        if shapes != self._shapes:
            self._shapes = shapes
            self._count(shapes)

    def _place(self, names: Sequence[str], shapes: Sequence[tuple[int, ...]], shown: Sequence[np.ndarray]) -> None:
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

    def _count(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Number the columns of each matrix, and the rows once."""
        tall = max(rows for rows, _ in shapes)
        across = [(left, columns) for left, (_, columns) in zip(_lefts(shapes), shapes, strict=True)]
        places = {left + index + 0.5: index for left, columns in across for index in _chosen(columns, len(across))}
        name_ticks(self.figure.xaxis, {place: self._column(index) for place, index in places.items()})
        name_ticks(self.figure.yaxis, {tall - index - 0.5: self._row(index) for index in _chosen(tall, 1)})

    def _row(self, index: int) -> str:
        """What a row is called."""
        return str(index + 1)

    def _column(self, index: int) -> str:
        """What a column is called."""
        return str(index + 1)

    def _even(self, shown: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Set the colours' range to all that is shown, symmetric where there are both signs."""
        finite = np.concatenate([matrix[np.isfinite(matrix)] for matrix in shown])
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        reach = max(abs(low), abs(high)) or 1.0
        signed = low < -1e-3 * reach
        self.mapper.update(
            palette=DIVERGING if signed else Viridis256,
            low=-reach if signed else low,
            high=reach if signed else max(high, low + 1e-12),
        )
        return shown

    def _decades(self, shown: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Colour by the decades of the size."""
        with np.errstate(divide="ignore"):
            powers = [np.log10(np.abs(matrix)) for matrix in shown]
        finite = np.concatenate([power[np.isfinite(power)] for power in powers])
        top = float(np.ceil(finite.max())) if len(finite) else 0.0
        self.mapper.update(palette=Viridis256, low=top - DECADES, high=top)
        self.note = " · ".join(filter(None, [self.note, "colour: log₁₀ of the size"]))
        return [np.maximum(power, top - DECADES) for power in powers]


def _thinned(matrix: np.ndarray) -> np.ndarray:
    rows, columns = matrix.shape
    return matrix[:: -(-rows // LARGEST), :: -(-columns // LARGEST)]


def _loss(whole: np.ndarray, shown: np.ndarray) -> str:
    if shown.size == whole.size:
        return ""
    return f"{shown.shape[0]} × {shown.shape[1]} of {whole.shape[0]} × {whole.shape[1]} entries drawn"


def _lefts(shapes: Sequence[tuple[int, ...]]) -> list[float]:
    widths = [columns for _, columns in shapes]
    gap = GAP * max(widths)
    return [sum(widths[:place]) + place * gap for place in range(len(widths))]


def _chosen(size: int, sharers: int) -> range:
    return range(0, size, -(-size * sharers // 8))
