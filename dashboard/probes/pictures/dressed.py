"""What the nodes and edges of a graph look like: hues of clusters, sizes, names."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.probes.pictures import columns
from dashboard.ui.formatting import number
from dashboard.ui.palette import GREY, qualitative

if TYPE_CHECKING:
    from dashboard.probes.pictures.network import Network

NAMED = 16
"""In columns that are taller, names are told under the pointer only."""

LISTED = 8
"""Clusters in the legend, the largest."""

WIDEST = 6.0
"""Pixels of the heaviest edge."""


def colors(group: np.ndarray) -> list[str]:
    """A hue a cluster, the largest first; what stands alone is grey."""
    sizes = Counter(group.tolist())
    ranked = [each for each, size in sizes.most_common() if size > 1]
    found = {each: qualitative(place) for place, each in enumerate(ranked)}
    return [found.get(each, GREY) for each in group.tolist()]


def legend(group: np.ndarray) -> list[dict[str, Any]]:
    """The largest clusters."""
    hues = dict(zip(group.tolist(), colors(group), strict=True))
    largest = [(each, size) for each, size in Counter(group.tolist()).most_common(LISTED) if size > 1]
    return [
        {"label": f"cluster {each}, {size} nodes", "color": hues[each], "style": "points", "dash": ""}
        for each, size in largest
    ]


def dots(found: Network, x: np.ndarray, y: np.ndarray, hues: list[str]) -> dict[str, Any]:
    """Columns of the nodes."""
    tallest = max(Counter(x.tolist()).values(), default=1)
    count = len(x)
    return {
        "x": x, "y": y, "color": hues, "size": [min(max(190 / tallest, 5.0), 12.0)] * count, "group": found.group,
        "degree": found.degree, "name": found.name, "safe": map(escape, found.name),
        "label": found.name if tallest <= NAMED else [""] * count,
    }  # fmt: skip


def lines(found: Network, x: np.ndarray, y: np.ndarray, hues: list[str]) -> dict[str, Any]:
    """Columns of the edges; one within a cluster has its colour."""
    xs, ys = columns.bends(x, y, found.source, found.target)
    inside = found.group[found.source] == found.group[found.target]
    ends = list(zip(found.source.tolist(), found.target.tolist(), strict=True))
    return {
        "xs": xs, "ys": ys, "source": found.source, "target": found.target,
        "width": 0.6 + (WIDEST - 0.6) * found.weight / found.weight.max(initial=1e-300),
        "color": [hues[a] if same else GREY for (a, _), same in zip(ends, inside, strict=True)],
        "name": [f"{found.name[a]} – {found.name[b]}" for a, b in ends],
        "amount": [number(weight) for weight in found.weight.tolist()],
    }  # fmt: skip
