"""The graph of interactions of one network, its clusters, how modular they make it, and its arrays for a picture.

Nodes are `(layer, feature)`, edges undirected. Strength of interaction matters through `log(strength/eps)` alone, with
a hard zero at eps: so does an edge's weight here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from engines.core.protocol.errors import ConfigError
from engines.loss_landscape.interaction.basis import Basis

Clusters = Sequence[set[Hashable]]
"""Sets of nodes."""


def log_weights(E: Tensor, eps: Tensor) -> Tensor:
    """Weights `max(0, log10(E/eps))`, `[*, r_next, r]`; eps `[*]` positive, one a section."""
    return (E.clamp_min(0) / eps[..., None, None]).log10().clamp_min(0)


def weakest_kept(E: Tensor, keep: int, centred: bool) -> Tensor:
    """Strength of the weakest of the `keep` strongest edges `E [r_next, r]`: eps where ablation needs that many.

    Raises `ConfigError` where that edge is zero, or where none is kept.
    """
    counted = E[1:] if centred else E
    ordered = counted.flatten().sort(descending=True).values
    if not 0 < keep <= len(ordered) or not ordered[keep - 1] > 0:
        raise ConfigError(f"keep={keep} is not in 1..{int((ordered > 0).sum())}, the edges that are not zero")
    return ordered[keep - 1]


def interaction_graph(sections: Sequence[Tensor], centred: bool) -> nx.Graph:
    """Make the graph of one member's weights `[r_next, r]`, input to output, without constants and lone nodes.

    The constant is feature 0 where bases are centred.
    """
    G = nx.Graph()
    for layer, weights in enumerate(sections):
        W = weights.cpu().numpy().copy()
        if centred:
            W[0], W[:, 0] = 0, 0
        for i, j in np.argwhere(W > 0).tolist():
            G.add_edge((layer, j), (layer + 1, i), weight=float(W[i, j]))
    return G


def clusters(G: nx.Graph, resolution: float = 1.0, seed: int = 0) -> list[set[Hashable]]:
    """Find communities by the method of Louvain, larger first. Blondel et al. 2008."""
    communities = nx.community.louvain_communities(G, weight="weight", resolution=resolution, seed=seed)
    return sorted(map(set, communities), key=len, reverse=True)


def modularity(G: nx.Graph, parts: Clusters) -> float:
    """Modularity Q of Newman, `sum_c (inside_c/m - (degree_c/2m)²)`; 0 for a graph without edges."""
    return float(nx.community.modularity(G, parts, weight="weight")) if G.size() else 0.0


class ClusterShape(NamedTuple):
    """Size, span and closure of a cluster."""

    size: int
    """Number of nodes."""
    span: int
    """Layers from its first node to its last, both counted."""
    inside: float
    """Share of the weight of edges at its nodes that joins two of them."""


def cluster_shapes(G: nx.Graph, parts: Clusters) -> list[ClusterShape]:
    """Shape of each cluster."""
    shapes = []
    for part in parts:
        layers = [layer for layer, _ in part]  # type: ignore[reportGeneralTypeIssues]
        inside = G.subgraph(part).size("weight")
        whole = sum(weight for _, _, weight in G.edges(part, data="weight"))
        shapes.append(ClusterShape(len(part), max(layers) - min(layers) + 1, inside / whole if whole else 0.0))
    return shapes


MAX_EDGES_SHOWN = 600
"""Most edges that are shown."""


def section_weights(E: Tensor, needed: int, centred: bool) -> Tensor:
    """Weights `max(0, log10(E/eps))` of the edges `E [r_next, r]` of one section; zero where there are none.

    eps is the weakest of the `needed` strongest edges, those into the constant not counted if `centred`. Raises
    `ConfigError` if fewer edges are above zero.
    """
    if not bool((E[int(centred) :] > 0).any()):
        return torch.zeros_like(E)
    return log_weights(E, weakest_kept(E, max(1, needed), centred))


def graph_arrays(G: nx.Graph, layers: int, resolution: float, seed: int) -> dict[str, Any]:
    """Arrays of nodes `layer, name, group [N]`, of edges `source, target, weight [E]`, and of the clusters of all G."""
    parts = clusters(G, resolution, seed) if len(G) else []
    shapes, group = cluster_shapes(G, parts), {node: i for i, part in enumerate(parts) for node in part}
    strongest = sorted(G.edges(data="weight"), key=lambda edge: -edge[2])[:MAX_EDGES_SHOWN]
    nodes = sorted({node for edge in strongest for node in edge[:2]})
    place = {node: i for i, node in enumerate(nodes)}
    ends = [sorted(edge[:2]) for edge in strongest]
    return {
        "layer": np.array([layer for layer, _ in nodes], int),
        "name": np.array([feature_name(layer, layers, feature) for layer, feature in nodes], str),
        "group": np.array([group[node] for node in nodes], int),
        "source": np.array([place[a] for a, _ in ends], int),
        "target": np.array([place[b] for _, b in ends], int),
        "weight": np.array([edge[2] for edge in strongest], float),
        "edges": G.number_of_edges(), "edges_shown": len(strongest),
        "modularity": modularity(G, parts), "clusters": len(parts),
        "cluster_sizes": np.array([shape.size for shape in shapes], int),
        "cluster_spans": np.array([shape.span for shape in shapes], int),
        "cluster_inside": np.array([shape.inside for shape in shapes], float),
    }  # fmt: skip


def feature_name(layer: int, layers: int, feature: int) -> str:
    """Name of a feature in a picture: of `layers` node layers the first is the input, the last the output."""
    column = {0: "in", layers - 1: "out"}.get(layer, f"h{layer}")
    return f"{column} · {feature}"


TINY = 1e-300


def purity(at: Tensor, basis: Basis, parts: Tensor) -> Tensor:
    """Purity of features, `max_m var F_m/sum_m var F_m`, averaged with weights var fh, `[*]`.

    1 where none mixes modules. `F_m = at P_m C` is the part of a feature in the planted module m. at `[*, n, w]`,
    parts `[*, modules, w, w]` the projectors P_m. With correlated modules var fh is not the sum of var F_m; the
    weights are still var fh.
    """
    centred = at - at.mean(-2, keepdim=True)
    features = (centred @ basis.C).square().mean(-2)
    of_modules = (centred[..., None, :, :] @ parts @ basis.C[..., None, :, :]).square().mean(-2)  # [*, modules, r]
    share = of_modules.amax(-2) / of_modules.sum(-2).clamp_min(TINY)
    return (share * features).sum(-1) / torch.clamp_min(features.sum(-1), TINY)
