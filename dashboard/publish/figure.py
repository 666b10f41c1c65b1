"""A plot of a run as HoloViews object: the same declaration and the same numbers as the figure on the page.

Curves hold every recorded step. Pictures of one step are read off the mark that the page draws.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dashboard.figures.card import curve_hues, legend
from dashboard.figures.grid import SINGLE_STEP_MARKS, channel_sizes, newest_alive
from dashboard.figures.marks import prediction_lines
from dashboard.figures.marks.figure import FigureOptions
from dashboard.figures.marks.heatmap import CLAIM
from dashboard.figures.marks.line import LineMark, line_specs
from dashboard.figures.marks.path import PathMark
from dashboard.figures.marks.step_mark import StepMark
from dashboard.figures.marks.streamed_source import Column, StreamedSource
from dashboard.figures.marks.sweep import plots_without_knobs
from dashboard.publish import elements
from dashboard.publish.figure_view import FigureView
from dashboard.session.curves import Curve, curves, in_sight
from dashboard.session.view_state import late_edit
from dashboard.ui.notation import plain
from engines.core.protocol.declarations import Plot
from engines.core.protocol.errors import ConfigError, UnknownName, engine_failures

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run


class PrintSheet(NamedTuple):
    """A plot as HoloViews object, and what stands around it in print."""

    figure: Any
    title: str
    legend: Sequence[Mapping[str, Any]]
    """Entries with `label`, `color` ("" for ink) and `dash`, as a card's heading shows them."""
    note: str


def figure(
    run: Run,
    plot: str | Plot,
    *,
    step: int | None = None,
    member: int = 0,
    bands: bool = True,
    log_x: bool | None = None,
    log_y: bool | None = None,
) -> Any:
    """Make the HoloViews object of a plot, for either back end; it composes with `*` and `+`.

    `plot` is the name of a plot or of a channel; `step` is that of pictures of one step, `member` that of pictures of
    one member. Raises `UnknownName`, and `ConfigError` where the run has nothing to show there.
    """
    return sheet(run, plot, FigureView(step, member, bands, log_x=log_x, log_y=log_y)).figure


def find_plot(engine: Engine, name: str) -> Plot:
    """Return a plot by name, or one of the channel of this name. Raises `UnknownName`."""
    plot = next((plot for plot in engine.plots if plot.name == name), None)
    channel = next((channel for channel in engine.channels if channel.name == name), None)
    if plot:
        return plot
    if channel is None:
        names = [each.name for each in (*engine.plots, *engine.channels)]
        raise UnknownName(f"plot or channel of {engine.name}", name, dict.fromkeys(names))
    kind = ("line", "bars", "heatmap")[min(len(channel.dims), 2)]
    about = {"title": channel.label[:1].upper() + channel.label[1:], "doc": channel.doc, "log_y": channel.log}
    return Plot(name=name, channels=(name,), kind=kind, **about)  # type: ignore[arg-type]


AS_IT_IS = FigureView()

AT_CURSOR = re.compile(",? at the cursor")
"""The words of a title that a picture of a known step replaces."""


class DrawnPlot(NamedTuple):
    """A plot as the page's own mark draws it, and how it is looked at, with no choice left open."""

    mark: LineMark | StepMark
    view: FigureView
    failure: str
    """The reason why there is no theory of some curve; "" where all could be computed."""


def sheet(run: Run, plot: str | Plot, view: FigureView = AS_IT_IS) -> PrintSheet:
    """Make the HoloViews object of a plot as it is looked at, with its title, its legend and its note."""
    plot = find_plot(run.engine, plot) if isinstance(plot, str) else plot
    mark, view, failure = draw_plot(run, plot, view)
    assert view.step is not None
    if not isinstance(mark, LineMark):
        title = f"{AT_CURSOR.sub('', plain(plot.title))}, at step {view.step:,}"
        return PrintSheet(elements.one_step(mark, view.window), title, mark.legend, without_advice(mark.note))
    shown = elements.lines(mark, run, view.step, view.annotations, view.window)
    broken = mark.broken_assumptions()
    note = " ".join(filter(None, [failure, f"Grey: theory does not apply – {broken}." if broken else ""]))
    return PrintSheet(shown, plain(plot.title), [*curve_hues(mark), *legend(mark)], note)


def draw_plot(run: Run, plot: Plot, view: FigureView = AS_IT_IS) -> DrawnPlot:
    """Draw a plot with the mark of the page. Raises `ConfigError` where the run has nothing to show there."""
    _require_content(run, plot)
    last = int(run.steps[-1])
    view = replace(
        view,
        step=last if view.step is None else min(view.step, last),
        curves=view.curves or _curves(run, view),
        horizon=view.horizon or last,
    )
    options = FigureOptions(
        plot.log_x if view.log_x is None else view.log_x, plot.log_y if view.log_y is None else view.log_y
    )
    return (_lines if plot.kind == "line" else _one_step)(run, plot, view, options)


def _curves(run: Run, view: FigureView) -> tuple[Curve, ...]:
    return in_sight(curves(run.configs, view.bands, [view.focus], run.preset), view.focus)


def _require_content(run: Run, plot: Plot) -> None:
    if not len(run):
        raise ConfigError("nothing is recorded in this run")
    if all(plot.name in run.engine.blank(config) for config in run.configs):
        raise ConfigError(f"the plot {plot.name} has nothing to show with these knobs")
    if plot.name in plots_without_knobs([plot], run.configs):
        raise ConfigError(f"the plot {plot.name} shows knobs that vary, and too few of this run do")
    for name in [*plot.channels, plot.by, plot.x]:
        if name and name != "step" and not (plot.kind == "map" and name.startswith(CLAIM)):
            run[name]  # says what is wrong with a channel that is not recorded


def _lines(run: Run, plot: Plot, view: FigureView, options: FigureOptions) -> DrawnPlot:
    """Draw lines over steps or over another channel: the page's mark chooses them and the window, we take all rows."""
    channels = {channel.name: channel for channel in run.engine.channels}
    assert view.curves is not None and view.horizon is not None and view.step is not None
    lines = line_specs(plot, channels, view.curves, view.focus, dict(channel_sizes(run)))
    across = [] if plot.x == "step" else [Column(spec.column.curve, plot.x) for spec in lines]
    edges = [
        replace(spec.column, statistic=statistic)
        for spec in lines
        for statistic in ("low", "high")
        if spec.column.curve.band
    ]
    stream = StreamedSource([*(spec.column for spec in lines), *edges, *across], channels[plot.channels[0]].thin)
    stream.update(run)
    least = 2 if options.log_y and not plot.symlog else 0  # what a logarithmic axis needs is a positive value
    extents = [stream.extents[spec.column.key] for spec in lines if spec.column.key in stream.extents]
    if not any(np.isfinite(extent[least]) for extent in extents):
        raise ConfigError(f"the plot {plot.name} has no values in this run")
    kind = LineMark if plot.x == "step" else PathMark
    nothing: Any = lambda *ignored: None  # noqa: E731
    mark = kind(plot, run.engine, lines, stream, options, on_zoom=nothing, on_reset=nothing, on_tap=nothing)
    laws, failure = prediction_lines.predict(run.engine, view.curves, run.configs, view.horizon, late_edit(run))
    mark.show_theory(laws if view.theory else [])
    with engine_failures(run.engine.title):
        mark.show_phases(run.engine.phases(run, view.focus))
    mark.show_overlays(view.overlays)
    mark.follow(newest_alive(run), max(view.horizon, newest_alive(run)))
    return DrawnPlot(mark, view, failure)


def _one_step(run: Run, plot: Plot, view: FigureView, options: FigureOptions) -> DrawnPlot:
    """Draw a picture of one step, off the mark that the page draws."""
    assert view.curves is not None and view.horizon is not None and view.step is not None
    mark = SINGLE_STEP_MARKS[plot.kind](plot, run.engine, options, lambda who: None)
    mark.update(run, view.step, view.horizon, view.curves, view.focus)
    if not any(map(len, mark.source.data.values())):
        raise ConfigError(f"the plot {plot.name} has no values here: {mark.note or 'nothing is drawn'}")
    return DrawnPlot(mark, view, "")


def without_advice(note: str) -> str:
    """Leave out of a note what tells the reader of a page what to do there."""
    return " · ".join(phrase for phrase in note.split(" · ") if not phrase.startswith(("drag", "a click")))
