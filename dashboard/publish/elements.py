"""HoloViews elements of what a mark shows, with the hues and dashes of the page for both back ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import holoviews as hv
import holoviews.plotting.bokeh
import holoviews.plotting.mpl
import numpy as np

from dashboard.figures.marks import prediction_lines
from dashboard.figures.marks.axes import Scale
from dashboard.figures.marks.heatmap import HeatMark
from dashboard.figures.marks.path import PathMark
from dashboard.figures.marks.ranking import RankingMark
from dashboard.figures.marks.space import SpaceMark
from dashboard.figures.marks.streamed_source import Column, read_column
from dashboard.figures.marks.sweep import SweepMark
from dashboard.figures.marks.vectors import BarsMark, ProfileMark
from dashboard.publish.annotations import notes_and_slopes
from dashboard.publish.style import SHAPES, both, dashed, framed, moving
from dashboard.ui.notation import plain
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from dashboard.figures.marks.line import LineMark, LineSpec
    from dashboard.figures.marks.step_mark import StepMark
    from dashboard.session.view_state import Annotation
    from engines.core.runs.run import Run

ViewRange = tuple[float, float, float, float]

UNDER = 0.02
"""Share of the height by which names of phases stay under the top: at it, they would be cut."""

CURVE, THEORY, OVERLAY, PHASE = "Curve", "Theory", "Overlay", "Phase"
"""Groups of the elements, by which a figure can be taken apart: `figure.Theory`."""


def lines(mark: LineMark, run: Run, step: int, notes: Sequence[Annotation], zoomed: ViewRange | None) -> Any:
    """Overlay what a figure of lines shows: other runs, phases, bands, curves, theory, annotations."""
    window = zoomed or _window(mark.figure)
    x, y = _label(mark.figure.xaxis), _label(mark.figure.yaxis)
    dims = hv.Dimension(mark.plot.x), hv.Dimension(f"{mark.plot.name}_value")
    drawn = [
        *_overlays(mark, dims),
        *_phases(mark, dims, window),
        *(element for spec in mark.lines for element in _curve(mark, run, spec, dims)),
        *_ends(mark, run, step, dims),
        *_cursor(run, step, isinstance(mark, PathMark)),
        *(_law(line, hue, dims) for line, hue in mark.theory_lines()),
        *notes_and_slopes(mark, run, [] if isinstance(mark, PathMark) else notes, dims),
    ]
    title = plain(mark.plot.title)
    return framed(
        hv.Overlay(drawn), mark.scale, window, log_x=mark.options.log_x, title=title, x=x, y=y, formula=_formula(mark)
    )


def _formula(mark: LineMark) -> str:
    """Return the formula of the one channel that is drawn; "" of several, or where there is none."""
    return mark.engine.channel(mark.plot.channels[0]).formula if len(mark.plot.channels) == 1 else ""


def _window(figure: Any) -> ViewRange:
    return figure.x_range.start, figure.x_range.end, figure.y_range.start, figure.y_range.end


def _curve(mark: LineMark, run: Run, spec: LineSpec, dims: Any) -> Iterator[Any]:
    x, y = read_column(run, spec.column)
    name = {"label": spec.label}
    path = isinstance(mark, PathMark)
    if path:
        x = read_column(run, Column(spec.column.curve, mark.plot.x))[1]
    if spec.column.curve.band and not path:
        low, high = (read_column(run, column)[1] for column in mark.band(spec.column))
        edges = [dims[1], f"{dims[1].name}_high"]
        shade = hv.Area((x, low, high), dims[0], edges, group="Band", **name)
        yield both(
            shade, alpha=0.2, bokeh={"color": spec.color, "line_alpha": 0},
            mpl={"color": spec.color, "facecolor": spec.color, "linewidth": 0, "hooks": [moving]},
        )  # fmt: skip
    bold = len({each.focus for each in mark.lines}) > 1 and spec.focus
    drawn = dashed(hv.Curve((x, y), *dims, group=CURVE, **name), spec.dash, spec.color, 2.2 if bold else 1.4)
    yield both(drawn, mpl={"hooks": [moving]})


def _law(line: prediction_lines.PredictionLine, hue: str, dims: Any) -> Any:
    made = hv.Curve(
        (line.steps, line.prediction.values), *dims, group=THEORY, label=prediction_lines.title(line.prediction)[0]
    )
    return dashed(made, prediction_lines.DASH, hue, 1.3)


def _overlays(mark: LineMark, dims: Any) -> Iterator[Any]:
    """Other runs, as far as the page draws them: their bands, then their medians."""
    for name in ("bands", "overlays"):
        data = mark.sources[name].data
        for xs, ys, color in zip(data["xs"], data["ys"], data["color"], strict=True):
            points = (np.asarray(xs, float), mark.scale.values(ys))
            if name == "bands":
                shade = hv.Polygons([np.column_stack(points)], list(dims), group=OVERLAY)
                yield both(shade, alpha=0.15, bokeh={"fill_color": color, "line_alpha": 0},
                           mpl={"color": color, "facecolor": color, "linewidth": 0})  # fmt: skip
                continue
            label = next((text for text, hue in mark.overlay_hues.items() if hue == color), "")
            yield dashed(hv.Curve(points, *dims, group=OVERLAY, label=label), "solid", color, 1.2)


def _phases(mark: LineMark, dims: Any, window: ViewRange) -> Iterator[Any]:
    """Tint the spans of phases, named at their top where there is room."""
    data = mark.sources["phases"].data
    left, right, bottom, top = window
    low, height = map(float, mark.scale.values([bottom, top]))
    for start, end, tint in zip(data["left"], data["right"], data["tint"], strict=True):
        if start < right and end > left:
            span = hv.Rectangles([(max(start, left), low, min(end, right), height)], group=PHASE)
            fill = {
                "bokeh": {"fill_color": GREY, "line_alpha": 0},
                "mpl": {"color": GREY, "facecolor": GREY, "linewidth": 0},
            }
            yield both(span, alpha=tint, **fill)
    under = height * (low / height) ** UNDER if mark.scale.log else height - UNDER * (height - low)
    named = [(x, under, text) for x, text in zip(data["at"], data["text"], strict=True) if text]
    if named:
        yield both(
            hv.Labels(named, list(dims), "phase", group=PHASE),
            bokeh={"text_color": GREY, "text_align": "left", "text_baseline": "top", "text_font_size": "8pt"},
            mpl={"color": GREY, "horizontalalignment": "left", "verticalalignment": "top", "size": 9},
        )  # fmt: skip


def _ends(mark: LineMark, run: Run, step: int, dims: Any) -> Iterator[Any]:
    """Mark where paths start, hollow, and where they are at a step."""
    if not isinstance(mark, PathMark):
        return
    mark.show_cursor(run, step, True)
    data = mark.ends.data
    for x, y, color, fill in zip(*(data[name] for name in ("x", "y", "color", "fill")), strict=True):
        spot = hv.Points([(x, y)], list(dims), group="End")
        inside = color if fill else "white"
        yield both(
            spot, bokeh={"fill_color": inside, "line_color": color, "size": 8},
            mpl={"facecolors": inside, "edgecolors": color, "s": 28, "linewidth": 1.4},
        )  # fmt: skip


def _cursor(run: Run, step: int, path: bool) -> Iterator[Any]:
    if step < int(run.steps[-1]) and not path:
        yield both(hv.VLine(step, group="Cursor"), color=GREY, bokeh={"line_width": 1.5}, mpl={"linewidth": 1.2})


# -- one step -------------------------------------------------------------------------------------------------------


def one_step(mark: StepMark, zoomed: ViewRange | None) -> Any:
    """Overlay what a mark of one step shows, in its window and with the names of its ticks."""
    if isinstance(mark, HeatMark):
        return _matrices(mark)
    across, up = _label(mark.figure.xaxis), _label(mark.figure.yaxis)
    dims = [hv.Dimension(f"{mark.plot.name}_{axis}") for axis in "xy"]
    draw: Callable[..., Iterator[Any]] = _points
    for kind, special in DRAWN.items():
        if isinstance(mark, kind):
            draw = special
    square, lying = isinstance(mark, SpaceMark), isinstance(mark, RankingMark)
    log_x = mark.scale.log if lying else isinstance(mark, SweepMark) and bool(mark.sweep and mark.sweep.log)
    log_x = log_x or (isinstance(mark, ProfileMark) and mark.across is not None and mark.plot.log_x)
    window = zoomed or _window(mark.figure)
    window = (*window[2:], *window[2:]) if square else window
    return framed(
        hv.Overlay(list(draw(mark, dims))), Scale(False) if lying else mark.scale, window, square=square,
        log_x=log_x, title=plain(mark.plot.title), x=across, y=up, x_ticks=_named(mark.figure.xaxis),
        y_ticks=_named(mark.figure.yaxis),
    )  # fmt: skip


def _label(axis: Any) -> str:
    return axis.axis_label or ""


def _named(axis: Any) -> list[tuple[float, str]]:
    """Names of the ticks of an axis, by their places; none where they are numbers."""
    names = axis[0].major_label_overrides
    return [(float(place), text) for place, text in names.items()]


def _clouds(mark: StepMark, *columns: str) -> Iterator[tuple[str, str, list[np.ndarray]]]:
    """Split a mark's source by what is of one name and hue: name, hue, and the columns of it."""
    data = mark.source.data
    keys = list(zip(data["name"], data["color"], strict=True))
    for (name, color), rows in groupby(range(len(keys)), keys.__getitem__):
        at = list(rows)
        yield name, color, [np.asarray(data[column], float)[at] for column in columns]


def _points(mark: StepMark, dims: Any) -> Iterator[Any]:
    shapes = dict(zip(mark.source.data["name"], mark.source.data["shape"], strict=True))
    for name, color, (x, y) in _clouds(mark, "x", "y"):
        yield _dots(hv.Scatter((x, y), dims[0], dims[1], label=name), color, shape=shapes[name])


def _dots(element: Any, color: str, size: float = 5, shape: str = "circle") -> Any:
    return both(
        element, color=color, alpha=0.75, bokeh={"size": size, "marker": shape},
        mpl={"s": size**2 / 2, "linewidth": 0.8, "marker": SHAPES[shape]},
    )  # fmt: skip


def _space(mark: StepMark, dims: Any) -> Iterator[Any]:
    """Draw points as they lie; three coordinates as the page shows them before anybody turns them."""
    shapes = dict(zip(mark.source.data["name"], mark.source.data["shape"], strict=True))
    for name, color, (*place, size) in _clouds(mark, "x", "y", "z", "size"):
        solid = len(mark.plot.channels) == 3
        x, y = SpaceMark.projected(*place) if solid else place[:2]
        raw = dict(zip(mark.plot.channels, place, strict=False))
        data = {dims[0].name: x, dims[1].name: y, **raw}
        yield _dots(hv.Points(data, dims, list(raw), label=name), color, 0.8 * float(size[0]), shapes[name])


def _bars(mark: BarsMark, dims: Any) -> Iterator[Any]:
    half = 0.4 / len(mark.plot.channels)
    for name, color, (x, top, base, fill) in _clouds(mark, "x", "top", "base", "fill"):
        box = {"x0": x - half, "y0": mark.scale.values(base), "x1": x + half, "y1": top}
        yield both(
            hv.Rectangles(box, ["x0", "y0", "x1", "y1"], label=name),
            bokeh={"fill_color": color, "fill_alpha": float(fill[0]), "line_color": color},
            mpl={"facecolor": f"{color[:7]}{round(255 * fill[0]):02x}", "edgecolor": color, "linewidth": 0.8},
        )  # fmt: skip


def _ranking(mark: RankingMark, dims: Any) -> Iterator[Any]:
    """Draw a bar a curve, with a line from the lower to the upper end of a band."""
    data = mark.source.data
    rows = zip(*(data[column] for column in ("y", "left", "right", "low", "high", "color", "name")), strict=True)
    for y, left, right, low, high, color, name in rows:
        box = {"x0": [left], "y0": [y - 0.36], "x1": [right], "y1": [y + 0.36]}
        bar = hv.Rectangles(box, ["x0", "y0", "x1", "y1"], label=name)
        yield both(bar, bokeh={"color": color}, mpl={"facecolor": color, "linewidth": 0})
        if np.isfinite(low) and np.isfinite(high):
            ends = hv.Segments([(low, y, high, y)], group="Band")
            yield both(ends, color=GREY, bokeh={"line_width": 2}, mpl={"linewidth": 1.4})


def _profiles(mark: ProfileMark, dims: Any) -> Iterator[Any]:
    solid = dict(zip(mark.lines.data["color"], mark.lines.data["xs"], strict=True))
    for name, color, (x, y) in _clouds(mark, "x", "y"):
        if solid.get(color):
            yield dashed(hv.Curve((x, y), *dims, label=name), "solid", color, 1.4)
        yield _dots(hv.Scatter((x, y), *dims, label=name), color)
    data = mark.dashed.data
    for xs, ys, color in zip(data["xs"], data["ys"], data["color"], strict=True):
        made = hv.Curve((np.asarray(xs, float), mark.scale.values(ys)), *dims, group=THEORY)
        yield dashed(made, prediction_lines.DASH, color, 1.4)


def _sweep(mark: SweepMark, dims: Any) -> Iterator[Any]:
    """Draw a dot a member, lines through the medians over seeds, theory dashed."""
    for name, color, (x, y) in _clouds(mark, "x", "y"):
        yield _dots(hv.Scatter((x, y), *dims, group="Member", label=name), color)
    for source, group, dash in ((mark.lines, CURVE, "solid"), (mark.dashed, THEORY, prediction_lines.DASH)):
        data = source.data
        for xs, ys, color in zip(data["xs"], data["ys"], data["color"], strict=True):
            made = hv.Curve((np.asarray(xs, float), mark.scale.values(ys)), *dims, group=group)
            yield dashed(made, dash, color, 1.4)


def _matrices(mark: HeatMark) -> Any:
    """Draw matrices beside one another on one colour scale, under their names."""
    log = mark.options.log_y
    ends: Any = mark.mapper.low, mark.mapper.high
    low, high = (10.0 ** float(end) if log else float(end) for end in ends)
    x, y = _label(mark.figure.xaxis), _label(mark.figure.yaxis)
    dims = [hv.Dimension("column"), hv.Dimension("row")]
    colors = {"cmap": list(mark.mapper.palette), "clim": (low, high), "cnorm": "log" if log else "linear"}
    data = mark.source.data
    places = zip(*(data[name] for name in ("x", "y", "dw", "dh")), strict=True)
    drawn: list[Any] = []
    for place, ((name, matrix), (left, bottom, wide, tall)) in enumerate(zip(mark.shown, places, strict=True)):
        shown = np.abs(matrix) if log else matrix
        bounds = (left, bottom, left + wide, bottom + tall)
        image = hv.Image(shown, kdims=dims, vdims="size" if log else "value", bounds=bounds, label=name)
        drawn.append(both(image, **colors, colorbar=not place))
    named = [(x, y, name) for x, y, name in zip(data["x"], data["top"], data["name"], strict=True) if name]
    if named:
        texts = hv.Labels(named, dims, "name")
        drawn.append(
            both(
                texts, bokeh={"text_align": "left", "text_baseline": "bottom", "text_font_size": "9pt"},
                mpl={"horizontalalignment": "left", "verticalalignment": "bottom", "size": 9, "color": "black"},
            )
        )  # fmt: skip
    return framed(
        hv.Overlay(drawn), Scale(False), _window(mark.figure), title=plain(mark.plot.title), x=x, y=y, grid=False,
        x_ticks=_named(mark.figure.xaxis), y_ticks=_named(mark.figure.yaxis),
    )  # fmt: skip


DRAWN: dict[type, Callable[..., Iterator[Any]]] = {
    BarsMark: _bars, ProfileMark: _profiles, SweepMark: _sweep, SpaceMark: _space, RankingMark: _ranking,
}  # fmt: skip
"""Functions that draw marks of one step, other than points."""
