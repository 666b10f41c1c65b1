"""A graph in columns: edges as thick as they are heavy, a least weight to choose, and a node's neighbours by click."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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

from dashboard.figures.marks.figure import add_glyph, figure
from dashboard.probes.pictures import columns, dressed, network
from dashboard.probes.pictures.parts import WIDE, chooses, plain, script, stand, styled, text
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Graph


TOLD = """
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
        colors = dressed.colors(found.group)
        self.note, self.legend = found.note, dressed.legend(found.group)
        for each, count in zip((*self.shown, *self.lit), 2 * (len(x), len(found.weight)), strict=True):
            each.booleans = [each in self.shown] * count
        self.nodes.selected.indices = []
        self.said.text = "Click a node to see what it is joined to."
        self.nodes.data = plain(dressed.dots(found, x, y, colors))
        self.least.update(end=max(len(found.weight) - 1, 1), value=0, disabled=len(found.weight) < 2)
        self.edges.data = plain(dressed.lines(found, x, y, colors))
        stand(self.figure, x, found.layer)
        self.figure.y_range.update(start=1.02, end=-0.02, reset_start=1.02, reset_end=-0.02)

    def _draw(self) -> None:
        line: dict[str, Any] = {"xs": "xs", "ys": "ys", "line_color": "color", "line_width": "width"}
        faint, dots = MultiLine(**line, line_alpha=0.5), Scatter(**_DOT, fill_color="color", line_color=None)
        (some_nodes, some_edges), (lit_nodes, lit_edges) = self.shown, self.lit
        edges = add_glyph(faint, self.edges, self.figure, view=CDSView(filter=some_edges))
        add_glyph(MultiLine(**line, line_alpha=0.95), self.edges, self.figure, view=CDSView(filter=lit_edges))
        nodes = add_glyph(dots, self.nodes, self.figure, view=CDSView(filter=some_nodes))
        ring = Scatter(**_DOT, fill_color="color", line_color=GREY, line_width=2)
        add_glyph(ring, self.nodes, self.figure, view=CDSView(filter=lit_nodes))
        add_glyph(Text(x="x", y="y", text="label", **_NAME), self.nodes, self.figure, view=CDSView(filter=some_nodes))
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
