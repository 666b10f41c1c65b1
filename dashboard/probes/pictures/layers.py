"""Layered pictures, graphs and maps of neurons: where nodes stand, and what answers to clicks in the page alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from bokeh.events import Tap
from bokeh.models import BooleanFilter, ColumnDataSource, CustomJS, Div, InlineStyleSheet

from dashboard.figures.marks.figure import name_ticks
from dashboard.ui.component import FOLDER
from dashboard.ui.styles import STRETCH

SWEEPS = 12
"""Passes over all columns; the best order that was met is kept."""

TALLEST = 24
"""Neurons above one another; a wider layer goes on beside them."""

CURVE_POINTS = 13
"""Points of the curve that draws one edge."""


# -- where nodes stand -----------------------------------------------------------------------------------------


def column_numbers(layer: np.ndarray) -> np.ndarray:
    """Number the columns of nodes `[N]` by their layers: columns are even, whatever the layers are called."""
    return np.unique(layer, return_inverse=True)[1].astype(float)


def node_heights(
    x: np.ndarray, group: np.ndarray, source: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Choose heights in (0, 1), `[N]`, by the barycentres of neighbours (Sugiyama, Tagawa, Toda, 1981).

    Clusters begin side by side, and each pass moves a node to the mean height of its neighbours, by weight.
    """
    pull = np.zeros((len(x), len(x)))
    np.add.at(pull, (np.r_[source, target], np.r_[target, source]), np.r_[weight, weight])
    columns = [np.flatnonzero(x == place) for place in np.unique(x)]
    y = _evenly_spread(columns, group.astype(float))
    best, least = y, crossings(x, y, source, target, weight)
    for sweep in range(SWEEPS):
        for column in columns[:: -1 if sweep % 2 else 1]:
            total = pull[column].sum(1)
            y = np.copy(y)
            y[column] = np.where(total > 0, pull[column] @ y / np.where(total > 0, total, 1), y[column])
            y = _evenly_spread(columns, y)
        cost = crossings(x, y, source, target, weight)
        best, least = (y, cost) if cost < least else (best, least)
    return best


def _evenly_spread(columns: list[np.ndarray], key: np.ndarray) -> np.ndarray:
    """Order each column by a key `[N]` and spread it evenly."""
    y = np.empty(len(key))
    for column in columns:
        order = column[np.argsort(key[column], kind="stable")]
        y[order] = (np.arange(len(order)) + 0.5) / len(order)
    return y


def crossings(x: np.ndarray, y: np.ndarray, source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    """Sum `w_e w_f` over the pairs of edges between two columns that cross each other."""
    turned = x[source] > x[target]
    low, high = np.where(turned, target, source), np.where(turned, source, target)
    between = x[low] + len(x) * x[high]
    across = (y[low][:, None] - y[low]) * (y[high][:, None] - y[high]) < 0
    return float(weight @ (across & (between[:, None] == between)) @ weight) / 2


def edge_curves(x: np.ndarray, y: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute curves from source to target, level at both ends, x and y `[E, CURVE_POINTS]`.

    Within a column they bulge to the right.
    """
    s = np.linspace(0, 1, CURVE_POINTS)
    span = (x[target] - x[source])[:, None]
    bulge = np.where(span == 0, 0.22 * np.sin(np.pi * s), 0.0)
    rise = (y[target] - y[source])[:, None]
    return x[source][:, None] + span * s + bulge, y[source][:, None] + rise * s * s * (3 - 2 * s)


def stacked_columns(layer: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Place neurons, x and y `[N]` and pixels, the first of a layer on top; a wide layer has columns side by side."""
    x, y = column_numbers(layer), np.empty(len(layer))
    for place in np.unique(x):
        members = np.flatnonzero(x == place)
        count = -(-len(members) // TALLEST)
        tall = -(-len(members) // count)
        y[members] = (np.arange(len(members)) % tall + 0.5) / tall
        x[members] = place + (np.arange(len(members)) // tall - (count - 1) / 2) * min(0.85 / count, 0.14)
    most = max(Counter(np.round(x).tolist()).values(), default=1)
    return x, y, [min(max(230 / min(most, 2 * TALLEST), 5.0), 12.0)] * len(layer)


def label_columns(figure: Any, x: np.ndarray, layer: np.ndarray) -> None:
    """Name the columns by their layers, and leave the heights without numbers."""
    last = float(x.max()) if len(x) else 0.0
    figure.x_range.update(start=-0.5, end=last + 0.5, reset_start=-0.5, reset_end=last + 0.5)
    name_ticks(figure.xaxis, {float(place): f"layer {layer[x == place][0]}" for place in np.unique(x)})
    figure.yaxis.visible = figure.grid.visible = False


# -- what answers to clicks ------------------------------------------------------------------------------------


def fit_to_card(model: Any, margin: tuple[int, int, int, int] = (2, 10, 4, 10)) -> Any:
    """Make a Bokeh model as wide as its card, and as readable on a dark page."""
    sheet = InlineStyleSheet(css=(FOLDER / "picture.css").read_text())
    model.update(stylesheets=[sheet], margin=margin, **STRETCH)
    return model


def status_text() -> Any:
    """Make a paragraph that is read out when it changes."""
    return fit_to_card(Div(text="", html_attributes={"role": "status"}))


def page_script(name: str, **models: Any) -> CustomJS:
    """Load a script that runs in the page, without asking the server."""
    return CustomJS(args=models, code=(FOLDER / f"{name}.js").read_text())


def select_by_click(figure: Any, nodes: ColumnDataSource, shown: BooleanFilter) -> None:
    """Let a click select a node of a source with `x` and `y`."""
    figure.js_on_event(Tap, page_script("nearest", figure=figure, nodes=nodes, shown=shown))


def as_lists(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Convert columns to lists, since each array would be a socket frame of its own."""
    return {
        name: column.tolist() if isinstance(column, np.ndarray) else list(column) for name, column in columns.items()
    }
