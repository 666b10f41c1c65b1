"""A graph of interactions as arrays: its nodes in columns, its strongest edges, its clusters."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from engines.loss_landscape.interaction import graph

MOST = 600
"""Edges that are shown."""


def weights(E: Tensor, needed: int, centred: bool) -> Tensor:
    """`log10(E/eps)` of one section, eps the weakest of the edges that are needed; zero where there are none."""
    if not bool((E[int(centred) :] > 0).any()):
        return torch.zeros_like(E)
    return graph.log_weights(E, graph.weakest(E, max(1, needed), centred))


def arrays(G: nx.Graph, layers: int, resolution: float, seed: int) -> dict[str, Any]:
    """Nodes `layer, name, group [N]`, edges `source, target, weight [E]`, and what the clusters of all G are like."""
    parts = graph.clusters(G, resolution, seed) if len(G) else []
    shapes, group = graph.shapes(G, parts), {node: i for i, part in enumerate(parts) for node in part}
    strongest = sorted(G.edges(data="weight"), key=lambda edge: -edge[2])[:MOST]
    nodes = sorted({node for edge in strongest for node in edge[:2]})
    place = {node: i for i, node in enumerate(nodes)}
    ends = [sorted(edge[:2]) for edge in strongest]
    return {
        "layer": np.array([layer for layer, _ in nodes], int),
        "name": np.array([named(layer, layers, feature) for layer, feature in nodes], str),
        "group": np.array([group[node] for node in nodes], int),
        "source": np.array([place[a] for a, _ in ends], int),
        "target": np.array([place[b] for _, b in ends], int),
        "weight": np.array([edge[2] for edge in strongest], float),
        "edges": G.number_of_edges(), "edges_shown": len(strongest),
        "modularity": graph.modularity(G, parts), "clusters": len(parts),
        "cluster_sizes": np.array([shape.size for shape in shapes], int),
        "cluster_spans": np.array([shape.span for shape in shapes], int),
        "cluster_inside": np.array([shape.inside for shape in shapes], float),
    }  # fmt: skip


def named(layer: int, layers: int, feature: int) -> str:
    """What a feature is called: of `layers` node layers the first is the input, the last the output."""
    column = {0: "in", layers - 1: "out"}.get(layer, f"h{layer}")
    return f"{column} · {feature}"
