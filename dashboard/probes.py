"""Expensive observables, each computed when the reader asks for it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
import param
from panel.viewable import Viewer

from dashboard.components import FOLDER, Component
from dashboard.computation import Computation
from dashboard.curves import tell
from dashboard.marks.picture import Picture, Tone
from dashboard.naming import number, words

if TYPE_CHECKING:
    from engines.core.engine import Probe
    from engines.core.run import Run

CARD, GRID, LABEL, TABLE = ((FOLDER / f"{name}.css").read_text() for name in ("card", "grid", "label", "table"))

STRETCH = {"sizing_mode": "stretch_width"}

EARLIER = "from before the run was started again or branched"


class Ask(Component):
    """What a probe is, the button that computes it, and what came of it in words."""

    title = param.String("")
    doc = param.String("")
    shown = param.Dict({"step": -1, "busy": False, "note": "", "failure": "", "lines": [], "summary": ""})

    _esm = FOLDER / "probe.js"
    _stylesheets = [(FOLDER / "heading.css").read_text(), (FOLDER / "probe.css").read_text()]

    def __init__(self, card: ProbeCard, **params: Any) -> None:
        super().__init__(**params)
        self._card = card

    def show(self, **changes: Any) -> None:
        """Change what is shown; sends nothing where nothing changed."""
        shown = self.shown | changes
        if shown != self.shown:
            self.shown = shown

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._card.stop() if data.get("stop") else self._card.compute()


class ProbeCard(Viewer):
    """One probe: a computation on its way, and the outcome of the last one with what it belongs to."""

    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self.probe = probe
        self.computation: Computation | None = None
        self._view: tuple[Run, int, int] | None = None
        self._asked: Any = None
        self._outcome: tuple[str, Any] = ("", None)
        self._ask = Ask(self, title=probe.title or words(probe.name), doc=probe.doc)
        self._pane = pn.pane.Bokeh(visible=False, margin=(0, 6, 4, 2), **STRETCH)
        self._table = pn.pane.HTML("", visible=False, margin=(0, 12, 10, 12), stylesheets=[TABLE], **STRETCH)
        self._panel = pn.Column(self._ask, self._pane, self._table, stylesheets=[CARD], margin=0, **STRETCH)

    def look(self, run: Run, step: int, member: int) -> None:
        """Offer to compute what is looked at, and say whether the outcome that is shown belongs to it."""
        self._view = run, step, member
        text, source = self._outcome
        self._ask.show(step=step, note=f"{text} – {EARLIER}" if text and source != _course(run) else text)

    def compute(self) -> None:
        """Start on what the button offers, unless something is being computed already."""
        if self._view and not self.computation:
            self._asked = _course(self._view[0])
            self.computation = Computation(self.probe, *self._view)
            self._ask.show(busy=True, failure="")

    def abandon(self) -> None:
        """Wait no longer for what is being computed."""
        if self.computation:
            self.computation.abandon()
            self.computation = None

    def stop(self) -> None:
        """Wait no longer, and say so."""
        self.abandon()
        self._ask.show(busy=False)

    def clear(self) -> None:
        """Forget everything: another experiment begins."""
        self.stop()
        self._outcome = ("", None)
        self._pane.visible = self._table.visible = False
        self._ask.show(note="", failure="", lines=[], summary="")

    def collect(self) -> None:
        """Show what has been computed, once it is there."""
        if self.computation is None or not self.computation.done:
            return
        done, self.computation = self.computation, None
        self._ask.show(busy=False, failure=done.failure)
        if not done.failure:
            self._present(done)

    def _present(self, done: Computation) -> None:
        picture = self._picture(done.values) if self.probe.pictures else None
        drawn = {name for trace in picture.declared.traces for name in (trace.x, trace.y)} if picture else set()
        self._table.object = numbers({name: value for name, value in done.values.items() if name not in drawn})
        self._table.visible = len(drawn) < len(done.values)
        self._pane.visible = picture is not None
        if picture:
            self._pane.object = picture.figure
        whose = tell(done.run.configs, done.member)
        text = f"Computed at step {done.step:,}" + (f" · {whose}" if whose else "")
        self._outcome = (text, self._asked)
        self._ask.show(
            note=text, lines=[_sample(tone) for tone in picture.tones] if picture else [],
            summary=picture.note if picture else "",
        )  # fmt: skip
        if self._view:
            self.look(*self._view)

    def _picture(self, values: Mapping[str, Any]) -> Picture | None:
        try:
            return Picture(self.probe.pictures[0], values)
        except Exception as error:
            self._ask.show(failure=f"The picture cannot be drawn: {type(error).__name__}: {error}")
            return None

    def __panel__(self) -> pn.Column:
        return self._panel


class Probes(Viewer):
    """A card for each probe of an engine; nothing where it has none."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        super().__init__()
        self.cards = [ProbeCard(probe) for probe in probes]
        heading = pn.pane.HTML(
            "<h2>Probes: too expensive for every frame, computed when you ask</h2>", stylesheets=[LABEL], margin=0
        )
        grid = pn.Column(*self.cards, stylesheets=[GRID], margin=0, **STRETCH)
        self._panel = pn.Column(heading, grid, visible=bool(self.cards), margin=0, **STRETCH)

    def look(self, run: Run, step: int, member: int) -> None:
        """Offer to compute what is looked at."""
        for card in self.cards:
            card.look(run, step, member)

    def collect(self) -> None:
        """Show what has been computed since the last time."""
        for card in self.cards:
            card.collect()

    def clear(self) -> None:
        """Another experiment begins."""
        for card in self.cards:
            card.clear()

    def abandon(self) -> None:
        """The page was closed."""
        for card in self.cards:
            card.abandon()

    def __panel__(self) -> pn.Column:
        return self._panel


def _course(run: Run) -> Any:
    """What changes when a run starts again, or takes another course from some step on; keeps no run alive."""
    return weakref.ref(run), run.recording.generation


def _sample(tone: Tone) -> dict[str, Any]:
    dash = " ".join(map(str, tone.dash))
    return {"label": tone.trace.label, "color": tone.color, "style": tone.trace.style, "dash": dash}


def numbers(values: Mapping[str, Any]) -> str:
    """A table of numbers; an array is said by its size and its ends.

    >>> numbers({"tail_rate": 0.25})
    "<table aria-label='numbers'><tr><th scope='row'>tail rate</th><td>0.25</td></tr></table>"
    """
    rows = (
        f"<tr><th scope='row'>{escape(words(name))}</th><td>{escape(_said(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table aria-label='numbers'>{''.join(rows)}</table>"


def _said(value: Any) -> str:
    """A value in words.

    >>> _said(np.array([[1.0, 3.0], [2.0, np.nan]]))
    'array 2 × 2, from 1 to 3'
    """
    array = np.asarray(value)
    if not array.ndim:
        return number(array.item())
    finite = array[np.isfinite(array)] if np.issubdtype(array.dtype, np.number) else array[:0]
    ends = f", from {number(finite.min().item())} to {number(finite.max().item())}" if finite.size else ""
    return f"array {' × '.join(map(str, array.shape))}{ends}"
