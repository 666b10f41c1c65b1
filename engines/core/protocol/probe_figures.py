"""Pictures of what probes computed, declared as data.

Each field of type `str` names an array, apart from titles and labels. A picture whose arrays are not among the values
of a part is not drawn yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One line or cloud: two arrays of one length."""

    x: str
    y: str
    label: str
    style: Literal["points", "line", "theory"] = "points"


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Base of pictures of traces: title, traces and the names of both axes."""

    title: str = ""
    traces: tuple[Trace, ...]
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True, kw_only=True)
class Lines(Traces):
    """Traces on common axes."""

    log_x: bool = False
    log_y: bool = False
    downward: bool = False
    """Whether the vertical axis runs down, as places do: the first is on top."""


@dataclass(frozen=True, kw_only=True)
class Bars(Traces):
    """A group of bars at each x, one bar a trace, side by side whatever the distances between the x are."""

    mark: float | None = None
    """A height across which a dashed line runs, such as the one that means equal."""


@dataclass(frozen=True, kw_only=True)
class Heat:
    """A quantity over a plane as colours; NaN where it is not known yet."""

    title: str = ""
    values: str
    """The quantity, `[n_y, n_x]`."""
    x: str
    """Coordinates of the columns, even and ascending, `[n_x]`."""
    y: str
    """Coordinates of the rows, even and ascending, `[n_y]`."""
    x_label: str = ""
    y_label: str = ""
    label: str = ""
    """Name of the quantity."""
    log: bool = False
    path: tuple[str, str] | tuple[()] = ()
    """Coordinates of the points of a path across the plane, x and y, `[T]` each."""


@dataclass(frozen=True, kw_only=True)
class Relief:
    """A surface in three dimensions: heights over a plane, and a path at heights of its own."""

    title: str = ""
    values: str
    """Heights, `[n_y, n_x]`."""
    x: str
    """Coordinates of the columns, ascending, `[n_x]`."""
    y: str
    """Coordinates of the rows, ascending, `[n_y]`."""
    x_label: str = ""
    y_label: str = ""
    label: str = ""
    """Name of the height."""
    log: bool = False
    path: tuple[str, str, str, str] | tuple[()] = ()
    """Points of the path, `[T]` each: x, y, the true height, and the distance from the plane, from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes in columns and weighted edges between them; thickness by weight, and a least weight to choose."""

    title: str = ""
    layer: str
    """Column of each node, `[N]`."""
    name: str
    """Name of each node, `[N]`, text."""
    group: str
    """Cluster of each node, `[N]`, whole numbers from 0."""
    source: str
    """Number of the node where an edge begins, `[E]`."""
    target: str
    """Number of the node where it ends, `[E]`."""
    weight: str
    """Weights above 0, `[E]`."""
    label: str = ""
    """Name of the weight."""


@dataclass(frozen=True, kw_only=True)
class Neurons:
    """A map of a network: neurons in columns, coloured by kind, and paths from where it is, to choose by click."""

    title: str = ""
    layer: str
    """Column of each neuron, `[N]`."""
    name: str
    """Name of each neuron, `[N]`, text."""
    kind: str
    """Place in `kinds` of each, `[N]`."""
    kinds: tuple[str, ...]
    path_name: str
    """Name of each path, `[q]`, text."""
    path_neuron: str
    """Number of the neuron that a path belongs to, `[q]`; -1 for none."""
    distance: str
    """Distances along the paths, 0 where the network is, `[T]`."""
    loss: str
    """Loss along each path, `[q, T]`."""
    reference_loss: str
    """Loss at the same distances in a random direction, `[q, T]`."""
    label: str = ""
    """Name of the loss."""


Picture = Lines | Bars | Heat | Relief | Graph | Neurons
