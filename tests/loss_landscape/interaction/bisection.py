"""The best cut of a graph in two along its Fiedler vector, an oracle of clusters."""

from __future__ import annotations

from collections.abc import Hashable

import networkx as nx
import numpy as np

from engines.core.protocol.errors import ConfigError


def spectral_bisection(G: nx.Graph) -> list[set[Hashable]]:
    """Cut a graph in two of largest Q along the order of the Fiedler vector. Raises `ConfigError` below two nodes."""
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
