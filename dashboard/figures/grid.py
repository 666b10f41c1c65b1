"""The grid of all figures of a lab, over one shared source for each series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
from panel.viewable import Viewer

from dashboard.figures.card import Card
from dashboard.figures.left_out import LeftOut
from dashboard.figures.marks.figure import FigureOptions
from dashboard.figures.marks.heatmap import HeatMark, MapMark
from dashboard.figures.marks.line import LineMark, LineSpec, line_specs
from dashboard.figures.marks.path import PathMark
from dashboard.figures.marks.ranking import RankingMark
from dashboard.figures.marks.scatter import ScatterMark
from dashboard.figures.marks.space import SpaceMark
from dashboard.figures.marks.step_mark import StepMark
from dashboard.figures.marks.streamed_source import Column, StreamedSource
from dashboard.figures.marks.sweep import SweepMark
from dashboard.figures.marks.vectors import BarsMark, ProfileMark
from dashboard.figures.overlays import Overlays
from dashboard.ui.page_updates import one_update
from dashboard.ui.styles import DIMS, FIGURES

if TYPE_CHECKING:
    from dashboard.figures.marks.prediction_lines import PredictionLine
    from dashboard.session.view_state import ViewContext
    from engines.core.protocol.declarations import Phase
    from engines.core.protocol.engine import Engine, Preset
    from engines.core.runs.run import Run

SINGLE_STEP_MARKS = {"bars": BarsMark, "heatmap": HeatMark, "scatter": ScatterMark, "space": SpaceMark,
         "profile": ProfileMark, "sweep": SweepMark, "map": MapMark, "ranking": RankingMark}  # fmt: skip
"""The kinds that show one step."""


class Grid(Viewer):
    """All figures of a lab. `pick(who)` puts a member or a curve in focus, `export(card, kind)` saves a figure.

    `annotate(card, what)` writes on a figure.
    """

    def __init__(
        self,
        engine: Engine,
        pick: Callable[[str | int], None] = lambda who: None,
        export: Callable[[Card, str], None] = lambda card, kind: None,
        annotate: Callable[[Card, dict[str, Any]], None] = lambda card, what: None,
    ) -> None:
        super().__init__()
        self.engine, self._pick = engine, pick
        self._channels = {channel.name: channel for channel in engine.channels}
        callbacks = (self._redraw_and_update, self._update_and_describe, self._rearrange, export, annotate)
        self.cards = [
            Card(plot, engine, FigureOptions(plot.log_x, plot.log_y), index == 0, *callbacks)
            for index, plot in enumerate(engine.plots)
        ]
        self._lead, self._meant = "", tuple[str, ...]()
        self.left_out = LeftOut(self._restore)
        self._layout: Any = None
        self._feeds: dict[bool, StreamedSource] = {}
        self._lines: dict[str, list[LineSpec]] = {}
        self._decorations: tuple[Sequence[PredictionLine], Sequence[Phase], Overlays] = ((), (), {})
        self._context: ViewContext | None = None
        figures = pn.Column(*self.cards, sizing_mode="stretch_width", stylesheets=[FIGURES], margin=0)
        self._panel = pn.Column(figures, self.left_out, stylesheets=[DIMS], sizing_mode="stretch_width", margin=0)
        self._place()

    def arrange(self, preset: Preset | None) -> None:
        """Choose the horizontal scale and the first figure that a preset asks for."""
        log_x, self._lead = (preset.log_x, preset.lead) if preset else (False, "")
        for card in self.cards:
            if card.plot.kind == "line" and card.plot.x == "step":
                card.options = replace(card.options, log_x=log_x or card.plot.log_x, follow=True)
        self._place()
        self._layout = None

    def leave_out(self, reasons: Mapping[str, str]) -> None:
        """Leave out figures that have nothing to show, with the reason of each; they cost nothing."""
        for card in self.cards:
            reason = reasons.get(card.plot.name)
            if card.blank != reason:
                card.blank = reason
                self._layout = None
        self._place()

    def _place(self) -> None:
        """Put the figure first that a lesson means, or the preset, and say which figures are not on the page."""
        shown = {card.plot.name: card for card in self.cards if not (card.hidden or card.empty)}
        first = next((name for name in (*self._meant, self._lead, *shown) if name in shown), None)
        for card in self.cards:
            card.place(card.plot.name == first)
        self.left_out.show(self.cards)

    def _restore(self, name: str) -> None:
        for card in self.cards:
            if card.plot.name == name:
                card.closed = False
        self._rearrange()

    def _rearrange(self) -> None:
        """Draw what the reader has hidden, brought back, or given another channel."""
        self._place()
        self._layout = None
        if self._context:
            with one_update():
                self.build(self._context)
                self.update(self._context)
                self.describe(self._context)

    def point_at(self, names: Sequence[str], bare: bool) -> None:
        """Ring some figures, before all others; `bare` ones have no heading, which could tell what they will show."""
        self._meant = tuple(names)
        for card in self.cards:
            card.point_at(card.plot.name in names, bare)
        self._place()

    def log_axes(self) -> dict[str, list[bool]]:
        """Return whether the horizontal and the vertical axis are logarithmic, by figure; for links."""
        return {card.plot.name: [card.options.log_x, card.options.log_y] for card in self.cards}

    def set_log_axes(self, log_axes: Any) -> None:
        """Use the axes of a link; what it says of figures that do not exist is ignored."""
        for card in self.cards:
            match log_axes.get(card.plot.name) if isinstance(log_axes, dict) else None:
                case [bool(log_x), bool(log_y)]:
                    card.options = replace(card.options, log_x=log_x, log_y=log_y)
        self._layout = None

    def build(self, context: ViewContext) -> bool:
        """Make figures for the curves, unless the present ones fit; returns whether it did.

        New figures are sent with all they hold when the update ends: rows streamed in the same update would come twice.
        """
        run, curves, focus = context.run, context.curves, context.focus
        layout = (curves, focus, channel_sizes(run))
        if layout == self._layout:
            return False
        self._layout = layout
        sizes = dict(channel_sizes(run))
        self._lines = {
            card.plot.name: line_specs(card.plot, self._channels, curves, focus, sizes)
            for card in self.shown()
            if card.plot.kind == "line"
        }
        self._feeds = {thin: StreamedSource(self._columns(thin), thin) for thin in (False, True)}
        for feed in self._feeds.values():
            feed.update(run)
        # Bokeh would look through the whole page after each figure, once they are on it.
        document = pn.state.curdoc if self._panel._models else None
        with document.models.freeze() if document else nullcontext():
            for card in self.shown():
                self._redraw(card)
        return True

    def clear(self) -> None:
        """Take all figures away: of what is on the page now there is nothing to draw."""
        for card in self.cards:
            card.clear()
        self._layout = None

    def shown(self) -> list[Card]:
        """Return the cards that are not left out."""
        return [card for card in self.cards if not card.hidden]

    def _columns(self, thin: bool) -> list[Column]:
        columns: list[Column] = []
        for card in self.shown():
            for spec in self._lines.get(card.plot.name, ()):
                column = spec.column
                if self._channels[column.channel].thin is not thin:
                    continue
                statistics = ("median", "low", "high") if column.curve.band else ("median",)
                columns += [replace(column, statistic=statistic) for statistic in statistics]
                if card.plot.x != "step":
                    columns.append(Column(column.curve, card.plot.x))
        return columns

    def _redraw_and_update(self, card: Card) -> None:
        # Held, so that the page hears of a new figure before it hears of changes to it.
        with one_update():
            self._redraw(card)
            self._update_and_describe(card)

    def _update_and_describe(self, card: Card) -> None:
        self._update(card)
        if self._context:
            card.describe(self._context.run, self._context.curves, self._context.step)
        card.refresh()

    def _redraw(self, card: Card) -> None:
        before = card.mark
        card.put(self._mark(card))
        if isinstance(before, LineMark) and isinstance(card.mark, LineMark) and not card.options.follow:
            card.mark.copy_ranges(before)
        self._decorate(card)
        card.refresh()

    def _mark(self, card: Card) -> Any:
        if card.plot.kind != "line":
            return SINGLE_STEP_MARKS[card.plot.kind](card.plot, self.engine, card.options, self._pick)
        thin = self._channels[card.plot.channels[0]].thin
        kind = LineMark if card.plot.x == "step" else PathMark
        return kind(
            card.plot, self.engine, self._lines[card.plot.name], self._feeds[thin], card.options,
            on_zoom=lambda: card.set(follow=False), on_reset=lambda: card.set(follow=True),
            on_tap=lambda key: self._tapped(card, key),
        )  # fmt: skip

    def _tapped(self, card: Card, key: str) -> None:
        if card.plot.x == "step" and card.mark.tapped:
            card.tap(card.mark.tapped.step, card.mark.tapped.count)
        self._pick(key)

    def _decorate(self, card: Card) -> None:
        lines, phases, overlays = self._decorations
        if isinstance(card.mark, LineMark):
            card.mark.show_theory(lines)
            card.mark.show_phases(phases)
            card.mark.show_overlays(overlays)

    def decorate(self, lines: Sequence[PredictionLine], phases: Sequence[Phase], overlays: Overlays) -> None:
        """Show theory lines, phases and other runs on every figure."""
        self._decorations = (lines, phases, overlays)
        for card in self.marked():
            self._decorate(card)
            card.refresh()

    @property
    def drawn(self) -> tuple[Sequence[PredictionLine], Overlays]:
        """Return the predictions and the curves of other runs that are drawn on the figures."""
        return self._decorations[0], self._decorations[2]

    def show_phases(self, phases: Sequence[Phase]) -> None:
        """Show the phases alone; they move as the run reveals them."""
        self._decorations = (self._decorations[0], phases, self._decorations[2])
        for card in self.marked():
            if isinstance(card.mark, LineMark):
                card.mark.show_phases(phases)

    def marked(self) -> list[Card]:
        """Return the cards that have been drawn and are not left out."""
        return [card for card in self.shown() if card.mark is not None]

    def stream(self, run: Run) -> None:
        """Send the rows recorded since the last time."""
        for feed in self._feeds.values():
            feed.update(run)

    def update(self, context: ViewContext) -> None:
        """Move ranges, cursor and the pictures of the step that is shown."""
        self._context = context
        for card in self.marked():
            self._update(card)

    def _update(self, card: Card) -> None:
        """Bring one card to the last context; a paused run sends no tick that would."""
        if self._context is None:
            return
        run, status, step = self._context.run, self._context.status, self._context.step
        if not isinstance(card.mark, LineMark):
            card.mark.update(run, step, status.horizon, self._context.curves, self._context.focus)
            return card.put(card.mark)
        newest = newest_alive(run)
        card.mark.show_cursor(run, step, self._context.scrubbing)
        card.written = card.mark.show_annotations(run, self._context.annotations)
        card.mark.follow(newest if status.playing or newest else 0, max(status.horizon, newest))

    def failure(self) -> str:
        """Say what theory of a sweep or a map could not be computed; "" where all could."""
        marks = [card.mark for card in self.marked()]
        return next((mark.failure for mark in marks if isinstance(mark, StepMark) and mark.failure), "")

    def describe(self, context: ViewContext) -> None:
        """Refresh notes, summaries and tables."""
        whose = context.label
        empty = {card.plot.name: _empty(card, context) for card in self.marked()}
        if any(card.empty != empty.get(card.plot.name, "") for card in self.cards):
            for card in self.cards:
                card.empty = empty.get(card.plot.name, "")
            self._place()
        for card in self.marked():
            card.whose = whose
            card.describe(context.run, context.curves, context.step)
            card.refresh()

    def __panel__(self) -> pn.Column:
        return self._panel


def channel_sizes(run: Run) -> tuple[tuple[str, int], ...]:
    """Count the components of each vector channel that is recorded."""
    names = [channel.name for channel in run.engine.channels if len(channel.dims) == 1]
    return tuple((name, run[name].shape[-1]) for name in names if name in run.recording.series(name).names)


def _empty(card: Card, context: ViewContext) -> str:
    """Say why nothing was ever to be seen in a figure of the member in focus; "" where there was something."""
    reason = getattr(card.mark, "empty", "")
    if reason:
        for name in card.plot.channels:
            series = context.run.recording.series(name)
            if name in series.names and np.nan_to_num(series[name][:, context.focus]).any():
                return ""
    return reason


def newest_alive(run: Run) -> int:
    """Return the newest step at which a member was still finite."""
    newest = int(run.steps[-1])
    return min(newest, int(run.diverged_at.max())) if (run.diverged_at >= 0).all() else newest
