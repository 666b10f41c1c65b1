"""How what a probe computed is drawn: declared as data. Each field of type `str` that ends in no label names an array.

A picture whose arrays are not among the values of a part is not drawn yet.
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
class Lines:
    """Traces on common axes."""

    title: str = ""
    traces: tuple[Trace, ...]
    x_label: str = ""
    y_label: str = ""
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True, kw_only=True)
class Heat:
    """A quantity over a plane as colours; NaN where it is not known yet."""

    title: str = ""
    values: str
    """`[n_y, n_x]`."""
    x: str
    """Coordinates of the columns, ascending, `[n_x]`."""
    y: str
    """And of the rows, `[n_y]`."""
    x_label: str = ""
    y_label: str = ""
    label: str = ""
    """What the colours say."""
    log: bool = False
    path: tuple[str, str] | tuple[()] = ()
    """Coordinates of points of a way across the plane, x and y, `[T]` each."""


@dataclass(frozen=True, kw_only=True)
class Relief:
    """The same in three dimensions: heights over a plane, and a way at heights of its own."""

    title: str = ""
    values: str
    """Heights, `[n_y, n_x]`."""
    x: str
    y: str
    x_label: str = ""
    y_label: str = ""
    label: str = ""
    log: bool = False
    path: tuple[str, str, str, str] | tuple[()] = ()
    """x, y, the true height, and how far off the plane each point is, from 0 to 1, `[T]` each."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes in columns and weighted edges between them; thickness by weight, and a least weight to choose."""

    title: str = ""
    layer: str
    """Column of each node, `[N]`."""
    name: str
    """What a node is called, `[N]`, text."""
    group: str
    """Its cluster, `[N]`, whole numbers from 0."""
    source: str
    """Number of the node where an edge begins, `[E]`."""
    target: str
    weight: str
    """Above 0, `[E]`."""
    label: str = ""
    """What the weight is."""


@dataclass(frozen=True, kw_only=True)
class Neurons:
    """A map of a network: neurons in columns, coloured by kind, and ways out of where it is, to choose by click."""

    title: str = ""
    layer: str
    """Column of each neuron, `[N]`."""
    name: str
    """What it is called, `[N]`, text."""
    kind: str
    """Place in `kinds` of each, `[N]`."""
    kinds: tuple[str, ...]
    way: str
    """What a way is called, `[q]`, text."""
    owner: str
    """Number of the neuron that a way belongs to, `[q]`; -1 for none."""
    along: str
    """Places on the ways, 0 where the network is, `[T]`."""
    height: str
    """What the loss becomes there, `[q, T]`."""
    beside: str
    """And in a random direction of the same length, `[q, T]`."""
    label: str = ""
    """What the height is."""


Picture = Lines | Heat | Relief | Graph | Neurons
