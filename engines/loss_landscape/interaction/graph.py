"""The graph of interactions of one network, its clusters, and how modular they make it.

Nodes are `(layer, feature)`, edges undirected. Strength of interaction matters through `log(strength/eps)` alone, with
a hard zero at eps: so does an edge's weight here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import networkx as nx
import numpy as np
from torch import Tensor

from engines.core.protocol.errors import ConfigError

Clusters = Sequence[set[Hashable]]


def log_weights(E: Tensor, eps: Tensor) -> Tensor:
    """`max(0, log10(E/eps))`, `[..., r', r]`; eps `[...]` positive, one a section."""
    return (E.clamp_min(0) / eps[..., None, None]).log10().clamp_min(0)


def weakest(E: Tensor, keep: int, centred: bool) -> Tensor:
    """The weakest of the `keep` strongest edges of one section, `[]`: eps where ablation has found that many needed.

    Raises `ConfigError` where that edge is zero, or where none is kept.
    """
    counted = E[1:] if centred else E
    ordered = counted.flatten().sort(descending=True).values
    if not 0 < keep <= len(ordered) or not ordered[keep - 1] > 0:
        raise ConfigError(f"keep={keep} is not in 1..{int((ordered > 0).sum())}, the edges that are not zero")
    return ordered[keep - 1]


def graph(sections: Sequence[Tensor], centred: bool) -> nx.Graph:
    """Of one member's weights `[r', r]`, input to output; constants (feature 0 if centred) and lone nodes left out."""
    G = nx.Graph()
    for layer, weights in enumerate(sections):
        W = weights.cpu().numpy().copy()
        if centred:
            W[0], W[:, 0] = 0, 0
        for i, j in np.argwhere(W > 0).tolist():
            G.add_edge((layer, j), (layer + 1, i), weight=float(W[i, j]))
    return G


def clusters(G: nx.Graph, resolution: float = 1.0, seed: int = 0) -> list[set[Hashable]]:
    """Communities by the method of Louvain, larger first. Blondel et al. 2008."""
    found = nx.community.louvain_communities(G, weight="weight", resolution=resolution, seed=seed)
    return sorted(map(set, found), key=len, reverse=True)


def modularity(G: nx.Graph, parts: Clusters) -> float:
    """Newman's Q, `sum_c (inside_c/m - (degree_c/2m)²)`; 0 for a graph without edges."""
    return float(nx.community.modularity(G, parts, weight="weight")) if G.size() else 0.0


class Shape(NamedTuple):
    """What a cluster is like."""

    size: int
    span: int
    """Layers from its first node to its last, both counted."""
    inside: float
    """Share of the weight of edges at its nodes that joins two of them."""


def shapes(G: nx.Graph, parts: Clusters) -> list[Shape]:
    """Of each cluster."""
    found = []
    for part in parts:
        layers = [layer for layer, _ in part]  # type: ignore[reportGeneralTypeIssues]
        own = G.subgraph(part).size("weight")
        whole = sum(weight for _, _, weight in G.edges(part, data="weight"))
        found.append(Shape(len(part), max(layers) - min(layers) + 1, own / whole if whole else 0.0))
    return found


def two_halves(G: nx.Graph) -> list[set[Hashable]]:
    """The two-way cut of largest Q along the order of the Fiedler vector. Raises `ConfigError` below two nodes."""
    nodes = list(G)
    if len(nodes) < 2:
        raise ConfigError(f"a graph of {len(nodes)} nodes cannot be cut in two")
    A = nx.to_numpy_array(G, nodes, weight="weight")
    degree = A.sum(0)
    order = np.argsort(np.linalg.eigh(np.diag(degree) - A)[1][:, 1], kind="stable")
    within = np.diag(A[np.ix_(order, order)].cumsum(0).cumsum(1))[:-1]
    reached, whole = degree[order].cumsum()[:-1], degree.sum()
    cut = reached - within
    Q = 1 - 2 * cut / whole - (reached / whole) ** 2 - (1 - reached / whole) ** 2
    best = int(np.argmax(Q)) + 1
    return [{nodes[i] for i in order[:best]}, {nodes[i] for i in order[best:]}]
