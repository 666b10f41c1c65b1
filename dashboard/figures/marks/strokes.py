"""Which lines a figure draws, in what hue and dash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.figures.marks.feed import Column
from dashboard.session.curves import Curve
from dashboard.ui.palette import qualitative

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Channel, Plot

DASHES = ("solid", "dotted", "dotdash", "dashdot")
COMPONENTS = 8
"""Components of a vector that are drawn as lines of their own."""


@dataclass(frozen=True)
class Look:
    """How one figure is looked at."""

    log_x: bool
    log_y: bool
    follow: bool = True
    table: bool = False


@dataclass(frozen=True)
class Stroke:
    """One line of a figure: which column, in what hue and dash."""

    column: Column
    label: str
    color: str
    dash: str
    focus: bool = True
    """Whether this line is, or contains, the member in focus."""


def strokes(
    plot: Plot, channels: Mapping[str, Channel], curves: Sequence[Curve], focus: int, sizes: Mapping[str, int]
) -> list[Stroke]:
    """The lines of a plot. One curve: a hue a channel. Several: a hue a curve, a dash a channel.

    `sizes` holds the number of components of each vector channel.
    """
    order = list(channels)
    found = []
    for place, name in enumerate(plot.channels):
        vector = bool(channels[name].dims)
        for curve in _drawn(curves, focus, vector):
            hue = curve.color if len(curves) > 1 else qualitative(order.index(name))
            dash = DASHES[place % len(DASHES)] if len(curves) > 1 else "solid"
            label = channels[name].label if len(curves) == 1 else f"{channels[name].label}, {curve.label}"
            parts: Sequence[int | None] = range(min(sizes.get(name, 0), COMPONENTS)) if vector else (None,)
            for part in parts:
                tone = qualitative(part or 0) if vector else hue
                tail = "" if part is None else f" {part + 1}"
                found.append(Stroke(Column(curve, name, part), label + tail, tone, dash, focus in curve.members))
    return found


def _drawn(curves: Sequence[Curve], focus: int, vector: bool) -> Sequence[Curve]:
    if not vector:
        return curves
    chosen = [curve for curve in curves if focus in curve.members]
    return [Curve(curve.key, curve.label, curve.color, (focus,)) for curve in chosen[:1]]
