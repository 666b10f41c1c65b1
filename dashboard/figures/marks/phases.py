"""Phases of a run: tinted spans of the time axis, named at their top."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bokeh.models import ColumnDataSource, Range1d, Text, VStrip

from dashboard.figures.marks.figure import add_glyph
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Phase

TINTS = (0.05, 0.13)
"""Opacities of neighbouring spans."""

LETTER, USUAL = 6.0, 280.0
"""Pixels of a letter, and of a figure whose browser has not told its width: a name is written where it has room."""

EVER = 1e15
"""A step that no run comes to: where the last span ends."""

EMPTY = {"left": [], "right": [], "label": [], "doc": [], "tint": [], "at": [], "text": []}


def draw_phases(figure: Any, source: ColumnDataSource) -> None:
    """Add the spans and their names, once."""
    figure.extra_y_ranges = {"height": Range1d(start=0, end=1)}
    span = VStrip(x0="left", x1="right", fill_color=GREY, fill_alpha="tint", line_color=None)
    add_glyph(span, source, figure, level="underlay", name="phases")
    style = {"text_font_size": "11px", "text_color": GREY, "text_baseline": "top", "x_offset": 4, "y_offset": 3}
    add_glyph(Text(x="at", y=1, text="text", **style), source, figure, y_range_name="height", name="phase names")


def phase_columns(
    phases: Sequence[Phase], window: tuple[float, float], log: bool, pixels: float = USUAL
) -> dict[str, Any]:
    """Compute the spans, each up to the next, and the names of those that are wide enough in the window of steps.

    `pixels` is the width of the figure.
    """
    shown = sorted(phases, key=lambda phase: phase.step)
    least = 1e-3 if log else -EVER
    lefts = [max(float(phase.step), least) for phase in shown]
    rights = [*lefts[1:], EVER]
    kept = [i for i in range(len(shown)) if rights[i] > lefts[i]]
    starts = [max(lefts[i], window[0]) for i in kept]
    ends = [_share(min(rights[i], window[1]), window, log) for i in kept]
    widths = [end - _share(start, window, log) for start, end in zip(starts, ends, strict=True)]
    names = [shown[i].label for i in kept]
    return {
        "left": [lefts[i] for i in kept],
        "right": [rights[i] for i in kept],
        "label": names,
        "doc": [shown[i].doc for i in kept],
        "tint": [TINTS[place % 2] for place in range(len(kept))],
        "at": starts,
        "text": [
            shown[i].label if _fits(shown[i].label, wide * pixels) else "" for i, wide in zip(kept, widths, strict=True)
        ],
    }


def _fits(label: str, width: float) -> bool:
    return width > LETTER * len(label) + 6


def _share(step: float, window: tuple[float, float], log: bool) -> float:
    low, high, at = (*window, step)
    if log:
        low, high, at = (math.log10(max(value, 1e-300)) for value in (low, high, at))
    return min(max((at - low) / (high - low), 0.0), 1.0) if high > low else 0.0
