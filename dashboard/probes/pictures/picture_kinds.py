"""Kinds of declared pictures: the class that draws each, the arrays it needs, and its numbers as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from dashboard.figures.tables import ROWS, NumbersTable, even_places, matrix_table
from dashboard.ui.formatting import number
from engines.core.protocol.probe_figures import Bars, Graph, Heat, Lines, Neurons, Picture, Relief, Traces

KINDS = {
    Lines: ("lines", "LinesPicture"),
    Bars: ("bars", "BarsPicture"),
    Heat: ("heatmap", "HeatPicture"),
    Relief: ("relief", "ReliefPicture"),
    Graph: ("graph", "GraphPicture"),
    Neurons: ("neurons", "NeuronsPicture"),
}
"""Module and class of each kind; a module is imported when it is needed first."""


class DrawnPicture(Protocol):
    """A picture as it is shown. One with `update(values)` takes other arrays of the same declaration."""

    content: Any
    """A Bokeh model, or whatever else Panel can show."""
    legend: list[dict[str, Any]]
    """Entries: label, color, style, dash."""
    note: str
    """Count of what is not drawn, in words."""


def draw(declared: Picture, values: Mapping[str, Any]) -> DrawnPicture:
    """Draw what is `ready`. Errors as those of the class."""
    module, name = KINDS[type(declared)]
    return getattr(import_module(f"dashboard.probes.pictures.{module}"), name)(declared, values)


def ready(declared: Picture, values: Mapping[str, Any]) -> Picture | None:
    """Leave out the traces or the path whose arrays are missing; None where nothing can be drawn yet.

    >>> heat = Heat(values="h", x="a", y="b", path=("u", "v"))
    >>> ready(heat, {"h": 0, "a": 0, "b": 0}).path, ready(heat, {"a": 0, "b": 0})
    ((), None)
    """
    if isinstance(declared, Traces):
        traces = tuple(trace for trace in declared.traces if {trace.x, trace.y} <= values.keys())
        return replace(declared, traces=traces) if traces else None
    if not _required(declared) <= values.keys():
        return None
    lost = not set(getattr(declared, "path", ())) <= values.keys()
    return replace(declared, path=()) if lost else declared


def arrays(declared: Picture) -> set[str]:
    """Names of all arrays that a picture draws."""
    if isinstance(declared, Traces):
        return {name for trace in declared.traces for name in (trace.x, trace.y)}
    return _required(declared) | set(getattr(declared, "path", ()))


def _required(declared: Picture) -> set[str]:
    """Names of arrays by the rule of the declarations: what is text and no label names one."""
    texts = ((field.name, getattr(declared, field.name)) for field in fields(declared))
    return {text for name, text in texts if isinstance(text, str) and name != "title" and not name.endswith("label")}


def tables(declared: Picture, values: Mapping[str, Any]) -> list[NumbersTable]:
    """Tabulate a picture: one table, or one for each axis that traces share. Errors as those of the picture."""
    match declared:
        case Traces():
            return [_trace_table(declared, x, values) for x in dict.fromkeys(trace.x for trace in declared.traces)]
        case Heat() | Relief():
            return [_plane_table(declared, values)]
        case Graph():
            return [_edge_table(declared, values)]
        case Neurons():
            return [_path_table(declared, values)]


def _trace_table(declared: Traces, x: str, values: Mapping[str, Any]) -> NumbersTable:
    """Tabulate the traces over one horizontal axis."""
    traces = [trace for trace in declared.traces if trace.x == x]
    matrix = np.stack([np.atleast_1d(np.asarray(values[trace.y], float)) for trace in traces], axis=1)
    places = [number(place) for place in np.atleast_1d(np.asarray(values[x], float)).tolist()]
    return matrix_table([""], [matrix], places, [trace.label for trace in traces], declared.x_label or x)


def _plane_table(declared: Heat | Relief, values: Mapping[str, Any]) -> NumbersTable:
    axes = declared.x, declared.y
    across, up = ([number(place) for place in np.asarray(values[name], float).tolist()] for name in axes)
    corner = f"{declared.y_label or declared.y} \\ {declared.x_label or declared.x}"
    return matrix_table([""], [np.asarray(values[declared.values], float)], up, across, corner)


def _edge_table(declared: Graph, values: Mapping[str, Any]) -> NumbersTable:
    """Tabulate the heaviest edges, by the names of what they join."""
    weight, name = np.asarray(values[declared.weight], float), np.asarray(values[declared.name])
    heavy = np.argsort(-weight, kind="stable")[:ROWS]
    ends = [name[np.asarray(values[end], int)[heavy]] for end in (declared.source, declared.target)]
    rows = [[str(a), str(b), number(float(w))] for a, b, w in zip(*ends, weight[heavy], strict=True)]
    note = f"the heaviest {len(heavy)} of {len(weight):,} edges" if len(heavy) < len(weight) else ""
    return NumbersTable(["from", "to", declared.label or "weight"], rows, note)


def _path_table(declared: Neurons, values: Mapping[str, Any]) -> NumbersTable:
    """Tabulate the loss along each path, at some distances."""
    names: Sequence[str] = [str(name) for name in np.asarray(values[declared.path_name]).tolist()]
    distance = np.asarray(values[declared.distance], float)
    chosen = even_places(len(distance), 5)
    both = (np.asarray(values[name], float) for name in (declared.loss, declared.reference_loss))
    blocks = [losses.reshape(-1, len(distance))[:, chosen] for losses in both]
    places = [f"at {number(float(distance[at]))}" for at in chosen]
    return matrix_table(["along the way", "in a random direction"], blocks, names, places, "way")
