"""Which class draws which declared picture, and what of it can be drawn with the arrays that there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from engines.core.protocol.probe_figures import Graph, Heat, Lines, Neurons, Picture, Relief

KINDS = {
    Lines: ("lines", "LinesPicture"),
    Heat: ("heat", "HeatPicture"),
    Relief: ("relief", "ReliefPicture"),
    Graph: ("graph", "GraphPicture"),
    Neurons: ("neurons", "NeuronsPicture"),
}
"""Module and class of each kind; a module is imported when it is needed first."""


class Drawn(Protocol):
    """A picture. Where it also has `update(values)`, new arrays of the same declaration need no new view."""

    view: Any
    """A Bokeh model, or whatever else Panel can show."""
    legend: list[dict[str, Any]]
    """Samples: label, color, style, dash."""
    note: str
    """What is not drawn, in words."""


def draw(declared: Picture, values: Mapping[str, Any]) -> Drawn | None:
    """Draw what is `ready`; None for a kind that nothing draws. Errors as those of the class."""
    module, name = KINDS[type(declared)]
    path = f"dashboard.probes.pictures.{module}"
    return getattr(import_module(path), name)(declared, values) if find_spec(path) else None


def ready(declared: Picture, values: Mapping[str, Any]) -> Picture | None:
    """The declaration without the traces or the path whose arrays are missing; None where nothing can be drawn yet.

    >>> heat = Heat(values="h", x="a", y="b", path=("u", "v"))
    >>> ready(heat, {"h": 0, "a": 0, "b": 0}).path, ready(heat, {"a": 0, "b": 0})
    ((), None)
    """
    if isinstance(declared, Lines):
        traces = tuple(trace for trace in declared.traces if {trace.x, trace.y} <= values.keys())
        return replace(declared, traces=traces) if traces else None
    if not _required(declared) <= values.keys():
        return None
    lost = not set(getattr(declared, "path", ())) <= values.keys()
    return replace(declared, path=()) if lost else declared


def arrays(declared: Picture) -> set[str]:
    """The names of all arrays that a picture draws."""
    if isinstance(declared, Lines):
        return {name for trace in declared.traces for name in (trace.x, trace.y)}
    return _required(declared) | set(getattr(declared, "path", ()))


def _required(declared: Picture) -> set[str]:
    """By the rule of the declarations: what is text and no label names an array."""
    said = ((field.name, getattr(declared, field.name)) for field in fields(declared))
    return {text for name, text in said if isinstance(text, str) and name != "title" and not name.endswith("label")}
