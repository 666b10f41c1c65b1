"""One figure with its heading, its menu and its table."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.viewable import Viewer

from dashboard.figures.marks.heatmap import CLAIM, claims
from dashboard.figures.marks.line import LineMark, LineSpec
from dashboard.figures.tables import NumbersTable, html_table, recorded_table, summary
from dashboard.session.curves import Curve
from dashboard.ui.component import FOLDER, Component, script
from dashboard.ui.notation import plain
from dashboard.ui.palette import GREY
from dashboard.ui.styles import CARD, FIGURE_CARD, STRETCH, TABLE, hide

if TYPE_CHECKING:
    from dashboard.figures.marks.figure import FigureOptions
    from engines.core.protocol.declarations import Plot
    from engines.core.protocol.engine import Engine
    from engines.core.runs.run import Run

FIRST = "first"
"""Tag of the figure that an engine declares first, for scripts that look for it on the page."""

MEMBERS = ("sweep", "map", "ranking")
"""Kinds of plots that show one number of every member."""

NOTHING = NumbersTable((), (), "This member has no values here.")


FILES = (
    ("pdf", "PDF", ""), ("svg", "SVG", ""), ("png", "PNG", ""), ("csv", "CSV, all numbers", ""),
    ("pdf column", "PDF", "One column wide"), ("svg column", "SVG", "One column wide"),
    ("png column", "PNG", "One column wide"), ("gif", "GIF", "Movie of the run"),
    *([("mp4", "MP4", "Movie of the run")] if shutil.which("ffmpeg") else []),
)  # fmt: skip
"""Files of one figure: a format, and the width where it is not that of a page; its name, and the menu it is in."""


class FigureHeading(Component):
    """A figure's title, legend, menu and note in one line; `summary` is for screen readers."""

    title = param.String("")
    doc = param.String("")
    files = param.List([list(kind) for kind in FILES])
    shown = param.Dict({"lines": [], "toggles": [], "note": "", "wide": False, "x": [], "y": []})
    summary = param.String("")
    tapped = param.Dict({}, doc="The step of the last click on the figure.")

    _esm = script("samples", "menu", "annotate", "heading")
    _stylesheets = [(FOLDER / f"{name}.css").read_text() for name in ("heading", "figure_heading", "menu", "annotate")]

    def __init__(self, act: Callable[[dict[str, Any]], None], **params: Any) -> None:
        super().__init__(margin=0, **STRETCH, **params)
        self._act = act

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._act(data)


class Card(Viewer):
    """One figure under its heading, with its menu and its table.

    `redraw(card)` asks the grid to draw it again, `update(card)` to follow, `rearrange()` to draw what has changed
    in which figures there are and what they show, `export(card, kind)` for a file of it, and `annotate(card, what)`
    writes on it what the reader asked for.
    """

    def __init__(
        self,
        plot: Plot,
        engine: Engine,
        options: FigureOptions,
        primary: bool,
        redraw: Callable[[Card], None],
        update: Callable[[Card], None],
        rearrange: Callable[[], None],
        export: Callable[[Card, str], None],
        annotate: Callable[[Card, dict[str, Any]], None],
    ) -> None:
        super().__init__()
        self.plot, self.engine, self.options, self.primary = plot, engine, options, primary
        self.declared = plot
        """The plot as the engine declares it; the reader may look at other channels."""
        self._redraw, self._update, self._rearrange = redraw, update, rearrange
        self._export, self._annotate = export, annotate
        self.mark: Any = None
        self.whose = ""
        """The member that a picture of one member shows, in words."""
        self.closed = False
        """Whether the reader hid the figure."""
        self.blank: str | None = None
        """Why it has nothing to show with these knobs, where it has not."""
        self.meant = False
        """Whether a lesson is about it."""
        self.empty = ""
        """Why there is nothing to see in it so far."""
        self.written: list[str] = []
        """Texts of the annotations that are drawn on the figure."""
        self.heading = FigureHeading(self._act, title=plain(plot.title), doc=plain(plot.doc))
        self._pane = pn.pane.Bokeh(sizing_mode="stretch_both", margin=(0, 6, 4, 2))
        self._table = pn.pane.HTML("", visible=False, margin=(0, 12, 10, 12), stylesheets=[TABLE], **STRETCH)
        panels = (self.heading, self._pane, self._table)
        self._panel = pn.Column(*panels, sizing_mode="stretch_width", margin=0, stylesheets=[CARD, FIGURE_CARD])
        self.leading = False
        """Whether it stands before all others."""
        self._claims: Sequence[tuple[str, str]] = ()
        """Claims of the preset that a map can show, by the names of `CLAIM`, and the run that they are about."""
        self._claims_of: Any = None

    @property
    def hidden(self) -> bool:
        """Say whether the figure is left out, and not drawn."""
        return self.closed or self.blank is not None

    def place(self, lead: bool) -> None:
        """Stand before all others and larger, or in the engine's order; or nowhere."""
        self.leading = lead
        classes = {"figure": True, "lead": lead, "wide": self.options.wide, "tabled": self.options.table}
        classes["meant"] = self.meant
        self._panel.param.update(
            css_classes=[name for name, on in classes.items() if on], visible=not (self.hidden or self.empty)
        )

    def window(self) -> tuple[float, float, float, float] | None:
        """Return the part of the plane that the reader zoomed to; None where the figure follows the run."""
        if self.options.follow or not isinstance(self.mark, LineMark):
            return None
        x, y = self.mark.figure.x_range, self.mark.figure.y_range
        return x.start, x.end, y.start, y.end

    def tap(self, step: int, count: int) -> None:
        """Tell the heading on which step the reader clicked; `count` tells two clicks on one step apart."""
        self.heading.tapped = {"step": step, "count": count}

    def point_at(self, on: bool, bare: bool) -> None:
        """Ring the figure that a lesson means, once it is placed; a `bare` one has no heading."""
        self.meant = on
        hide(self.heading, bare)

    def put(self, mark: Any) -> None:
        """Show another mark."""
        self.mark = mark
        if self.primary:
            mark.figure.tags = [FIRST]
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

    def _act(self, data: dict[str, Any]) -> None:
        """Carry out what was chosen in the menu."""
        if "export" in data:
            self._export(self, str(data["export"]))
        elif "annotate" in data:
            self._annotate(self, data)
        elif "axis" in data:
            self._show_channel(str(data["axis"]), str(data.get("channel")))
        else:
            self._toggle(str(data.get("toggle")), bool(data.get("on")))

    def _toggle(self, name: str, on: bool) -> None:
        if name in ("log_x", "log_y"):
            self.options = replace(self.options, **{name: on}, follow=True)
            self._redraw(self)
        elif name in ("follow", "table", "wide"):
            self.set(**{name: on})
            self._update(self)
            self.place(self.leading)
        elif name == "closed":
            self.closed = on
            self._rearrange()
        if name == "table":
            self._table.visible = on

    def _show_channel(self, axis: str, name: str) -> None:
        """Look at another channel; "" is what the engine declares."""
        if name and name not in [channel for channel, *_ in self._channels(axis)]:
            return
        first = self.declared.channels if axis == "y" else self.declared.x
        chosen = {"channels" if axis == "y" else "x": (first if not name else (name,) if axis == "y" else name)}
        self.plot = replace(self.plot, **chosen)
        changed = self.plot.channels != self.declared.channels
        self.plot = replace(self.plot, title=self._title(changed), symlog=0.0 if changed else self.declared.symlog)
        self.heading.title, self.options = self.plot.title, replace(self.options, follow=True)
        self._rearrange()

    def _title(self, changed: bool) -> str:
        label = dict(self._claims).get(self.plot.channels[0]) or self.engine.channel(self.plot.channels[0]).label
        return plain(label[:1].upper() + label[1:] if changed else self.declared.title)

    def _channels(self, axis: str) -> list[list[Any]]:
        """List what an axis can show: name, words and whether it is shown, first what the engine declares."""
        if self.declared.kind in MEMBERS and axis == "y":
            return self._numbers_of_members()
        if self.declared.kind != "line":
            return []
        first = self.engine.channel(self.declared.channels[0])
        like = [c for c in self.engine.channels if c.thin is first.thin]
        words = {channel.name: plain(channel.label) for channel in self.engine.channels} | {"step": "step"}
        if axis == "x":
            names, now = ["step", *(c.name for c in like if not c.dims)], self.plot.x
            return [[name, words[name], name == now] for name in names]
        now, declared = self.plot.channels, self.declared.channels
        own = ["", f"as it came: {', '.join(words[name] for name in declared)}", now == declared]
        return [own, *([c.name, words[c.name], now == (c.name,) != declared] for c in like)]

    def _numbers_of_members(self) -> list[list[Any]]:
        """List what a picture of all members can show of each: a number, and on a map what a claim measures."""
        named = [(c.name, plain(c.label)) for c in self.engine.channels if not c.dims]
        names = [*named, *(self._claims if self.declared.kind == "map" else ())]
        return [[name, label, (name,) == self.plot.channels] for name, label in names]

    def refresh(self) -> None:
        """Show the legend, the switches and the note of the mark as it is now."""
        line = isinstance(self.mark, LineMark)
        shown = {
            "lines": legend(self.mark) if line else getattr(self.mark, "legend", []),
            "curves": curve_hues(self.mark) if line else [],
            "toggles": self._toggles(line),
            "annotate": line and self.plot.x == "step",
            "written": len(self.written),
            "note": self._note(),
            "wide": self.options.wide,
            "x": self._channels("x"),
            "y": self._channels("y"),
        }
        if shown != self.heading.shown:
            self.heading.shown = shown

    def _toggles(self, line: bool) -> list[dict[str, Any]]:
        scales = [
            ("log_x", "Logarithmic horizontal axis", "decades of steps side by side"),
            ("log_y", "Logarithmic vertical axis", "decades of values above one another"),
        ]
        follow = [("follow", "Follow the run", "keep the newest step in view; zooming turns it off")]
        rows = [("table", "Table of numbers", "the numbers as a table")]
        chosen = [*scales, *follow, *rows] if line else [*self._log_switch(scales[1]), *rows]
        return [{"name": n, "label": text, "doc": doc, "on": getattr(self.options, n)} for n, text, doc in chosen]

    def _log_switch(self, log_y: tuple[str, str, str]) -> list[tuple[str, str, str]]:
        if self.plot.kind == "space":
            return []
        heat = ("log_y", "Logarithmic colours", "colour by the decade of the size, so that small entries are seen")
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
        if self.declared.kind == "map" and self._claims_of is not run and len(run):
            self._claims_of = run
            self._claims = [(f"{CLAIM}{at}", f"claim: {plain(text)}") for at, text in enumerate(claims(run, 0))]
        numbers = self.mark.numbers
        words = summary(self.plot, self.engine, run, curves, step, numbers)
        self.heading.summary = " ".join([words, *(f"Written on it: {text}." for text in self.written)])
        if self.options.table:
            self._table.object = html_table(self.plot.title, numbers or self._recorded_table(run))

    def _recorded_table(self, run: Run) -> NumbersTable:
        return recorded_table(run, self.mark.columns) if isinstance(self.mark, LineMark) else NOTHING

    def __panel__(self) -> pn.Column:
        return self._panel


def legend(mark: LineMark) -> list[dict[str, Any]]:
    """List the legend of one figure: channels by dash, then theory. Entries are short; files have those in `full`."""
    first: dict[tuple[str, int | None], LineSpec] = {}
    for spec in mark.lines:
        first.setdefault((spec.column.channel, spec.column.component), spec)
    several = len({spec.column.curve.key for spec in mark.lines}) > 1
    channels = _components(list(first.values()), several) or [_sample(spec, several) for spec in first.values()]
    titles = mark.theory_titles()
    theory = [_law(title, doc, valid, len(titles) == 1) for title, (doc, valid) in titles.items()]
    overlays = [{"label": label, "dash": "solid", "color": color} for label, color in mark.overlay_hues.items()]
    if len(channels) == 1 and not channels[0].get("doc"):
        channels[0] |= {"label": "run", "doc": channels[0]["label"], "full": f"{channels[0]['label']}, as run"}
    return channels + theory + overlays + list(mark.step_legend)


def _law(title: str, doc: str, valid: bool, alone: bool) -> dict[str, Any]:
    """Make the entry of a prediction: what it is, and its name where there are others."""
    kind, _, name = title.partition(": ")
    said = f"{name} ({doc})" if doc else name
    style = {"dash": "dashed", "color": "" if valid else GREY, "muted": True}
    return {"label": kind if alone else title, "doc": said if alone else doc, "full": title, **style}


def _components(specs: Sequence[LineSpec], several: bool) -> list[dict[str, Any]]:
    """Make one entry of a vector's components, which get fainter; none where there is a scalar among the channels."""
    if len(specs) < 2 or any(spec.column.component is None for spec in specs):
        return []
    name = f"{specs[0].name} … {specs[-1].name.split()[-1]}"
    doc = "fainter from the first component to the last"
    return [
        {
            "label": "components",
            "doc": f"{name}, {doc}",
            "full": name,
            "dash": "solid",
            "color": "" if several else specs[0].color,
        }
    ]


def curve_hues(mark: LineMark) -> list[dict[str, Any]]:
    """List the hue of each curve, for a figure that leaves the page."""
    hues = {spec.column.curve.label: spec.color for spec in mark.lines}
    return [{"label": label, "color": color, "dash": "solid"} for label, color in hues.items() if len(hues) > 1]


def _sample(spec: LineSpec, several: bool) -> dict[str, Any]:
    """Make a legend entry: with several curves the hue is the curve's, and only the dash tells channels apart."""
    return {"label": spec.name, "dash": spec.dash, "color": "" if several else spec.color}
