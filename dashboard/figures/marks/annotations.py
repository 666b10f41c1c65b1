"""Notes of the reader at recorded steps, and slopes that are measured between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from bokeh.models import ColumnDataSource, LabelSet, MultiLine, Scatter

from dashboard.figures.marks.axes import Scale
from dashboard.figures.marks.figure import add_glyph
from dashboard.figures.marks.streamed_source import Column, read_column
from dashboard.ui.formatting import number
from dashboard.ui.palette import INK

if TYPE_CHECKING:
    from dashboard.session.view_state import Annotation
    from engines.core.runs.run import Run


class PlacedAnnotation(NamedTuple):
    """An annotation as it is drawn: a point, or the ends of a line, `x` and `y` in values; and its text."""

    x: Sequence[float]
    y: Sequence[float]
    text: str


def placed(
    notes: Sequence[Annotation], columns: Sequence[Column], run: Run, log_x: bool, scale: Scale
) -> Iterator[PlacedAnnotation]:
    """Place annotations on the curves that they are about, as far as these go by now."""
    for note in notes:
        column = next((column for column in columns if _about(note, column)), None)
        if column is None or column.channel not in run.recording.series(column.channel).names:
            continue
        steps, values = read_column(run, column)
        last = note.step if note.to is None else note.to
        if len(steps) and steps[-1] >= last:
            placed = _point(note, steps, values) if note.to is None else _slope(note, steps, values, log_x, scale)
            yield from filter(None, [placed])


def _about(note: Annotation, column: Column) -> bool:
    return (note.channel, note.component) == (column.channel, column.component) and note.member in column.curve.members


def _point(note: Annotation, steps: np.ndarray, values: np.ndarray) -> PlacedAnnotation | None:
    row = int(np.searchsorted(steps, note.step, side="right")) - 1
    return (
        PlacedAnnotation((float(steps[row]),), (float(values[row]),), note.text) if np.isfinite(values[row]) else None
    )


def _slope(
    note: Annotation, steps: np.ndarray, values: np.ndarray, log_x: bool, scale: Scale
) -> PlacedAnnotation | None:
    """Fit a line, by least squares, to all recorded steps between two, in the units of the axes."""
    assert note.to is not None
    inside = (steps >= note.step) & (steps <= note.to) & scale.drawable(values) & ((steps > 0) | (not log_x))
    t, y = steps[inside].astype(float), values[inside]
    if len(t) < 2:
        return None
    x, z = np.log(t) if log_x else t, np.log(y) if scale.log else y
    slope, start = np.polyfit(x - x[0], z, 1)
    ends = start + slope * (x[[0, -1]] - x[0])
    ends = np.exp(ends) if scale.log else ends
    text = " ".join(filter(None, [note.text, _measured(float(slope), log_x, scale.log)]))
    return PlacedAnnotation((float(t[0]), float(t[-1])), (float(ends[0]), float(ends[1])), text)


def _measured(slope: float, log_x: bool, log_y: bool) -> str:
    """Say what a slope is in the units of its axes.

    >>> _measured(-2.0, True, True), _measured(-0.01, False, True), _measured(0.5, True, False)
    ('slope −2', 'rate −0.01 a step', '1.151 a decade')
    """
    if log_x and log_y:
        return f"slope {number(slope)}"
    if log_x:
        return f"{number(slope * float(np.log(10)))} a decade"
    return f"rate {number(slope)} a step" if log_y else f"slope {number(slope)} a step"


class AnnotationLayer:
    """Glyphs of annotations on a figure of the page; they are made when the first one is shown."""

    def __init__(self, figure: Any, scale: Scale) -> None:
        self._figure, self._scale = figure, scale
        self._sources: tuple[ColumnDataSource, ...] = ()

    def show(self, annotations: Sequence[PlacedAnnotation]) -> None:
        """Draw annotations in place of those before."""
        if not annotations and not self._sources:
            return
        if not self._sources:
            self._draw()
        height = self._scale.places
        lines = [each for each in annotations if len(each.x) > 1]
        middle = [len(each.x) // 2 for each in annotations]
        columns = (
            {"xs": [list(each.x) for each in lines], "ys": [height(each.y).tolist() for each in lines]},
            {
                "x": [each.x[at] for each, at in zip(annotations, middle, strict=True)],
                "y": [float(height(each.y[at])) for each, at in zip(annotations, middle, strict=True)],
                "text": [each.text for each in annotations],
            },
        )
        for source, data in zip(self._sources, columns, strict=True):
            if dict(source.data) != data:
                source.data = data

    def _draw(self) -> None:
        lines, points = ColumnDataSource({"xs": [], "ys": []}), ColumnDataSource({"x": [], "y": [], "text": []})
        self._sources = lines, points
        add_glyph(MultiLine(xs="xs", ys="ys", line_color=INK, line_width=2.5), lines, self._figure)
        dots = Scatter(x="x", y="y", size=7, fill_color=INK, line_color=None)
        add_glyph(dots, points, self._figure, name="annotations")
        about = {"text_font_size": "12px", "text_color": INK, "x_offset": 6, "y_offset": 6}
        self._figure.add_layout(LabelSet(x="x", y="y", text="text", source=points, **about))
