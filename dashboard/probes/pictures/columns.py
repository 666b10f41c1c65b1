"""Where the nodes of a layered graph stand: a column a layer, in an order in which few edges cross."""

from __future__ import annotations

from collections import Counter

import numpy as np

SWEEPS = 12
"""Passes over all columns; the best order that was met is kept."""

TALLEST = 24
"""Neurons above one another; a wider layer goes on beside them."""

BENT = 13
"""Points of the curve that draws one edge."""


def across(layer: np.ndarray) -> np.ndarray:
    """The number of the column of each node, `[N]`: columns are even, whatever the layers are called."""
    return np.unique(layer, return_inverse=True)[1].astype(float)


def up(x: np.ndarray, group: np.ndarray, source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Heights in (0, 1), `[N]`, by the barycentres of neighbours (Sugiyama, Tagawa, Toda, 1981).

    Clusters begin side by side, and each pass moves a node to the mean height of its neighbours, by weight.
    """
    pull = np.zeros((len(x), len(x)))
    np.add.at(pull, (np.r_[source, target], np.r_[target, source]), np.r_[weight, weight])
    columns = [np.flatnonzero(x == place) for place in np.unique(x)]
    y = _even(columns, group.astype(float))
    best, least = y, crossings(x, y, source, target, weight)
    for sweep in range(SWEEPS):
        for column in columns[:: -1 if sweep % 2 else 1]:
            total = pull[column].sum(1)
            y = np.copy(y)
            y[column] = np.where(total > 0, pull[column] @ y / np.where(total > 0, total, 1), y[column])
            y = _even(columns, y)
        cost = crossings(x, y, source, target, weight)
        best, least = (y, cost) if cost < least else (best, least)
    return best


def _even(columns: list[np.ndarray], key: np.ndarray) -> np.ndarray:
    """Each column in the order of a key, evenly spread."""
    y = np.empty(len(key))
    for column in columns:
        order = column[np.argsort(key[column], kind="stable")]
        y[order] = (np.arange(len(order)) + 0.5) / len(order)
    return y


def crossings(x: np.ndarray, y: np.ndarray, source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    """`Σ w_e w_f` over the pairs of edges between two columns that cross each other."""
    turned = x[source] > x[target]
    low, high = np.where(turned, target, source), np.where(turned, source, target)
    between = x[low] + len(x) * x[high]
    across = (y[low][:, None] - y[low]) * (y[high][:, None] - y[high]) < 0
    return float(weight @ (across & (between[:, None] == between)) @ weight) / 2


def bends(x: np.ndarray, y: np.ndarray, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curves from source to target, level at both ends, `[E, BENT]` each; within a column they bulge to the right."""
    s = np.linspace(0, 1, BENT)
    span = (x[target] - x[source])[:, None]
    bulge = np.where(span == 0, 0.22 * np.sin(np.pi * s), 0.0)
    rise = (y[target] - y[source])[:, None]
    return x[source][:, None] + span * s + bulge, y[source][:, None] + rise * s * s * (3 - 2 * s)


def stacked(layer: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Places and pixels of neurons, the first of a layer on top; a wide layer has several columns side by side."""
    x, y = across(layer), np.empty(len(layer))
    for place in np.unique(x):
        own = np.flatnonzero(x == place)
        beside = -(-len(own) // TALLEST)
        tall = -(-len(own) // beside)
        y[own] = (np.arange(len(own)) % tall + 0.5) / tall
        x[own] = place + (np.arange(len(own)) // tall - (beside - 1) / 2) * min(0.85 / beside, 0.14)
    most = max(Counter(np.round(x).tolist()).values(), default=1)
    return x, y, [min(max(230 / min(most, 2 * TALLEST), 5.0), 12.0)] * len(layer)
