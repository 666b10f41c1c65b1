"""A map of a network; a click on a neuron offers its ways, and the loss along the chosen one is drawn beside it."""

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
    HoverTool,
    Line,
    Scatter,
    Select,
)

from dashboard.figures.marks.figure import add_glyph, figure
from dashboard.probes.pictures import columns, paths
from dashboard.probes.pictures.parts import WIDE, chooses, plain, script, stand, styled, text
from dashboard.ui.component import FOLDER
from dashboard.ui.palette import GREY, qualitative

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Neurons

SHAPES = ("circle", "square", "triangle", "diamond", "inverted_triangle", "star", "hex")
"""A kind is told by its shape as well as by its hue."""

DASH = (7, 5)


class NeuronsPicture:
    """The map and the curve. Raises `ValueError` or `KeyError` where the arrays do not fit together."""

    def __init__(self, declared: Neurons, values: Mapping[str, Any]) -> None:
        self.declared = declared
        self.nodes, self.ways, self.path = ColumnDataSource(), ColumnDataSource(), ColumnDataSource()
        self.lit, self.color = BooleanFilter(), qualitative(len(declared.kinds))
        self.map = figure(height=300)
        labels: dict[str, Any] = {"x_axis_label": "along the way, 0 is here", "y_axis_label": declared.label or "loss"}
        self.curve = figure(log_y=True, height=210, **labels)
        self.select, self.said = styled(Select(value="0", title="ways")), text()
        self._draw_map()
        self._draw_curve()
        self.update(values)
        self._answer()
        beside = pn.Column(self.select, self.said, self.curve, margin=0, **WIDE)
        grid = (FOLDER / "grid.css").read_text()
        self.view = pn.Column(self.map, beside, stylesheets=[grid], margin=0, **WIDE)

    def update(self, values: Mapping[str, Any]) -> None:
        """Show other numbers; what is chosen stays, where the ways are the same."""
        dots, layer = _dots(self.declared, values)
        along, found = paths.read(self.declared, values, len(layer))
        if found["name"] != self.ways.data.get("name"):
            self.nodes.selected.indices = []
            self.select.update(options=[(str(k), name) for k, name in enumerate(found["name"])], value="0")
        dots["ways"] = np.bincount([own for own in found["owner"] if own >= 0], minlength=len(layer))
        dots["alpha"] = np.where(dots["ways"] > 0, 0.95, 0.25)
        self.note, self.legend = _note(dots["ways"], paths.note(self.declared, values)), self._legend(dots["kind"])
        self.nodes.data, self.ways.data = plain(dots), found
        stand(self.map, np.round(dots["x"]), layer)
        self._show(along, found, int(self.select.value or 0))

    def _show(self, along: np.ndarray, found: Mapping[str, list[Any]], way: int) -> None:
        """One way before the reader has chosen another: the page does the same then."""
        known = way < len(found["name"])
        blank = [float("nan")] * len(along)
        curves = {name: found[name][way] if known else blank for name in ("height", "beside")}
        self.path.data = {"x": along.tolist(), **curves}
        self.said.text = found["said"][way] if known else "There is no way out of here."
        self.select.update(title=f"all {len(found['name'])} ways; click a neuron to see its own", disabled=not known)
        self.lit.booleans = [known and each == found["owner"][way] for each in range(len(self.nodes.data["x"]))]
        _frame(self.curve.x_range, along.min(), along.max())
        if known:
            _frame(self.curve.y_range, found["low"][way], found["high"][way])

    def _legend(self, kinds: list[str]) -> list[dict[str, Any]]:
        many = Counter(kinds)
        dots = [
            {"label": f"{kind}, {many[kind]}", "color": qualitative(place), "style": "points", "dash": "",
             "shape": SHAPES[place % len(SHAPES)]}
            for place, kind in enumerate(self.declared.kinds) if kind in many
        ]  # fmt: skip
        way = {"label": "along the way", "color": self.color, "style": "line", "dash": ""}
        chance = {"label": "in a random direction", "color": GREY, "style": "line", "dash": " ".join(map(str, DASH))}
        return [*dots, way, chance]

    def _draw_map(self) -> None:
        place: dict[str, Any] = {"x": "x", "y": "y", "marker": "shape", "size": "size"}
        dot = Scatter(**place, fill_color="color", line_color="color", fill_alpha="alpha")
        drawn = add_glyph(dot, self.nodes, self.map)
        ring = Scatter(x="x", y="y", size=20, fill_color=None, line_color=GREY, line_width=2.5)
        add_glyph(ring, self.nodes, self.map, view=CDSView(filter=self.lit))
        rows = [("", "@name"), ("kind", "@kind"), ("ways", "@ways")]
        self.map.add_tools(HoverTool(renderers=[drawn], tooltips=rows))
        self.map.y_range.update(start=1.03, end=-0.03, reset_start=1.03, reset_end=-0.03)

    def _draw_curve(self) -> None:
        chance = Line(x="x", y="beside", line_color=GREY, line_dash=list(DASH), line_width=1.8)
        way = Line(x="x", y="height", line_color=self.color, line_width=2.4)
        for glyph, name in ((chance, "in a random direction"), (way, "along the way")):
            drawn = add_glyph(glyph, self.path, self.curve, name=name)
            rows = [("", "$name"), ("at", "@x"), (self.declared.label or "loss", f"@{glyph.y}")]
            self.curve.add_tools(HoverTool(renderers=[drawn], tooltips=rows, line_policy="nearest"))

    def _answer(self) -> None:
        chooses(self.map, self.nodes, BooleanFilter())
        paint = script(
            "neurons", nodes=self.nodes, ways=self.ways, path=self.path, select=self.select, said=self.said,
            lit=self.lit, range=self.curve.y_range,
        )  # fmt: skip
        self.nodes.selected.js_on_change("indices", paint)
        self.select.js_on_change("value", paint)
        self.ways.js_on_change("data", paint)


def _note(many: np.ndarray, rest: str) -> str:
    return " · ".join(filter(None, ["pale: no way of its own" if (many == 0).any() else "", rest]))


def _frame(target: Any, low: float, high: float) -> None:
    target.update(start=float(low), end=float(high), reset_start=float(low), reset_end=float(high))


def _dots(declared: Neurons, values: Mapping[str, Any]) -> tuple[dict[str, Any], np.ndarray]:
    layer, kind = (np.asarray(values[name]) for name in (declared.layer, declared.kind))
    names = list(map(str, np.asarray(values[declared.name]).tolist()))
    if layer.shape != (len(names),) or kind.shape != layer.shape:
        raise ValueError(
            f"{declared.layer} {layer.shape}, {declared.kind} {kind.shape}: not one of {len(names)} neurons"
        )
    if len(kind) and not 0 <= kind.min() <= kind.max() < len(declared.kinds):
        raise ValueError(f"{declared.kind} names kinds outside 0 to {len(declared.kinds) - 1}")
    x, y, size = columns.stacked(layer)
    return {
        "x": x, "y": y, "size": size, "name": names, "safe": [escape(name) for name in names],
        "kind": [declared.kinds[each] for each in kind], "color": [qualitative(int(each)) for each in kind],
        "shape": [SHAPES[each % len(SHAPES)] for each in kind],
    }, layer  # fmt: skip
