"""The stage: one card a plot, with its heading, its switches and its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.custom import JSComponent
from panel.viewable import Viewer

from dashboard.components import FOLDER
from dashboard.curves import Curve
from dashboard.marks.feed import Column, Feed
from dashboard.marks.line import LineMark, Look, Stroke, strokes
from dashboard.marks.still import KINDS
from dashboard.palette import GREY
from dashboard.tables import summary, table

if TYPE_CHECKING:
    from dashboard.marks.theory import Line
    from engines.core.engine import Engine, Phase, Plot
    from engines.core.run import Run
    from engines.core.runner import Status

Ghost = Mapping[str, list[tuple[Any, Any]]]

CARD = (FOLDER / "card.css").read_text()

TABLE = (FOLDER / "table.css").read_text()

STRETCH = {"sizing_mode": "stretch_width"}

WIDE = ":host { grid-column: 1 / -1; }"
GRID = (FOLDER / "grid.css").read_text()


class Heading(JSComponent):
    """A figure's title, legend, switches and note; `summary` is for screen readers."""

    title = param.String("")
    doc = param.String("")
    shown = param.Dict({"lines": [], "toggles": [], "note": ""})
    summary = param.String("")

    _esm = FOLDER / "heading.js"
    _stylesheets = [(FOLDER / "heading.css").read_text()]

    def __init__(self, toggle: Callable[[str, bool], None], **params: Any) -> None:
        super().__init__(**params)
        self._toggle = toggle

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._toggle(str(data.get("toggle")), bool(data.get("on")))


class Card(Viewer):
    """One figure and how it is looked at. `changed(card)` asks the stage to draw it again."""

    def __init__(self, plot: Plot, engine: Engine, look: Look, primary: bool, changed: Callable[[Card], None]) -> None:
        super().__init__()
        self.plot, self.engine, self.look, self.primary, self._changed = plot, engine, look, primary, changed
        self.mark: Any = None
        self._heading = Heading(self._toggle, title=plot.title, doc=plot.doc)
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=(0, 6, 4, 2))
        self._table = pn.pane.HTML("", visible=False, margin=(0, 12, 10, 12), stylesheets=[TABLE], **STRETCH)
        styles = [CARD, WIDE] if primary else [CARD]
        parts = (self._heading, self._pane, self._table)
        self._panel = pn.Column(*parts, sizing_mode="stretch_width", stylesheets=styles, margin=0)

    def put(self, mark: Any) -> None:
        """Show another mark."""
        self.mark, self._pane.object = mark, mark.figure

    def set(self, **changes: Any) -> None:
        """Look at the figure differently without drawing it again."""
        self.look = replace(self.look, **changes)
        if isinstance(self.mark, LineMark):
            self.mark.look = self.look
        self.refresh()

    def _toggle(self, name: str, on: bool) -> None:
        if name in ("log_x", "log_y"):
            self.look = replace(self.look, **{name: on}, follow=True)
            self._changed(self)
        elif name in ("follow", "table"):
            self.set(**{name: on})
        if name == "table":
            self._table.visible = on

    def refresh(self) -> None:
        """Say again which line is which, and how the figure is looked at."""
        line = isinstance(self.mark, LineMark)
        shown = {"lines": _samples(self.mark) if line else [], "toggles": self._toggles(line), "note": self._note()}
        if shown != self._heading.shown:
            self._heading.shown = shown

    def _toggles(self, line: bool) -> list[dict[str, Any]]:
        scales = [("log_x", "log x", "logarithmic horizontal axis"), ("log_y", "log y", "logarithmic vertical axis")]
        follow = [("follow", "follow", "keep the newest step in view; zooming turns it off")]
        rows = [("table", "table", "the numbers as a table")]
        chosen = [*scales, *follow, *rows] if line else [*scales[1:]] if self.plot.kind != "heatmap" else []
        return [{"name": n, "label": text, "doc": doc, "on": getattr(self.look, n)} for n, text, doc in chosen]

    def _note(self) -> str:
        if not isinstance(self.mark, LineMark):
            return self.mark.note if self.mark else ""
        reason = self.mark.broken()
        return " · ".join(
            filter(None, [f"Grey: theory does not apply – {reason}" if reason else "", self.mark.feed.note])
        )

    def describe(self, run: Run, curves: Sequence[Curve], step: int) -> None:
        """The summary for screen readers, and the table when it is open."""
        self._heading.summary = summary(self.plot, self.engine, run, curves, step)
        if self.look.table:
            self._table.object = table(self.plot, self.engine, run, curves)

    def __panel__(self) -> pn.Column:
        return self._panel


class Stage(Viewer):
    """All figures of a lab over one shared source for each series."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self._channels = {channel.name: channel for channel in engine.channels}
        self.cards = [
            Card(plot, engine, Look(plot.log_x, plot.log_y), index == 0, self._redraw)
            for index, plot in enumerate(engine.plots)
        ]
        self._layout: Any = None
        self._feeds: dict[bool, Feed] = {}
        self._lines: dict[str, list[Stroke]] = {}
        self._last: tuple[Sequence[Line], Sequence[Phase], Ghost] = ((), (), {})
        self._panel = pn.Column(*self.cards, sizing_mode="stretch_width", stylesheets=[GRID], margin=0)

    def scales(self, log_x: bool) -> None:
        """Choose the horizontal scale that a preset asks for."""
        for card in self.cards:
            if card.plot.kind == "line" and card.plot.x == "step":
                card.look = replace(card.look, log_x=log_x or card.plot.log_x, follow=True)
        self._layout = None

    def show(self, run: Run, curves: Sequence[Curve], focus: int) -> bool:
        """Make figures for these curves, unless the ones there are fit; says whether it did.

        New figures are sent with all they hold when the batch ends: rows streamed in the same batch would come twice.
        """
        layout = (tuple(curves), focus if self._has_vectors() else 0, self._sizes(run))
        if layout == self._layout:
            return False
        self._layout = layout
        sizes = dict(self._sizes(run))
        self._lines = {
            card.plot.name: strokes(card.plot, self._channels, curves, focus, sizes)
            for card in self.cards
            if card.plot.kind == "line"
        }
        self._feeds = {thin: Feed(self._columns(thin), thin) for thin in (False, True)}
        for feed in self._feeds.values():
            feed.update(run)
        for card in self.cards:
            self._redraw(card)
        return True

    def _has_vectors(self) -> bool:
        return any(
            self._channels[name].dims for card in self.cards if card.plot.kind == "line" for name in card.plot.channels
        )

    def _sizes(self, run: Run) -> tuple[tuple[str, int], ...]:
        names = [name for name, channel in self._channels.items() if len(channel.dims) == 1]
        return tuple((name, run[name].shape[-1]) for name in names if name in run.recording.series(name).names)

    def _columns(self, thin: bool) -> list[Column]:
        found: list[Column] = []
        for card in self.cards:
            for stroke in self._lines.get(card.plot.name, ()):
                column = stroke.column
                if self._channels[column.channel].thin is not thin:
                    continue
                parts = ("median", "low", "high") if column.curve.band else ("median",)
                found += [replace(column, part=part) for part in parts]
                if card.plot.x != "step":
                    found.append(Column(column.curve, card.plot.x))
        return found

    def _redraw(self, card: Card) -> None:
        card.put(self._mark(card))
        self._decorate(card)
        card.refresh()

    def _mark(self, card: Card) -> Any:
        if card.plot.kind != "line":
            return KINDS[card.plot.kind](card.plot, self.engine, card.look.log_y, card.primary)
        thin = self._channels[card.plot.channels[0]].thin
        return LineMark(
            card.plot, self.engine, self._lines[card.plot.name], self._feeds[thin], card.look, primary=card.primary,
            on_zoom=lambda: card.set(follow=False), on_reset=lambda: card.set(follow=True),
        )  # fmt: skip

    def _decorate(self, card: Card) -> None:
        lines, phases, ghost = self._last
        if isinstance(card.mark, LineMark):
            card.mark.show_theory(lines)
            card.mark.show_phases(phases)
            card.mark.show_ghost(ghost)

    def decorate(self, lines: Sequence[Line], phases: Sequence[Phase], ghost: Ghost) -> None:
        """Show theory lines, phases and the pinned run on every figure."""
        self._last = (lines, phases, ghost)
        for card in self.marked():
            self._decorate(card)
            card.refresh()

    def show_phases(self, phases: Sequence[Phase]) -> None:
        """Show the phases alone; they move as the run reveals them."""
        self._last = (self._last[0], phases, self._last[2])
        for card in self.marked():
            if isinstance(card.mark, LineMark):
                card.mark.show_phases(phases)

    def marked(self) -> list[Card]:
        """The cards that have been drawn."""
        return [card for card in self.cards if card.mark is not None]

    def stream(self, run: Run) -> None:
        """Send the rows recorded since the last time."""
        for feed in self._feeds.values():
            feed.update(run)

    def update(self, run: Run, status: Status, at: int, scrubbing: bool, curves: Sequence[Curve], focus: int) -> None:
        """Move ranges, cursor and the pictures of the cursor's step."""
        newest = int(run.steps[-1])
        for card in self.marked():
            if isinstance(card.mark, LineMark):
                card.mark.show_cursor(at if scrubbing else None)
                card.mark.follow(newest if status.playing or newest else 0, max(status.horizon, newest))
            else:
                card.mark.update(run, at, curves, focus)

    def describe(self, run: Run, curves: Sequence[Curve], at: int) -> None:
        """Refresh notes, summaries and tables."""
        for card in self.marked():
            card.describe(run, curves, at)
            card.refresh()

    def __panel__(self) -> pn.Column:
        return self._panel


def _samples(mark: LineMark) -> list[dict[str, Any]]:
    """The legend inside one figure: channels by hue or dash, then theory."""
    seen: dict[tuple[str, int | None], Stroke] = {}
    for stroke in mark.lines:
        seen.setdefault((stroke.column.channel, stroke.column.component), stroke)
    several = len({stroke.column.curve.key for stroke in mark.lines}) > 1
    channels = [_sample(stroke, several) for stroke in seen.values()]
    theory = [
        {"label": label, "dash": "dashed", "color": "" if valid else GREY, "muted": True}
        for label, valid in mark.laws().items()
    ]
    return (channels if len(channels) > 1 or theory else []) + theory


def _sample(stroke: Stroke, several: bool) -> dict[str, Any]:
    """With several curves the hue belongs to the curve, and only the dash tells channels apart."""
    vector = stroke.column.component is not None
    name = stroke.label.split(", ")[0]
    if vector:
        return {"label": f"{(stroke.column.component or 0) + 1}", "dash": stroke.dash, "color": stroke.color}
    return {"label": name, "dash": stroke.dash, "color": "" if several else stroke.color}
