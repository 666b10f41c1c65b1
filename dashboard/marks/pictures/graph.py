"""A graph in columns: edges as thick as they are heavy, a least weight to choose, and a node's neighbours by click."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import panel as pn
from bokeh.models import (
    BooleanFilter,
    CDSView,
    ColumnDataSource,
    CustomJSTickFormatter,
    HoverTool,
    MultiLine,
    Scatter,
    Slider,
    Text,
)  # fmt: skip

from dashboard.marks.figure import bare, figure
from dashboard.marks.pictures import columns, network
from dashboard.marks.pictures.parts import WIDE, chooses, plain, script, stand, styled, text
from dashboard.naming import number
from dashboard.palette import GREY, qualitative

if TYPE_CHECKING:
    from dashboard.marks.pictures.network import Network
    from engines.core.pictures import Graph

NAMED = 16
"""In columns that are taller, names are told under the pointer only."""

LISTED = 8
"""Clusters in the legend, the largest."""

WIDEST = 6.0
"""Pixels of the heaviest edge."""


TOLD = """
const amounts = edges.get_column("amount") ?? [];
return `${amounts[tick] ?? "–"}, ${amounts.length - tick} of ${amounts.length} edges`;
"""


class GraphPicture:
    """The graph and its controls. Raises `ValueError` or `KeyError` where the arrays do not fit together."""

    def __init__(self, declared: Graph, values: Mapping[str, Any]) -> None:
        self.declared = declared
        self.nodes, self.edges = ColumnDataSource(), ColumnDataSource()
        self.figure = figure(height=380)
        self.least = styled(Slider(start=0, end=1, value=0, step=1, title=f"least {self._weight}", format=self._told()))
        self.said = text()
        self.shown = BooleanFilter(), BooleanFilter()
        self.lit = BooleanFilter(), BooleanFilter()
        self._draw()
        self.update(values)
        self.view = pn.Column(self.figure, self.least, self.said, margin=0, **WIDE)

    def update(self, values: Mapping[str, Any]) -> None:
        """Draw another graph; nothing is chosen then."""
        found = network.read(self.declared, values)
        x = columns.across(found.layer)
        y = columns.up(x, found.group, found.source, found.target, found.weight)
        colors = _colors(found.group)
        self.note, self.legend = found.note, _legend(found.group)
        for each, count in zip((*self.shown, *self.lit), 2 * (len(x), len(found.weight)), strict=True):
            each.booleans = [each in self.shown] * count
        self.nodes.selected.indices = []
        self.said.text = "Click a node to see what it is joined to."
        self.nodes.data = plain(_dots(found, x, y, colors))
        self.least.update(end=max(len(found.weight) - 1, 1), value=0, disabled=len(found.weight) < 2)
        self.edges.data = plain(_lines(found, x, y, colors))
        stand(self.figure, x, found.layer)
        self.figure.y_range.update(start=1.02, end=-0.02, reset_start=1.02, reset_end=-0.02)

    def _draw(self) -> None:
        line = {"xs": "xs", "ys": "ys", "line_color": "color", "line_width": "width"}
        faint, dots = MultiLine(**line, line_alpha=0.5), Scatter(**_DOT, fill_color="color", line_color=None)
        (some_nodes, some_edges), (lit_nodes, lit_edges) = self.shown, self.lit
        edges = bare(faint, self.edges, self.figure, view=CDSView(filter=some_edges))
        bare(MultiLine(**line, line_alpha=0.95), self.edges, self.figure, view=CDSView(filter=lit_edges))
        nodes = bare(dots, self.nodes, self.figure, view=CDSView(filter=some_nodes))
        ring = Scatter(**_DOT, fill_color="color", line_color=GREY, line_width=2)
        bare(ring, self.nodes, self.figure, view=CDSView(filter=lit_nodes))
        bare(Text(x="x", y="y", text="label", **_NAME), self.nodes, self.figure, view=CDSView(filter=some_nodes))
        self._answer(edges, nodes)
        paint = script(
            "graph", nodes=self.nodes, edges=self.edges, least=self.least, said=self.said, faint=faint,
            shown_nodes=some_nodes, shown_edges=some_edges, lit_nodes=lit_nodes, lit_edges=lit_edges,
        )  # fmt: skip
        self.least.js_on_change("value", paint)
        self.nodes.selected.js_on_change("indices", paint)
        self.edges.js_on_change("data", paint)

    @property
    def _weight(self) -> str:
        return self.declared.label or "weight"

    def _told(self) -> CustomJSTickFormatter:
        """A place of the slider in words: each hides one edge more, the lightest first."""
        return CustomJSTickFormatter(args={"edges": self.edges}, code=TOLD)

    def _answer(self, edges: Any, nodes: Any) -> None:
        """Names under the pointer, and the click."""
        rows = [("", "@name"), ("cluster", "@group"), ("degree", "@degree")]
        self.figure.add_tools(HoverTool(renderers=[nodes], tooltips=rows))
        heavy = [("", "@name"), (self._weight, "@amount")]
        self.figure.add_tools(HoverTool(renderers=[edges], tooltips=heavy, line_policy="interp"))
        chooses(self.figure, self.nodes, self.shown[0])


_DOT = {"x": "x", "y": "y", "size": "size"}

_NAME = {
    "text_font_size": "10.5px",
    "text_color": GREY,
    "text_align": "center",
    "text_baseline": "bottom",
    "y_offset": -6,
}


def _colors(group: np.ndarray) -> list[str]:
    """A hue a cluster, the largest first; what stands alone is grey."""
    sizes = Counter(group.tolist())
    ranked = [each for each, size in sizes.most_common() if size > 1]
    hues = {each: qualitative(place) for place, each in enumerate(ranked)}
    return [hues.get(each, GREY) for each in group.tolist()]


def _legend(group: np.ndarray) -> list[dict[str, Any]]:
    colors = dict(zip(group.tolist(), _colors(group), strict=True))
    largest = [(each, size) for each, size in Counter(group.tolist()).most_common(LISTED) if size > 1]
    return [
        {"label": f"cluster {each}, {size} nodes", "color": colors[each], "style": "points", "dash": ""}
        for each, size in largest
    ]


def _dots(found: Network, x: np.ndarray, y: np.ndarray, colors: list[str]) -> dict[str, Any]:
    tallest = max(Counter(x.tolist()).values(), default=1)
    count = len(x)
    return {
        "x": x, "y": y, "color": colors, "size": [min(max(190 / tallest, 5.0), 12.0)] * count, "group": found.group,
        "degree": found.degree, "name": found.name, "safe": map(escape, found.name),
        "label": found.name if tallest <= NAMED else [""] * count,
    }  # fmt: skip


def _lines(found: Network, x: np.ndarray, y: np.ndarray, colors: list[str]) -> dict[str, Any]:
    """An edge within a cluster has its colour."""
    xs, ys = columns.bends(x, y, found.source, found.target)
    inside = found.group[found.source] == found.group[found.target]
    ends = list(zip(found.source.tolist(), found.target.tolist(), strict=True))
    return {
        "xs": xs, "ys": ys, "source": found.source, "target": found.target,
        "width": 0.6 + (WIDEST - 0.6) * found.weight / found.weight.max(initial=1e-300),
        "color": [colors[a] if same else GREY for (a, _), same in zip(ends, inside, strict=True)],
        "name": [f"{found.name[a]} – {found.name[b]}" for a, b in ends],
        "amount": [number(weight) for weight in found.weight.tolist()],
    }  # fmt: skip
