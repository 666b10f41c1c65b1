"""Options of HoloViews elements for both back ends: hues, dashes, axes that are the page's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.mathtext import MathTextParser

from dashboard.figures.marks.axes import Scale
from dashboard.publish.figure_view import WIDTHS
from dashboard.ui.notation import tex

NEARLY_ONE = 0.3
"""Decades in sight below which an axis is linear: the ticks of a logarithmic one would all read alike."""

HEIGHT = 300
"""Height of a figure of Bokeh's, pixels."""

SHAPE = 0.55
"""Height of the axes of a figure, relative to its width."""

TYPE = 9
"""Size of all type, in points, whatever the size of the figure."""

DASHES = {"solid": (), "dashed": (6, 4), "dotted": (2, 3), "dotdash": (2, 3, 7, 3), "dashdot": (7, 3, 2, 3)}
"""Drawn and left out, in pixels of the page."""


SHAPES = {
    "circle": "o", "triangle": "^", "square": "s", "diamond": "D", "inverted_triangle": "v", "hex": "h", "star": "*",
    "plus": "P", "cross": "X", "asterisk": "p",
}  # fmt: skip
"""Markers of matplotlib by the names of the page's."""


def typeset(formula: str) -> str:
    r"""Write a formula of an engine as mathtext; "" where there is none, or where mathtext cannot set it.

    >>> typeset("λ_min"), typeset("")
    ('$\\lambda _{\\mathrm{min}}$', '')
    """
    text = f"${tex(formula)}$" if formula else ""
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return ""
    return text


def both(element: Any, bokeh: dict[str, Any] | None = None, mpl: dict[str, Any] | None = None, **shared: Any) -> Any:
    """Give an element options: those that both back ends call alike, and each one's own."""
    element.opts(backend="bokeh", **(shared | (bokeh or {})))
    return element.opts(backend="matplotlib", **(shared | (mpl or {})))


def moving(plot: Any, element: Any) -> None:
    """Remember of matplotlib's artists which hold what a run recorded: a movie uncovers them."""
    artists = plot.handles["artist"]
    for artist in artists if isinstance(artists, list) else [artists]:
        artist.recorded = True


def dashed(element: Any, dash: str | Sequence[int], color: str, width: float) -> Any:
    """Draw a curve in a hue with a dash of the page."""
    pattern = DASHES[dash] if isinstance(dash, str) else tuple(dash)
    line = (0, tuple(length / 2 for length in pattern)) if pattern else "-"
    return both(
        element, color=color, bokeh={"line_dash": list(pattern), "line_width": 1.3 * width},
        mpl={"linestyle": line, "linewidth": width},
    )  # fmt: skip


def framed(
    overlay: Any, scale: Scale, window: tuple[float, float, float, float], *, title: str, x: str, y: str,
    formula: str = "", log_x: bool = False, square: bool = False, grid: bool = True, x_ticks: Sequence[Any] = (),
    y_ticks: Sequence[Any] = (),
) -> Any:  # fmt: skip
    """Give an overlay the axes of the page: scales, window in the page's places, labels, ticks.

    A `formula` of the vertical axis is typeset where matplotlib draws.
    """
    left, right, bottom, top = map(float, window)
    low, high = (float(scale.values(end)) for end in (bottom, top))
    shared = {"title": title, "xlabel": x, "ylabel": y, "xlim": (left, right), "ylim": (low, high)}
    shared |= {"logx": log_x, "logy": scale.log, "show_grid": grid}
    shared |= {name: list(ticks) for name, ticks in (("xticks", x_ticks), ("yticks", y_ticks)) if ticks}
    bokeh = {"height": HEIGHT, "responsive": True, "legend_position": "right"}
    if square:
        bokeh = {"frame_height": HEIGHT, "frame_width": HEIGHT, "legend_position": "right"}
    size = {"fig_inches": (WIDTHS["page"], WIDTHS["page"] * SHAPE), "aspect": None, "fontsize": TYPE}
    mpl = size | {"ylabel": typeset(formula) or y, "hooks": [_mpl_axes(scale, log_x, square)]}
    return both(overlay, bokeh | {"hooks": [_bokeh_axis(scale, bottom, top)]}, mpl, **shared)


def _bokeh_axis(scale: Scale, bottom: float, top: float) -> Callable[[Any, Any], None]:
    """Place values as the page does where an axis is logarithmic for both signs."""

    def hook(plot: Any, element: Any) -> None:
        figure = plot.state
        if not scale.threshold:
            return
        for glyph in (renderer.glyph for renderer in figure.renderers if hasattr(renderer, "glyph")):
            for end in ("y", "y0", "y1", "y2", "top", "bottom"):
                column = getattr(glyph, end, None)
                if isinstance(column, str):
                    setattr(glyph, end, scale.field(column))
        figure.y_range.update(start=bottom, end=top)
        scale.set_ticks(figure)

    return hook


def _mpl_axes(scale: Scale, log_x: bool, square: bool) -> Callable[[Any, Any], None]:
    """Leave out what a logarithmic axis cannot place, instead of drawing it at the edge."""

    def hook(plot: Any, element: Any) -> None:
        axis = plot.handles["axis"]
        window = axis.get_xlim(), axis.get_ylim()
        if log_x:
            axis.set_xscale("log", nonpositive="mask")
        if scale.log:
            axis.set_yscale("log", nonpositive="mask")
        if scale.threshold and abs(np.diff(scale.places(window[1]))[0]) > NEARLY_ONE:
            axis.set_yscale("asinh", linear_width=2 * scale.threshold)
        axis.set_aspect("equal" if square else "auto")
        axis.set(xlim=window[0], ylim=window[1])

    return hook
