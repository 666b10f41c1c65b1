"""A recorded run as its lab would open it: what is shown of it, and how each figure is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dashboard.figures.marks.sweep import plots_without_knobs
from dashboard.figures.overlays import merged, overlay_curves
from dashboard.publish.figure_view import FigureView
from dashboard.session.session import Session
from dashboard.ui.palette import STORED
from engines.core.protocol.config import check_index
from engines.core.protocol.errors import ConfigError

if TYPE_CHECKING:
    from dashboard.session.view_state import ViewContext
    from engines.core.protocol.declarations import Plot
    from engines.core.runs.experiment import Experiment
    from engines.core.runs.run import Run


def lab_view(run: Run, member: int = 0) -> tuple[ViewContext, dict[Plot, FigureView], Experiment]:
    """Open a run: what its page shows, its figures with the leading one first, and what repeats it."""
    from engines.core.runs.experiment import Experiment

    session = Session(run.engine)
    session.focus = check_index("member", member, len(run.configs) - 1)
    try:
        session.start(Experiment.from_run(run), run)
        return session.view_context(), figure_views(session.view_context()), session.repeatable()
    finally:
        session.close()


def figure_views(context: ViewContext) -> dict[Plot, FigureView]:
    """Choose the figures that have something to show, the one first with which the preset leads."""
    engine, preset, run = context.run.engine, context.run.preset, context.run
    blank = frozenset.intersection(*map(engine.blank, run.configs))
    without = {*plots_without_knobs(engine.plots, run.configs), *blank}
    shown = [plot for plot in engine.plots if plot.name not in without]
    shown.sort(key=lambda plot: plot.name != (preset.lead if preset else ""))
    view = FigureView(focus=context.focus, curves=context.curves, horizon=context.status.horizon)
    over_steps = bool(preset and preset.log_x)
    return {
        plot: replace(view, log_x=plot.log_x or (over_steps and plot.kind == "line" and plot.x == "step"))
        for plot in shown
    }


def with_overlays(views: dict[Plot, FigureView], others: Sequence[tuple[str, Run]]) -> dict[Plot, FigureView]:
    """Draw other runs of the same lab behind, each with a hue and its name. Raises `ConfigError` for too many."""
    if len(others) > len(STORED):
        raise ConfigError(f"there are {len(others)} runs to draw behind; at most {len(STORED)} can be told apart")
    drawn = [overlay_curves(run, color=hue, label=name) for hue, (name, run) in zip(STORED, others, strict=False)]
    return {plot: replace(view, overlays=merged(drawn)) for plot, view in views.items()}
