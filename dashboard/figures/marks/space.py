"""Points as they lie: one scale for all directions. Where there are three, dragging turns them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import BoxZoomTool, ColumnDataSource, CustomJS, CustomJSExpr, PanTool, Scatter

from dashboard.figures.marks.axes import Scale
from dashboard.figures.marks.figure import FigureOptions, add_glyph, set_range
from dashboard.figures.marks.hover import add_hover
from dashboard.figures.marks.step_mark import StepData, StepMark, axis_label
from dashboard.figures.tables import NumbersTable
from dashboard.ui.formatting import number
from dashboard.ui.notation import plain
from dashboard.ui.palette import GREY, SHAPES, category

DOT, GUIDE = 6, 2.5
"""Sizes of the points, and of those that draw a guide."""

MARGIN = 1.08
"""The window over the farthest point, whichever way it is turned."""

TURNED = {"turn": [-0.5], "tilt": [0.4]}
"""Angles of the view at first, in radians: about the upright axis, and towards the reader."""

EQUAL = """
const sizes = [figure.properties.inner_width, figure.properties.inner_height];
if (sizes.some((size) => size.is_unset)) return;  // not laid out yet: its first size calls this again
const [width, height] = sizes.map((size) => size.get_value());
if (!(width > 0 && height > 0)) return;
const { start, end } = figure.y_range, reach = (end - start) / 2 * width / height;
figure.x_range.setv({ start: -reach, end: reach });
"""

ACROSS, UP, SIZE = (
    "const { x, y, z, size } = this.data, a = camera.data.turn[0], e = camera.data.tilt[0];"
    "const [ca, sa, ce, se] = [Math.cos(a), Math.sin(a), Math.cos(e), Math.sin(e)];"
    f"return Float64Array.from(x, (_, i) => {formula});"
    for formula in (
        "ca * x[i] + sa * z[i]",
        "ce * y[i] - se * (ca * z[i] - sa * x[i])",
        # What is nearer is larger.
        "size[i] * (1 + 0.35 * (se * y[i] + ce * (ca * z[i] - sa * x[i])) / window.end)",
    )
)

DRAG = """
if (cb_obj.event_name === "panstart") camera.tags = [camera.data.turn[0], camera.data.tilt[0]];
const [turn, tilt] = camera.tags, limit = Math.PI / 2;
const next = tilt + cb_obj.delta_y / 150;
camera.data = { ...camera.data, turn: [turn + cb_obj.delta_x / 150], tilt: [Math.max(-limit, Math.min(limit, next))] };
points.change.emit();
"""


class SpaceMark(StepMark):
    """The points of the member in focus, each class in a colour and a shape; the plot's guide is thin and grey."""

    @staticmethod
    def projected(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Project points `[n]` as they are seen before anybody turns them."""
        (a,), (e,) = TURNED["turn"], TURNED["tilt"]
        return np.cos(a) * x + np.sin(a) * z, np.cos(e) * y - np.sin(e) * (np.cos(a) * z - np.sin(a) * x)

    def axis(self, options: FigureOptions) -> Scale:
        """Choose a linear scale: lengths are compared."""
        return Scale(False)

    def draw(self) -> None:
        """Add the points, the hover, and what keeps the scales equal."""
        self.source.data = {name: [] for name in ("x", "y", "z", "color", "shape", "name", "size")}
        self._solid = len(self.plot.channels) == 3
        self.camera = ColumnDataSource(data=TURNED)
        place: dict[str, Any] = {"x": "x", "y": "y", "size": "size"}
        if self._solid:
            args = {"camera": self.camera, "window": self.figure.y_range}
            codes = {"x": ACROSS, "y": UP, "size": SIZE}
            place = {name: {"expr": CustomJSExpr(args=args, code=code)} for name, code in codes.items()}
            self._turn_on_drag()
        points = Scatter(**place, marker="shape", fill_color="color", line_color="color", fill_alpha=0.75)
        drawn = add_glyph(points, self.source, self.figure)
        self._channels = [self.engine.channel(name) for name in self.plot.channels]
        rows = [(plain(channel.label), f"@{axis}") for channel, axis in zip(self._channels, "xyz", strict=False)]
        add_hover(self.figure, [drawn], [("", "@name"), *rows])
        self._keep_equal()

    def _turn_on_drag(self) -> None:
        """Let dragging turn the points instead of moving the window."""
        self.figure.axis.visible = self.figure.grid.visible = False
        self.figure.tools = [tool for tool in self.figure.tools if not isinstance(tool, PanTool | BoxZoomTool)]
        drag = CustomJS(args={"camera": self.camera, "points": self.source}, code=DRAG)
        for event in ("panstart", "pan"):
            self.figure.js_on_event(event, drag)

    def _keep_equal(self) -> None:
        if not self._solid:
            self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = map(axis_label, self._channels)
        # The first drawing knows no size yet: it has at least its middle in the middle.
        self.figure.x_range.update(start=-5, end=5)
        same = CustomJS(args={"figure": self.figure}, code=EQUAL)
        for size in ("inner_width", "inner_height"):
            self.figure.js_on_change(size, same)
        self.figure.y_range.js_on_change("end", same)

    def fill(self, now: StepData) -> None:
        """Draw all points; the window holds those of the start too, so that what contracts is seen to."""
        points = np.stack([np.ravel(now.values[name][now.focus]) for name in self.plot.channels])
        kinds = np.ravel(now.values[self.plot.by][now.focus])
        shown = np.flatnonzero(np.isfinite(points).all(0) & np.isfinite(kinds))
        points, kinds = points[:, shown], kinds[shown].astype(int)
        axes = dict(zip("xyz", points.tolist(), strict=False))
        self.source.data = {
            "z": [0.0] * len(kinds),
            **axes,
            "color": [self._color(kind) for kind in kinds],
            "shape": [_shape(kind) for kind in kinds],
            "name": [self.plot.classes[kind] for kind in kinds],
            "size": [GUIDE if self._is_guide(kind) else DOT for kind in kinds],
        }
        self._set_range(max(_farthest(points), _farthest(self._first_points(now))))
        self._describe(points, kinds)

    def _first_points(self, now: StepData) -> np.ndarray:
        series = now.run.recording.series(self.plot.channels[0])
        return np.stack([np.ravel(series[name][0][now.focus]) for name in self.plot.channels])

    def _set_range(self, farthest: float) -> None:
        reach = MARGIN * farthest or 1.0
        set_range(self.figure.y_range, (-reach, reach), False)

    def _is_guide(self, kind: int) -> bool:
        return self.plot.classes[kind] == self.plot.guide

    def _sample(self, kind: int) -> str:
        return "dotted" if self._is_guide(kind) else _shape(kind)

    def _color(self, kind: int) -> str:
        return GREY if self._is_guide(kind) else category(kind)

    def _describe(self, points: np.ndarray, kinds: np.ndarray) -> None:
        """Name the classes that there are; the table has their middles."""
        present = np.unique(kinds)
        self.legend = [
            {
                "label": self.plot.classes[k],
                "dash": self._sample(k),
                "color": self._color(k),
            }
            for k in present
        ]
        self.note = "drag to turn" if self._solid else ""
        rows = [(k, points[:, kinds == k]) for k in present if not self._is_guide(k)]
        heads = ["class", "points", *(f"mean {plain(channel.label)}" for channel in self._channels)]
        self.numbers = NumbersTable(heads, [[self.plot.classes[k], f"{p.shape[1]:,}", *_means(p)] for k, p in rows])


def _shape(kind: int) -> str:
    return SHAPES[kind % len(SHAPES)]


def _farthest(points: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        lengths = np.sqrt(np.square(points).sum(0))
    return float(np.max(lengths[np.isfinite(lengths)], initial=0.0))


def _means(points: np.ndarray) -> Sequence[str]:
    return [number(float(value)) for value in points.mean(1)]
