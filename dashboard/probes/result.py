"""The result of a probe as it is shown: its declared pictures, then a sentence and the numbers that are in none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
import param
from bokeh.models import Plot
from panel.viewable import Viewer

from dashboard.figures.tables import html_table
from dashboard.probes.pictures.picture_kinds import arrays, draw, ready, tables
from dashboard.ui.component import FOLDER, Component, script
from dashboard.ui.formatting import listed, number, words
from dashboard.ui.notation import html, plain
from dashboard.ui.styles import GRID, STRETCH, TABLE
from engines.core.protocol.probe_figures import Traces

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Picture

FEW = 8
"""Entries of an array up to which all are written."""

MOST_TEXTS = 6
"""Most texts that are all listed; of more, the first three and the last."""


class ProbeValues(Viewer):
    """All values of a probe. Draws again only what is not shown already."""

    def __init__(
        self, declared: Sequence[Picture], name: str = "picture", labels: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self._labels = labels or {}
        self.shown: Mapping[str, Any] = {}
        """The values that are shown; the mapping itself, so that it can be recognised."""
        self.failure = ""
        self.pictures = [ProbePicture(picture, f"{name}_{place}") for place, picture in enumerate(declared, 1)]
        self.table = pn.pane.HTML("", visible=False, margin=(0, 12, 10, 12), stylesheets=[TABLE], **STRETCH)
        grid = pn.Column(*self.pictures, stylesheets=[GRID], margin=0, **STRETCH)
        self._panel = pn.Column(grid, self.table, margin=0, **STRETCH)

    def show(self, values: Mapping[str, Any]) -> None:
        """Replace the values; what cannot be drawn is said, and stands among the numbers."""
        if values is self.shown:
            return
        self.shown = values
        drawn: set[str] = set()
        failures = []
        for picture in self.pictures:
            try:
                drawn |= picture.show(values)
            except Exception as error:
                failures.append(f"The picture cannot be drawn: {type(error).__name__}: {error}")
        others = {name: value for name, value in values.items() if name not in drawn}
        self.table.param.update(object=note_and_table(others, self._labels), visible=bool(others))
        self.failure = " · ".join(failures)

    def __panel__(self) -> pn.Column:
        return self._panel


class Caption(Component):
    """A picture's title, its legend, its switches, and what is not drawn."""

    title = param.String("")
    file = param.String("", doc="What files of it are called.")
    shown = param.Dict({"lines": [], "note": "", "toggles": [], "printable": False})

    _esm = script("samples", "print", "switches", "caption")
    _stylesheets = [(FOLDER / f"{name}.css").read_text() for name in ("heading", "caption")]

    def __init__(self, tabulate: Callable[[bool], None], **params: Any) -> None:
        super().__init__(**params)
        self._tabulate = tabulate

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._tabulate(bool(data.get("on")))


class ProbePicture(Viewer):
    """One declared picture, shown while there is something to draw. Files of it are called `file`."""

    def __init__(self, declared: Picture, file: str = "picture") -> None:
        super().__init__()
        self._declared = declared = _with_plain_labels(declared)
        self.caption = Caption(self._tabulate, title=declared.title, file=file, margin=0, **STRETCH)
        self._holder = pn.Column(margin=(0, 6, 4, 2), **STRETCH)
        self.table = pn.pane.HTML("", visible=False, margin=(0, 12, 10, 12), stylesheets=[TABLE], **STRETCH)
        panels = (self.caption, self._holder, self.table)
        self._panel = pn.Column(*panels, visible=False, margin=0, **STRETCH)
        self._drawable: Picture | None = None
        """The declaration without what is not known yet."""
        self._values: Mapping[str, Any] = {}
        self.drawn: Any = None  # a `DrawnPicture`; some have an `update` too

    def show(self, values: Mapping[str, Any]) -> set[str]:
        """Draw these values, and return the names of those that are drawn. Errors as those of the picture."""
        try:
            self._draw(ready(self._declared, values), values)
        except Exception:
            self._clear()
            raise
        finally:
            self._panel.visible = self.drawn is not None
        return arrays(self._drawable) if self._drawable else set()

    def _draw(self, drawable: Picture | None, values: Mapping[str, Any]) -> None:
        """Put new data under a picture of the same kind where it can take them; else make another."""
        if drawable is None:
            return self._clear()
        if drawable == self._drawable and hasattr(self.drawn, "update"):
            self.drawn.update(values)
        else:
            self._drawable, self.drawn = drawable, draw(drawable, values)
            self._holder.objects = [self.drawn.content]
        self._values = values
        self._describe()

    def _tabulate(self, on: bool) -> None:
        self.table.visible = on
        self._describe()

    def _describe(self) -> None:
        """Write the caption; the numbers only where they are asked for."""
        if not (self.drawn and self._drawable):
            return
        on = self.table.visible
        self.caption.shown = {
            "lines": self.drawn.legend,
            "note": self.drawn.note,
            "toggles": [{"name": "table", "label": "table", "doc": "the numbers as a table", "on": on}],
            "printable": _printable(self.drawn.content),
        }
        numbers = tables(self._drawable, self._values) if on else []
        self.table.object = "".join(html_table(self._declared.title, each) for each in numbers)

    def _clear(self) -> None:
        self._drawable = self.drawn = None
        self._holder.objects = []

    def __panel__(self) -> pn.Column:
        return self._panel


def _with_plain_labels(declared: Picture) -> Picture:
    """Write the titles and labels of a picture as canvas and legends need them."""
    texts: dict[str, Any] = {
        name: plain(getattr(declared, name))
        for name in ("title", "x_label", "y_label", "label")
        if hasattr(declared, name)
    }
    if isinstance(declared, Traces):
        texts["traces"] = tuple(replace(trace, label=plain(trace.label)) for trace in declared.traces)
    return replace(declared, **texts)


def _printable(content: Any) -> bool:
    """Decide whether there are figures in it, which the browser can print."""
    shown = getattr(content, "object", content), *getattr(content, "objects", ())
    return isinstance(shown[0], Plot) or any(map(_printable, shown[1:]))


def note_and_table(values: Mapping[str, Any], labels: Mapping[str, str] | None = None) -> str:
    """Write the sentence called `note` and a table of all other values, by their labels or in words, as HTML.

    >>> note_and_table({"note": "1 < 2", "tail_rate": 0.25})
    "<p>1 &lt; 2</p><table aria-label='numbers'><tr><th scope='row'>tail rate</th><td>0.25</td></tr></table>"
    """
    others = {name: value for name, value in values.items() if name != "note"}
    lines = str(values.get("note", "")).splitlines()
    note = "".join(f"<p>{escape(line)}</p>" for line in lines if line.strip())
    return note + (_table(others, labels or {}) if others else "")


def _table(values: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    rows = (
        f"<tr><th scope='row'>{html(labels.get(name) or words(name))}</th><td>{escape(value_text(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table aria-label='numbers'>{''.join(rows)}</table>"


def value_text(value: Any) -> str:
    """Write a value: a large array by its size and its ends, one of texts by the texts.

    >>> value_text(np.array([[1.0, 3.0], [2.0, np.nan]])), value_text(["live", "dead"])
    ('array 2 × 2, from 1 to 3', 'live, dead')
    """
    array = np.asarray(value)
    if not array.ndim:
        return number(array.item())
    if array.dtype.kind in "UO":
        return listed([str(entry) for entry in array.ravel()], MOST_TEXTS, "in all")
    if array.ndim == 1 and len(array) <= FEW:
        return ", ".join(number(entry) for entry in array.tolist()) or "none"
    finite = array[np.isfinite(array)] if np.issubdtype(array.dtype, np.number) else array[:0]
    ends = f", from {number(finite.min().item())} to {number(finite.max().item())}" if finite.size else ""
    return f"array {' × '.join(map(str, array.shape))}{ends}"
