"""One declared picture of a probe: its caption and, as soon as its arrays are known, what is drawn and told of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from bokeh.models import Plot
from panel.viewable import Viewer

from dashboard.figures.tables import table
from dashboard.probes.pictures.drawing import arrays, draw, ready
from dashboard.probes.pictures.numbers import numbers
from dashboard.ui.component import FOLDER, Component, script

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Picture

STRETCH = {"sizing_mode": "stretch_width"}


TABLE = (FOLDER / "table.css").read_text()


class Caption(Component):
    """A picture's title, its legend, its switches, and what is not drawn."""

    title = param.String("")
    file = param.String("", doc="What files of it are called.")
    shown = param.Dict({"lines": [], "note": "", "toggles": [], "printable": False})

    _esm = script("print", "switches", "caption")
    _stylesheets = [(FOLDER / f"{name}.css").read_text() for name in ("heading", "caption")]

    def __init__(self, tabulate: Callable[[bool], None], **params: Any) -> None:
        super().__init__(**params)
        self._tabulate = tabulate

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._tabulate(bool(data.get("on")))


class Illustration(Viewer):
    """Shows itself while there is something to draw. Files of it are called `file`."""

    def __init__(self, declared: Picture, file: str = "picture") -> None:
        super().__init__()
        self._declared = declared
        self._caption = Caption(self._tabulate, title=declared.title, file=file, margin=0, **STRETCH)
        self._holder = pn.Column(margin=(0, 6, 4, 2), **STRETCH)
        self._table = pn.pane.HTML("", visible=False, margin=(0, 12, 10, 12), stylesheets=[TABLE], **STRETCH)
        parts = (self._caption, self._holder, self._table)
        self._panel = pn.Column(*parts, visible=False, margin=0, **STRETCH)
        self._subject: Picture | None = None
        self._values: Mapping[str, Any] = {}
        self.drawn: Any = None  # a `Drawn`; some have an `update` too

    def show(self, values: Mapping[str, Any]) -> set[str]:
        """Draw these values, and return the names of those that are drawn. Errors as those of the picture."""
        try:
            self._draw(ready(self._declared, values), values)
        except Exception:
            self._clear()
            raise
        finally:
            self._panel.visible = self.drawn is not None
        return arrays(self._subject) if self._subject and self.drawn else set()

    def _draw(self, subject: Picture | None, values: Mapping[str, Any]) -> None:
        """Put new data under a picture of the same kind where it can take them; else make another."""
        if subject is None:
            return self._clear()
        if subject == self._subject and hasattr(self.drawn, "update"):
            self.drawn.update(values)
        else:
            self._subject, self.drawn = subject, draw(subject, values)
            self._holder.objects = [self.drawn.view] if self.drawn else []
        self._values = values
        self._tell()

    def _tabulate(self, on: bool) -> None:
        self._table.visible = on
        self._tell()

    def _tell(self) -> None:
        """Say beside the picture how it is to be read; the numbers only where they are asked for."""
        if not (self.drawn and self._subject):
            return
        on = self._table.visible
        self._caption.shown = {
            "lines": self.drawn.legend,
            "note": self.drawn.note,
            "toggles": [{"name": "table", "label": "table", "doc": "the numbers as a table", "on": on}],
            "printable": _printable(self.drawn.view),
        }
        told = numbers(self._subject, self._values) if on else []
        self._table.object = "".join(table(self._declared.title, each) for each in told)

    def _clear(self) -> None:
        self._subject = self.drawn = None
        self._holder.objects = []

    def __panel__(self) -> pn.Column:
        return self._panel


def _printable(view: Any) -> bool:
    """Whether a view shows figures, which the browser can print."""
    shown = getattr(view, "object", view), *getattr(view, "objects", ())
    return isinstance(shown[0], Plot) or any(map(_printable, shown[1:]))
