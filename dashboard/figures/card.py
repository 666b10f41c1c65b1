"""One figure with its heading, its switches and its table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.viewable import Viewer

from dashboard.figures.marks.line import LineMark, LineSpec
from dashboard.figures.tables import Numbers, recorded_table, summary, table
from dashboard.session.curves import Curve
from dashboard.ui.component import FOLDER, Component, script
from dashboard.ui.palette import GREY
from dashboard.ui.styles import CARD, FULL_WIDTH, STRETCH, TABLE

if TYPE_CHECKING:
    from dashboard.figures.marks.figure import FigureOptions
    from engines.core.protocol.declarations import Plot
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run

NOTHING = Numbers((), (), "This member has no values here.")


class Heading(Component):
    """A figure's title, legend, switches and note; `summary` is for screen readers."""

    title = param.String("")
    doc = param.String("")
    file = param.String("", doc="What files of it are called.")
    shown = param.Dict({"lines": [], "toggles": [], "note": ""})
    summary = param.String("")

    _esm = script("print", "switches", "heading")
    _stylesheets = [(FOLDER / "heading.css").read_text()]

    def __init__(self, toggle: Callable[[str, bool], None], export: Callable[[], None], **params: Any) -> None:
        super().__init__(**params)
        self._toggle, self._export = toggle, export

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if "export" in data:
            return self._export()
        self._toggle(str(data.get("toggle")), bool(data.get("on")))


class Card(Viewer):
    """One figure under its heading, with its switches and its table.

    `redraw(card)` asks the grid to draw it again, `update(card)` to follow, `export(plot)` for its numbers as a file.
    """

    def __init__(
        self,
        plot: Plot,
        engine: Engine,
        options: FigureOptions,
        primary: bool,
        redraw: Callable[[Card], None],
        update: Callable[[Card], None],
        export: Callable[[Plot], None],
    ) -> None:
        super().__init__()
        self.plot, self.engine, self.options, self.primary = plot, engine, options, primary
        self._redraw, self._update = redraw, update
        self.mark: Any = None
        self.whose = ""
        """The member that a picture of one member shows, in words."""
        names = {"title": plot.title, "doc": plot.doc, "file": f"{engine.name}_{plot.name}"}
        self._heading = Heading(self._toggle, lambda: export(plot), **names)
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_width", margin=(0, 6, 4, 2))
        self._table = pn.pane.HTML("", visible=False, margin=(0, 12, 10, 12), stylesheets=[TABLE], **STRETCH)
        parts = (self._heading, self._pane, self._table)
        self._panel = pn.Column(*parts, sizing_mode="stretch_width", margin=0)
        self.lead(False)

    def lead(self, first: bool) -> None:
        """Stand before all others, over the whole width, or in the engine's order."""
        sheets = [CARD, FULL_WIDTH] if self.primary or first else [CARD]
        self._panel.param.update(styles={"order": "-1" if first else "0"}, stylesheets=sheets)

    @property
    def hidden(self) -> bool:
        """Say whether the figure is left out, because it has nothing to show."""
        return not self._panel.visible

    def hide(self, blank: bool) -> None:
        """Leave the figure out, or show it again."""
        self._panel.visible = not blank

    def put(self, mark: Any) -> None:
        """Show another mark."""
        self.mark = mark
        if self._pane.object is not mark.figure:
            self._pane.object = mark.figure

    def clear(self) -> None:
        """Show no mark."""
        self.mark = self._pane.object = None

    def set(self, **changes: Any) -> None:
        """Set switches of the figure without drawing it again."""
        self.options = replace(self.options, **changes)
        if isinstance(self.mark, LineMark):
            self.mark.options = self.options
        self.refresh()

    def _toggle(self, name: str, on: bool) -> None:
        if name in ("log_x", "log_y"):
            self.options = replace(self.options, **{name: on}, follow=True)
            self._redraw(self)
        elif name in ("follow", "table"):
            self.set(**{name: on})
            self._update(self)
        if name == "table":
            self._table.visible = on

    def refresh(self) -> None:
        """Show the legend, the switches and the note of the mark as it is now."""
        line = isinstance(self.mark, LineMark)
        shown = {
            "lines": _legend(self.mark, self.primary) if line else getattr(self.mark, "legend", []),
            "curves": _curves(self.mark) if line else [],
            "toggles": self._toggles(line),
            "note": self._note(),
        }
        if shown != self._heading.shown:
            self._heading.shown = shown

    def _toggles(self, line: bool) -> list[dict[str, Any]]:
        scales = [("log_x", "log x", "logarithmic horizontal axis"), ("log_y", "log y", "logarithmic vertical axis")]
        follow = [("follow", "follow", "keep the newest step in view; zooming turns it off")]
        rows = [("table", "table", "the numbers as a table")]
        chosen = [*scales, *follow, *rows] if line else [*self._log_switch(scales[1]), *rows]
        return [{"name": n, "label": text, "doc": doc, "on": getattr(self.options, n)} for n, text, doc in chosen]

    def _log_switch(self, log_y: tuple[str, str, str]) -> list[tuple[str, str, str]]:
        if self.plot.kind == "space":
            return []
        heat = ("log_y", "log colour", "colour by the decade of the size, so that small entries are seen")
        return [heat if self.plot.kind in ("heatmap", "map") else log_y]

    def _note(self) -> str:
        if not isinstance(self.mark, LineMark):
            alone = self.plot.kind in ("bars", "heatmap") or self.plot.by
            whose = self.whose if alone else ""
            return " · ".join(filter(None, [whose, self.mark.note if self.mark else ""]))
        reason = self.mark.broken_assumptions()
        return " · ".join(
            filter(None, [f"Grey: theory does not apply – {reason}" if reason else "", self.mark.stream.note])
        )

    def describe(self, run: Run, curves: Sequence[Curve], step: int) -> None:
        """Write the summary for screen readers, and the table when it is open."""
        numbers = self.mark.numbers
        self._heading.summary = summary(self.plot, self.engine, run, curves, step, numbers)
        if self.options.table:
            self._table.object = table(self.plot.title, numbers or self._recorded_table(run))

    def _recorded_table(self, run: Run) -> Numbers:
        return recorded_table(run, self.mark.columns) if isinstance(self.mark, LineMark) else NOTHING

    def __panel__(self) -> pn.Column:
        return self._panel


def _legend(mark: LineMark, primary: bool) -> list[dict[str, Any]]:
    """List the legend of one figure: channels by hue or dash, then theory."""
    first: dict[tuple[str, int | None], LineSpec] = {}
    for spec in mark.lines:
        first.setdefault((spec.column.channel, spec.column.component), spec)
    several = len({spec.column.curve.key for spec in mark.lines}) > 1
    channels = [_sample(spec, several) for spec in first.values()]
    theory = [
        {"label": title, "dash": "dashed", "color": "" if valid else GREY, "muted": True}
        for title, valid in mark.theory_titles().items()
    ]
    phases = (
        [{"label": "phases", "dash": "dotted", "color": GREY, "muted": True}] if primary and mark.has_phases else []
    )
    overlays = [{"label": label, "dash": "solid", "color": color} for label, color in mark.overlay_hues.items()]
    if len(channels) == 1:
        channels[0]["label"] += ", as run"
    return channels + theory + phases + overlays + list(mark.step_legend)


def _curves(mark: LineMark) -> list[dict[str, Any]]:
    """List the hue of each curve, for a figure that leaves the page."""
    hues = {spec.column.curve.label: spec.color for spec in mark.lines}
    return [{"label": label, "color": color, "dash": "solid"} for label, color in hues.items() if len(hues) > 1]


def _sample(spec: LineSpec, several: bool) -> dict[str, Any]:
    """Make a legend entry: with several curves the hue is the curve's, and only the dash tells channels apart."""
    vector = spec.column.component is not None
    name = spec.label.split(", ")[0]
    if vector:
        return {"label": f"{(spec.column.component or 0) + 1}", "dash": spec.dash, "color": spec.color}
    return {"label": name, "dash": spec.dash, "color": "" if several else spec.color}
