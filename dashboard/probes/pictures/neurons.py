"""A map of a network; a click on a neuron offers its paths, and the loss along the chosen one is drawn beside it."""

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
    Line,
    Scatter,
    Select,
)

from dashboard.figures.marks.figure import add_glyph, figure
from dashboard.figures.marks.hover import add_hover
from dashboard.probes.pictures import layers
from dashboard.ui.formatting import number
from dashboard.ui.palette import GREY, category
from dashboard.ui.styles import GRID, STRETCH

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Neurons

SHAPES = ("circle", "square", "triangle", "diamond", "inverted_triangle", "star", "hex")
"""Markers of the kinds, which have hues too."""

DASH = (7, 5)
"""Pixels drawn and left out of the curve in a random direction."""

FLOOR = 1e-34
"""Smaller losses, and zero, are drawn here: a logarithmic axis has no zero."""


class NeuronsPicture:
    """The map and the curve. Raises `ValueError` or `KeyError` where the arrays do not fit together."""

    def __init__(self, declared: Neurons, values: Mapping[str, Any]) -> None:
        self.declared = declared
        self.nodes, self.paths, self.chosen = ColumnDataSource(), ColumnDataSource(), ColumnDataSource()
        self.highlighted, self.color = BooleanFilter(), category(len(declared.kinds))
        self.map = figure(height=300)
        labels: dict[str, Any] = {"x_axis_label": "along the way, 0 is here", "y_axis_label": declared.label or "loss"}
        self.curve = figure(log_y=True, height=210, **labels)
        self.select, self.sentence = layers.fit_to_card(Select(value="0", title="ways")), layers.status_text()
        self._draw_map()
        self._draw_curve()
        self.update(values)
        self._add_scripts()
        right = pn.Column(self.select, self.sentence, self.curve, margin=0, **STRETCH)
        self.content = pn.Column(self.map, right, stylesheets=[GRID], margin=0, **STRETCH)

    def update(self, values: Mapping[str, Any]) -> None:
        """Show other numbers; what is chosen stays, where the paths are the same."""
        dots, layer = _neuron_columns(self.declared, values)
        distance, paths = read_paths(self.declared, values, len(layer))
        if paths["name"] != self.paths.data.get("name"):
            self.nodes.selected.indices = []
            self.select.update(options=[(str(k), name) for k, name in enumerate(paths["name"])], value="0")
        dots["paths"] = np.bincount([neuron for neuron in paths["neuron"] if neuron >= 0], minlength=len(layer))
        dots["alpha"] = np.where(dots["paths"] > 0, 0.95, 0.25)
        self.note, self.legend = _note(dots["paths"], _floor_note(self.declared, values)), self._legend(dots["kind"])
        self.nodes.data, self.paths.data = layers.as_lists(dots), paths
        layers.label_columns(self.map, np.round(dots["x"]), layer)
        self._show_path(distance, paths, int(self.select.value or 0))

    def _show_path(self, distance: np.ndarray, paths: Mapping[str, list[Any]], path: int) -> None:
        """Show one path before the reader has chosen another: the page does the same then."""
        exists = path < len(paths["name"])
        blank = [float("nan")] * len(distance)
        curves = {name: paths[name][path] if exists else blank for name in ("loss", "reference_loss")}
        self.chosen.data = {"x": distance.tolist(), **curves}
        self.sentence.text = paths["sentence"][path] if exists else "There is no way out of here."
        self.select.update(title=f"all {len(paths['name'])} ways; click a neuron to see its own", disabled=not exists)
        self.highlighted.booleans = [
            exists and each == paths["neuron"][path] for each in range(len(self.nodes.data["x"]))
        ]
        _set_range(self.curve.x_range, distance.min(), distance.max())
        if exists:
            _set_range(self.curve.y_range, paths["low"][path], paths["high"][path])

    def _legend(self, kinds: list[str]) -> list[dict[str, Any]]:
        many = Counter(kinds)
        dots = [
            {"label": f"{kind}, {many[kind]}", "color": category(place), "style": "points", "dash": "",
             "shape": SHAPES[place % len(SHAPES)]}
            for place, kind in enumerate(self.declared.kinds) if kind in many
        ]  # fmt: skip
        path = {"label": "along the way", "color": self.color, "style": "line", "dash": ""}
        reference = {"label": "in a random direction", "color": GREY, "style": "line", "dash": " ".join(map(str, DASH))}
        return [*dots, path, reference]

    def _draw_map(self) -> None:
        place: dict[str, Any] = {"x": "x", "y": "y", "marker": "shape", "size": "size"}
        dot = Scatter(**place, fill_color="color", line_color="color", fill_alpha="alpha")
        drawn = add_glyph(dot, self.nodes, self.map)
        ring = Scatter(x="x", y="y", size=20, fill_color=None, line_color=GREY, line_width=2.5)
        add_glyph(ring, self.nodes, self.map, view=CDSView(filter=self.highlighted))
        rows = [("", "@name"), ("kind", "@kind"), ("ways", "@paths")]
        add_hover(self.map, [drawn], rows)
        self.map.y_range.update(start=1.03, end=-0.03, reset_start=1.03, reset_end=-0.03)

    def _draw_curve(self) -> None:
        reference = Line(x="x", y="reference_loss", line_color=GREY, line_dash=list(DASH), line_width=1.8)
        path = Line(x="x", y="loss", line_color=self.color, line_width=2.4)
        for glyph, name in ((reference, "in a random direction"), (path, "along the way")):
            drawn = add_glyph(glyph, self.chosen, self.curve, name=name)
            rows = [("", "$name"), ("at", "@x"), (self.declared.label or "loss", f"@{glyph.y}")]
            add_hover(self.curve, [drawn], rows, line_policy="nearest")

    def _add_scripts(self) -> None:
        layers.select_by_click(self.map, self.nodes, BooleanFilter())
        paint = layers.page_script(
            "neurons", nodes=self.nodes, paths=self.paths, chosen=self.chosen, select=self.select,
            sentence=self.sentence, highlighted=self.highlighted, range=self.curve.y_range,
        )  # fmt: skip
        self.nodes.selected.js_on_change("indices", paint)
        self.select.js_on_change("value", paint)
        self.paths.js_on_change("data", paint)


def _note(count: np.ndarray, other: str) -> str:
    return " · ".join(filter(None, ["pale: no way of its own" if (count == 0).any() else "", other]))


def _set_range(target: Any, low: float, high: float) -> None:
    target.update(start=float(low), end=float(high), reset_start=float(low), reset_end=float(high))


def _neuron_columns(declared: Neurons, values: Mapping[str, Any]) -> tuple[dict[str, Any], np.ndarray]:
    layer, kind = (np.asarray(values[name]) for name in (declared.layer, declared.kind))
    names = list(map(str, np.asarray(values[declared.name]).tolist()))
    if layer.shape != (len(names),) or kind.shape != layer.shape:
        raise ValueError(
            f"{declared.layer} {layer.shape}, {declared.kind} {kind.shape}: not one of {len(names)} neurons"
        )
    if len(kind) and not 0 <= kind.min() <= kind.max() < len(declared.kinds):
        raise ValueError(f"{declared.kind} names kinds outside 0 to {len(declared.kinds) - 1}")
    x, y, size = layers.stacked_columns(layer)
    return {
        "x": x, "y": y, "size": size, "name": names, "safe": [escape(name) for name in names],
        "kind": [declared.kinds[each] for each in kind], "color": [category(int(each)) for each in kind],
        "shape": [SHAPES[each % len(SHAPES)] for each in kind],
    }, layer  # fmt: skip


def read_paths(declared: Neurons, values: Mapping[str, Any], neurons: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Read distances `[T]`, and columns with an entry for each of `q` paths. Raises `ValueError` or `KeyError`."""
    distance = np.asarray(values[declared.distance], float)
    names = list(map(str, np.asarray(values[declared.path_name]).tolist()))
    neuron = np.asarray(values[declared.path_neuron], int)
    loss, reference = (np.asarray(values[name], float) for name in (declared.loss, declared.reference_loss))
    for name, array, shape in (
        (declared.distance, distance, (distance.size,)), (declared.path_neuron, neuron, (len(names),)),
        (declared.loss, loss, (len(names), distance.size)),
        (declared.reference_loss, reference, (len(names), distance.size)),
    ):  # fmt: skip
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, not {shape}: {len(names)} paths, {distance.size} places")
    if not distance.size or (len(names) and not -1 <= neuron.min() <= neuron.max() < neurons):
        outside = f"{declared.path_neuron} names neurons outside -1 to {neurons - 1}"
        raise ValueError(f"{declared.distance} is empty, or {outside}")
    return distance, _path_columns(declared.label or "loss", names, neuron, loss, reference)


def _path_columns(
    label: str, names: list[str], neuron: np.ndarray, loss: np.ndarray, reference: np.ndarray
) -> dict[str, list[Any]]:
    windows = [_window(np.r_[one, other]) for one, other in zip(loss, reference, strict=True)]
    ends = zip(names, loss[:, -1].tolist(), reference[:, -1].tolist(), strict=True)
    return {
        "name": names, "neuron": neuron.tolist(), "loss": _raised(loss).tolist(),
        "reference_loss": _raised(reference).tolist(),
        "low": [low for low, _ in windows], "high": [high for _, high in windows],
        "sentence": [_sentence(label, *end) for end in ends],
    }  # fmt: skip


def _raised(values: np.ndarray) -> np.ndarray:
    """Raise values to `FLOOR`, and leave gaps (NaN) where they are not finite."""
    return np.where(np.isfinite(values), np.maximum(values, FLOOR), np.nan)


def _window(values: np.ndarray) -> tuple[float, float]:
    """Choose a logarithmic range of all that is finite, with room on both sides."""
    finite = values[np.isfinite(values)]
    low, high = (max(finite.min(), FLOOR), max(finite.max(), FLOOR)) if len(finite) else (0.1, 1.0)
    room = (high / low) ** 0.06 * 1.2
    return float(low / room), float(high * room)


def _sentence(label: str, name: str, here: float, there: float) -> str:
    return (
        f"At the end of the way <b>{escape(name)}</b> the {escape(label)} is <b>{number(here)}</b>; "
        f"in a random direction of the same length it is <b>{number(there)}</b>."
    )


def _floor_note(declared: Neurons, values: Mapping[str, Any]) -> str:
    """Count the losses that are drawn at `FLOOR`, in words."""
    names = (declared.loss, declared.reference_loss)
    losses = np.concatenate([np.ravel(np.asarray(values[name], float)) for name in names])
    raised = int((losses < FLOOR).sum())
    return f"{raised:,} of {losses.size:,} values below {number(FLOOR)} are drawn there" if raised else ""
