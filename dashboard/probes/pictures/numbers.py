"""What a probe's picture shows, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.figures.tables import ROWS, Numbers, even_places, matrix_table
from dashboard.ui.formatting import number
from engines.core.protocol.probe_figures import Graph, Heat, Lines, Neurons, Relief

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Picture


def numbers(declared: Picture, values: Mapping[str, Any]) -> list[Numbers]:
    """One table, or one for each set of points that traces share. Errors as those of the picture."""
    match declared:
        case Lines():
            return [_shared(declared, x, values) for x in dict.fromkeys(trace.x for trace in declared.traces)]
        case Heat() | Relief():
            return [_plane(declared, values)]
        case Graph():
            return [_edges(declared, values)]
        case Neurons():
            return [_ways(declared, values)]


def _shared(declared: Lines, x: str, values: Mapping[str, Any]) -> Numbers:
    """The traces over one horizontal axis."""
    traces = [trace for trace in declared.traces if trace.x == x]
    matrix = np.stack([np.atleast_1d(np.asarray(values[trace.y], float)) for trace in traces], axis=1)
    places = [number(place) for place in np.atleast_1d(np.asarray(values[x], float)).tolist()]
    return matrix_table([""], [matrix], places, [trace.label for trace in traces], declared.x_label or x)


def _plane(declared: Heat | Relief, values: Mapping[str, Any]) -> Numbers:
    axes = declared.x, declared.y
    across, up = ([number(place) for place in np.asarray(values[name], float).tolist()] for name in axes)
    corner = f"{declared.y_label or declared.y} \\ {declared.x_label or declared.x}"
    return matrix_table([""], [np.asarray(values[declared.values], float)], up, across, corner)


def _edges(declared: Graph, values: Mapping[str, Any]) -> Numbers:
    """The heaviest edges, by the names of what they join."""
    weight, name = np.asarray(values[declared.weight], float), np.asarray(values[declared.name])
    heavy = np.argsort(-weight, kind="stable")[:ROWS]
    ends = [name[np.asarray(values[end], int)[heavy]] for end in (declared.source, declared.target)]
    rows = [[str(a), str(b), number(float(w))] for a, b, w in zip(*ends, weight[heavy], strict=True)]
    note = f"the heaviest {len(heavy)} of {len(weight):,} edges" if len(heavy) < len(weight) else ""
    return Numbers(["from", "to", declared.label or "weight"], rows, note)


def _ways(declared: Neurons, values: Mapping[str, Any]) -> Numbers:
    """What the height is along each way, at some places."""
    names: Sequence[str] = [str(name) for name in np.asarray(values[declared.way]).tolist()]
    along = np.asarray(values[declared.along], float)
    chosen = even_places(len(along), 5)
    both = (np.asarray(values[name], float) for name in (declared.height, declared.beside))
    blocks = [heights.reshape(-1, len(along))[:, chosen] for heights in both]
    places = [f"at {number(float(along[at]))}" for at in chosen]
    return matrix_table(["along the way", "in a random direction"], blocks, names, places, "way")
