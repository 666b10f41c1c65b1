"""A weighted graph as a probe computed it, cut down to what can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Graph

NODES, EDGES = 200, 600
"""The most that are drawn; the heaviest stay."""


@dataclass(frozen=True)
class Network:
    """Nodes, and edges from the lightest to the heaviest."""

    layer: np.ndarray
    name: tuple[str, ...]
    group: np.ndarray
    degree: np.ndarray
    """Edges of a node, also of those that are not drawn, `[N]`."""
    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    note: str = ""
    """What is not drawn, in words."""


def read(declared: Graph, values: Mapping[str, Any]) -> Network:
    """The graph among the values of a probe. Raises `ValueError` or `KeyError` where arrays do not fit together."""
    layer, group = (np.asarray(values[name]) for name in (declared.layer, declared.group))
    name = tuple(map(str, np.asarray(values[declared.name]).tolist()))
    source, target = (np.asarray(values[name]) for name in (declared.source, declared.target))
    weight = np.asarray(values[declared.weight], float)
    _check(declared, len(name), layer, group, source, target, weight)
    source, target, group = source.astype(int), target.astype(int), group.astype(int)
    degree = np.bincount(np.r_[source, target], minlength=len(name))
    return _heaviest(Network(layer, name, group, degree, source, target, weight))


def _check(declared: Graph, count: int, layer: Any, group: Any, source: Any, target: Any, weight: Any) -> None:
    if layer.shape != (count,) or group.shape != (count,):
        raise ValueError(
            f"{declared.layer} {layer.shape} and {declared.group} {group.shape} are not one a node, {count}"
        )
    if source.ndim != 1 or not source.shape == target.shape == weight.shape:
        shapes = f"{source.shape}, {target.shape}, {weight.shape}"
        raise ValueError(f"{declared.source}, {declared.target}, {declared.weight} differ in shape: {shapes}")
    if len(source) and not (0 <= min(source.min(), target.min()) and max(source.max(), target.max()) < count):
        raise ValueError(f"{declared.source} and {declared.target} name nodes outside 0 to {count - 1}")
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError(f"{declared.weight} has entries that are not above 0")


def _heaviest(whole: Network) -> Network:
    """The nodes with the heaviest edges, and of the edges between them the heaviest."""
    heaviest = np.zeros(len(whole.name))
    np.maximum.at(heaviest, np.r_[whole.source, whole.target], np.r_[whole.weight, whole.weight])
    kept = np.sort(np.argsort(-heaviest, kind="stable")[:NODES])
    place = np.full(len(whole.name), -1)
    place[kept] = np.arange(len(kept))
    source, target = place[whole.source], place[whole.target]
    both = np.flatnonzero((source >= 0) & (target >= 0))
    edges = both[np.argsort(whole.weight[both], kind="stable")][-EDGES:]
    notes = (_cut("nodes", len(kept), len(whole.name)), _cut("edges", len(edges), len(whole.weight)))
    return Network(
        whole.layer[kept], tuple(whole.name[node] for node in kept), whole.group[kept], whole.degree[kept],
        source[edges], target[edges], whole.weight[edges], " · ".join(filter(None, notes)),
    )  # fmt: skip


def _cut(what: str, drawn: int, all_of_them: int) -> str:
    return f"{drawn:,} of {all_of_them:,} {what} drawn, the heaviest" if drawn < all_of_them else ""
