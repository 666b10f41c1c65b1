"""One declared picture of a probe: its caption and, as soon as its arrays are known, what is drawn of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.viewable import Viewer

from dashboard.components import FOLDER, Component, script
from dashboard.marks.pictures.drawing import arrays, draw, ready

if TYPE_CHECKING:
    from dashboard.marks.pictures.drawing import Drawn
    from engines.core.pictures import Picture

STRETCH = {"sizing_mode": "stretch_width"}


class Caption(Component):
    """A picture's title, its legend, and what is not drawn."""

    title = param.String("")
    shown = param.Dict({"lines": [], "note": ""})

    _esm = script("caption")
    _stylesheets = [(FOLDER / f"{name}.css").read_text() for name in ("heading", "caption")]


class Illustration(Viewer):
    """Shows itself while there is something to draw."""

    def __init__(self, declared: Picture) -> None:
        super().__init__()
        self._declared = declared
        self._caption = Caption(title=declared.title, margin=0, **STRETCH)
        self._holder = pn.Column(margin=(0, 6, 4, 2), **STRETCH)
        self._panel = pn.Column(self._caption, self._holder, visible=False, margin=0, **STRETCH)
        self._subject: Picture | None = None
        self.drawn: Drawn | None = None

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
        if self.drawn:
            self._caption.shown = {"lines": self.drawn.legend, "note": self.drawn.note}

    def _clear(self) -> None:
        self._subject = self.drawn = None
        self._holder.objects = []

    def __panel__(self) -> pn.Column:
        return self._panel
