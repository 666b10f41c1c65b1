"""What the pictures that answer to clicks in the page alone are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import BooleanFilter, ColumnDataSource, CustomJS, Div, InlineStyleSheet

from dashboard.figures.marks.figure import name_ticks
from dashboard.ui.component import FOLDER

WIDE = {"sizing_mode": "stretch_width"}


def styled(model: Any, margin: tuple[int, int, int, int] = (2, 10, 4, 10)) -> Any:
    """A model of Bokeh's as wide as its card, and as readable on a dark page."""
    sheet = InlineStyleSheet(css=(FOLDER / "picture.css").read_text())
    model.update(stylesheets=[sheet], margin=margin, **WIDE)
    return model


def text(words: str = "") -> Any:
    """A paragraph that is read out when it changes."""
    return styled(Div(text=words, html_attributes={"role": "status"}))


def script(name: str, **models: Any) -> CustomJS:
    """What happens in the page, without asking the server."""
    return CustomJS(args=models, code=(FOLDER / f"{name}.js").read_text())


def chooses(figure: Any, nodes: ColumnDataSource, shown: BooleanFilter) -> None:
    """Let a click select a node of a source with `x` and `y`."""
    figure.js_on_event(Tap, script("nearest", figure=figure, nodes=nodes, shown=shown))


def plain(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Lists, since each array would be a socket frame of its own."""
    return {
        name: column.tolist() if isinstance(column, np.ndarray) else list(column) for name, column in columns.items()
    }


def stand(figure: Any, x: np.ndarray, layer: np.ndarray) -> None:
    """Name the columns by their layers, and leave the heights without numbers."""
    last = float(x.max()) if len(x) else 0.0
    figure.x_range.update(start=-0.5, end=last + 0.5, reset_start=-0.5, reset_end=last + 0.5)
    name_ticks(figure.xaxis, {float(place): f"layer {layer[x == place][0]}" for place in np.unique(x)})
    figure.yaxis.visible = figure.grid.visible = False
