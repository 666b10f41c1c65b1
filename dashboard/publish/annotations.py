"""Annotations of the reader as HoloViews elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import holoviews as hv

from dashboard.figures.marks.annotations import placed
from dashboard.publish.style import both
from dashboard.ui.palette import INK

if TYPE_CHECKING:
    from dashboard.figures.marks.line import LineMark
    from dashboard.session.view_state import Annotation
    from engines.core.runs.run import Run

NOTE = "Note"


def notes_and_slopes(mark: LineMark, run: Run, notes: Sequence[Annotation], dims: Any) -> Iterator[Any]:
    """Draw notes as dots, measured slopes as lines, each with its text at its last point."""
    for each in placed(notes, [line.column for line in mark.lines], run, mark.options.log_x, mark.scale):
        if len(each.x) > 1:
            line = hv.Curve((list(each.x), list(each.y)), *dims, group=NOTE)
            yield both(line, color=INK, bokeh={"line_width": 2.5}, mpl={"linewidth": 1.8})
        at = (each.x[-1], each.y[-1])
        yield both(hv.Points([at], list(dims), group=NOTE), color=INK, bokeh={"size": 7}, mpl={"s": 18})
        yield both(
            hv.Labels([(*at, each.text)], list(dims), "text", group=NOTE),
            bokeh={"text_color": INK, "text_align": "left", "text_baseline": "bottom", "text_font_size": "9pt"},
            mpl={"color": INK, "horizontalalignment": "left", "verticalalignment": "bottom", "size": 9},
        )  # fmt: skip
