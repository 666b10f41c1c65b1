"""How a plot is looked at, and as what it can be taken away. Pages read this without what draws for print."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashboard.figures.overlays import Overlays
    from dashboard.session.curves import Curve
    from dashboard.session.view_state import Annotation

PRINTED = ("pdf", "svg", "png")

FILMED = ("gif", "mp4")

WIDTHS = {"column": 3.5, "page": 7.0}
"""Widths of print in inches: one column of a paper, and both."""

ShareDone = Callable[[float], None]
"""Told the share of some work that is done."""


def formats() -> list[str]:
    """List what a plot can be written as on this machine: MP4 takes ffmpeg."""
    return [kind for kind in (*PRINTED, *FILMED, "csv") if kind != "mp4" or shutil.which("ffmpeg")]


@dataclass(frozen=True)
class FigureView:
    """How a plot is looked at; None leaves a choice to the run or to the declaration."""

    step: int | None = None
    """The step that is shown; None for the newest."""
    focus: int = 0
    """The member that pictures of one member show."""
    bands: bool = True
    """Whether members that differ in their seed alone are drawn as one band."""
    curves: tuple[Curve, ...] | None = None
    horizon: int | None = None
    """The last step in view; None for the last recorded one."""
    log_x: bool | None = None
    log_y: bool | None = None
    window: tuple[float, float, float, float] | None = None
    """The part of the plane that the reader zoomed to: left, right, bottom, top."""
    theory: bool = True
    """Whether predictions are drawn: a lesson that asks for one hides them."""
    overlays: Overlays = field(default_factory=dict)
    annotations: Sequence[Annotation] = ()
