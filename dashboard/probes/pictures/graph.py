"""A graph in columns: edges as thick as they are heavy, a least weight to choose, neighbours of a node by click."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
from bokeh.models import (
    BooleanFilter,
    CDSView,
    ColumnDataSource,
    CustomJSTickFormatter,
    MultiLine,
    Scatter,
    Slider,
    Text,
)  # fmt: skip

from dashboard.figures.marks.figure import add_glyph, figure
from dashboard.figures.marks.hover import add_hover
from dashboard.probes.pictures import layers
from dashboard.ui.formatting import number
from dashboard.ui.palette import GREY, category
from dashboard.ui.styles import STRETCH

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Graph

MOST_NODES, MOST_EDGES = 200, 600
"""The most that are drawn; the heaviest stay."""

NAMED = 16
"""Nodes of a column up to which names are written; in taller ones they are shown under the pointer only."""

LISTED = 8
"""Clusters in the legend, the largest."""

WIDEST = 6.0
"""Pixels of the heaviest edge."""

SLIDER_VALUE = """
const amounts = edges.get_column("amount") ?? [];
return `${amounts[tick] ?? "–"}, ${amounts.length - tick} of ${amounts.length} edges`;
"""

_DOT: dict[str, Any] = {"x": "x", "y": "y", "size": "size"}

_NAME: dict[str, Any] = {
    "text_font_size": "10.5px",
    "text_color": GREY,
    "text_align": "center",
    "text_baseline": "bottom",
    "y_offset": -6,
}


@dataclass(frozen=True)
class GraphData:
    """Nodes `[N]`, and edges `[E]` from the lightest to the heaviest."""

    layer: np.ndarray
    name: tuple[str, ...]
    group: np.ndarray
    degree: np.ndarray
    """Edges of a node, also of those that are not drawn, `[N]`."""
    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    note: str = ""
    """Count of what is not drawn, in words."""


def read_graph(declared: Graph, values: Mapping[str, Any]) -> GraphData:
    """Read the graph from the values of a probe. Raises `ValueError` or `KeyError` where arrays do not fit together."""
    layer, group = (np.asarray(values[name]) for name in (declared.layer, declared.group))
    name = tuple(map(str, np.asarray(values[declared.name]).tolist()))
    source, target = (np.asarray(values[name]) for name in (declared.source, declared.target))
    weight = np.asarray(values[declared.weight], float)
    _check(declared, len(name), layer, group, source, target, weight)
    source, target, group = source.astype(int), target.astype(int), group.astype(int)
    degree = np.bincount(np.r_[source, target], minlength=len(name))
    return _heaviest(GraphData(layer, name, group, degree, source, target, weight))


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


def _heaviest(whole: GraphData) -> GraphData:
    """Keep the nodes with the heaviest edges, and the heaviest edges between them."""
    heaviest = np.zeros(len(whole.name))
    np.maximum.at(heaviest, np.r_[whole.source, whole.target], np.r_[whole.weight, whole.weight])
    kept = np.sort(np.argsort(-heaviest, kind="stable")[:MOST_NODES])
    place = np.full(len(whole.name), -1)
    place[kept] = np.arange(len(kept))
    source, target = place[whole.source], place[whole.target]
    both = np.flatnonzero((source >= 0) & (target >= 0))
    edges = both[np.argsort(whole.weight[both], kind="stable")][-MOST_EDGES:]
    notes = (_cut("nodes", len(kept), len(whole.name)), _cut("edges", len(edges), len(whole.weight)))
    return GraphData(
        whole.layer[kept], tuple(whole.name[node] for node in kept), whole.group[kept], whole.degree[kept],
        source[edges], target[edges], whole.weight[edges], " · ".join(filter(None, notes)),
    )  # fmt: skip


def _cut(what: str, drawn: int, all_of_them: int) -> str:
    return f"{drawn:,} of {all_of_them:,} {what} drawn, the heaviest" if drawn < all_of_them else ""


def cluster_colors(group: np.ndarray) -> list[str]:
    """Choose a hue for each cluster, the largest first; what stands alone is grey `[N]`."""
    sizes = Counter(group.tolist())
    ranked = [each for each, size in sizes.most_common() if size > 1]
    hues = {each: category(place) for place, each in enumerate(ranked)}
    return [hues.get(each, GREY) for each in group.tolist()]


def cluster_legend(group: np.ndarray) -> list[dict[str, Any]]:
    """List the largest clusters."""
    hues = dict(zip(group.tolist(), cluster_colors(group), strict=True))
    largest = [(each, size) for each, size in Counter(group.tolist()).most_common(LISTED) if size > 1]
    return [
        {"label": f"cluster {each}, {size} nodes", "color": hues[each], "style": "points", "dash": ""}
        for each, size in largest
    ]


def node_columns(graph: GraphData, x: np.ndarray, y: np.ndarray, hues: list[str]) -> dict[str, Any]:
    """Compute the columns of the nodes, at `x` and `y` `[N]`."""
    tallest = max(Counter(x.tolist()).values(), default=1)
    count = len(x)
    return {
        "x": x, "y": y, "color": hues, "size": [min(max(190 / tallest, 5.0), 12.0)] * count, "group": graph.group,
        "degree": graph.degree, "name": graph.name, "safe": map(escape, graph.name),
        "label": graph.name if tallest <= NAMED else [""] * count,
    }  # fmt: skip


def edge_columns(graph: GraphData, x: np.ndarray, y: np.ndarray, hues: list[str]) -> dict[str, Any]:
    """Compute the columns of the edges; one within a cluster has its colour."""
    xs, ys = layers.edge_curves(x, y, graph.source, graph.target)
    inside = graph.group[graph.source] == graph.group[graph.target]
    ends = list(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    return {
        "xs": xs, "ys": ys, "source": graph.source, "target": graph.target,
        "width": 0.6 + (WIDEST - 0.6) * graph.weight / graph.weight.max(initial=1e-300),
        "color": [hues[a] if same else GREY for (a, _), same in zip(ends, inside, strict=True)],
        "name": [f"{graph.name[a]} – {graph.name[b]}" for a, b in ends],
        "amount": [number(weight) for weight in graph.weight.tolist()],
    }  # fmt: skip


class GraphPicture:
    """The graph and its controls. Raises `ValueError` or `KeyError` where the arrays do not fit together."""

    def __init__(self, declared: Graph, values: Mapping[str, Any]) -> None:
        self.declared = declared
        self.nodes, self.edges = ColumnDataSource(), ColumnDataSource()
        self.figure = figure(height=380)
        slider = Slider(start=0, end=1, value=0, step=1, title=f"least {self._weight}", format=self._slider_format())
        self.least = layers.fit_to_card(slider)
        self.sentence = layers.status_text()
        self.shown = BooleanFilter(), BooleanFilter()
        self.highlighted = BooleanFilter(), BooleanFilter()
        self._draw()
        self.update(values)
        self.content = pn.Column(self.figure, self.least, self.sentence, margin=0, **STRETCH)

    def update(self, values: Mapping[str, Any]) -> None:
        """Draw another graph; nothing is chosen then."""
        graph = read_graph(self.declared, values)
        x = layers.column_numbers(graph.layer)
        y = layers.node_heights(x, graph.group, graph.source, graph.target, graph.weight)
        colors = cluster_colors(graph.group)
        self.note, self.legend = graph.note, cluster_legend(graph.group)
        for each, count in zip((*self.shown, *self.highlighted), 2 * (len(x), len(graph.weight)), strict=True):
            each.booleans = [each in self.shown] * count
        self.nodes.selected.indices = []
        self.sentence.text = "Click a node to see what it is joined to."
        self.nodes.data = layers.as_lists(node_columns(graph, x, y, colors))
        self.least.update(end=max(len(graph.weight) - 1, 1), value=0, disabled=len(graph.weight) < 2)
        self.edges.data = layers.as_lists(edge_columns(graph, x, y, colors))
        layers.label_columns(self.figure, x, graph.layer)
        self.figure.y_range.update(start=1.02, end=-0.02, reset_start=1.02, reset_end=-0.02)

    def _draw(self) -> None:
        line: dict[str, Any] = {"xs": "xs", "ys": "ys", "line_color": "color", "line_width": "width"}
        faint, dots = MultiLine(**line, line_alpha=0.5), Scatter(**_DOT, fill_color="color", line_color=None)
        (some_nodes, some_edges), (lit_nodes, lit_edges) = self.shown, self.highlighted
        edges = add_glyph(faint, self.edges, self.figure, view=CDSView(filter=some_edges))
        add_glyph(MultiLine(**line, line_alpha=0.95), self.edges, self.figure, view=CDSView(filter=lit_edges))
        nodes = add_glyph(dots, self.nodes, self.figure, view=CDSView(filter=some_nodes))
        ring = Scatter(**_DOT, fill_color="color", line_color=GREY, line_width=2)
        add_glyph(ring, self.nodes, self.figure, view=CDSView(filter=lit_nodes))
        add_glyph(Text(x="x", y="y", text="label", **_NAME), self.nodes, self.figure, view=CDSView(filter=some_nodes))
        self._add_hovers(edges, nodes)
        paint = layers.page_script(
            "graph", nodes=self.nodes, edges=self.edges, least=self.least, sentence=self.sentence, faint=faint,
            shown_nodes=some_nodes, shown_edges=some_edges, lit_nodes=lit_nodes, lit_edges=lit_edges,
        )  # fmt: skip
        self.least.js_on_change("value", paint)
        self.nodes.selected.js_on_change("indices", paint)
        self.edges.js_on_change("data", paint)

    @property
    def _weight(self) -> str:
        return self.declared.label or "weight"

    def _slider_format(self) -> CustomJSTickFormatter:
        """Write a place of the slider in words: each hides one edge more, the lightest first."""
        return CustomJSTickFormatter(args={"edges": self.edges}, code=SLIDER_VALUE)

    def _add_hovers(self, edges: Any, nodes: Any) -> None:
        """Names under the pointer, and the click."""
        rows = [("", "@name"), ("cluster", "@group"), ("degree", "@degree")]
        add_hover(self.figure, [nodes], rows)
        heavy = [("", "@name"), (self._weight, "@amount")]
        add_hover(self.figure, [edges], heavy, line_policy="interp")
        layers.select_by_click(self.figure, self.nodes, self.shown[0])
