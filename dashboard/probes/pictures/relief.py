"""A relief in three dimensions: drawn by the browser where it can, and otherwise here, one picture a view."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.models.vtk import AbstractVTKPlot

from dashboard.probes.pictures import box
from dashboard.probes.pictures.rendering import ask, failure, free
from dashboard.runs.share import Download
from dashboard.ui.component import FOLDER, Component, Unusable, real
from dashboard.ui.formatting import number
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Relief

LIBRARY = next((path for path in AbstractVTKPlot.__javascript__ if path.startswith("static/")), "")
"""Where this server keeps what draws in the browser. A page loads it when it shows a relief, and no earlier."""

TALL = 350
"""Pixels of the live scene."""


class Turn(Component):
    """Says whether the browser draws in three dimensions; otherwise shows pictures, turned by drag or by sliders."""

    shown = param.Dict({"image": "", "failure": "", "live": False, "waiting": True})
    label = param.String("")
    library = param.String(LIBRARY)

    _esm = FOLDER / "relief.js"
    _stylesheets = [(FOLDER / "relief.css").read_text()]

    def __init__(self, picture: ReliefPicture, **params: Any) -> None:
        super().__init__(**params)
        self._picture = picture

    def show(self, **changes: Any) -> None:
        """Change what is shown."""
        self.shown = self.shown | {"waiting": False} | changes

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if data.get("export"):
            self._picture.export()
        elif data.get("live"):
            self._picture.enliven(_color(data.get("paper")))
        else:
            self._picture.turn(*(real(data, name) for name in ("azimuth", "elevation", "zoom")))


def _color(sent: Any) -> list[float]:
    """Red, green and blue of a message."""
    if not isinstance(sent, list):
        raise Unusable("no colour")
    return [real(dict(enumerate(sent)), place) for place in range(3)]


class ReliefPicture:
    """The relief. Raises `ValueError` or `KeyError` where the arrays do not fit together."""

    def __init__(self, declared: Relief, values: Mapping[str, Any]) -> None:
        self.declared = declared
        self._scene: list[Any] = []
        self._paper: list[float] | None = None
        self._turn = Turn(self, label=declared.title or declared.label, margin=0, sizing_mode="stretch_width")
        self._download = Download()
        self.view = pn.Column(self._turn, self._download, margin=(0, 6, 4, 6), sizing_mode="stretch_width")
        self._read(values)
        weakref.finalize(self, free, self._scene).atexit = False

    def update(self, values: Mapping[str, Any]) -> None:
        """Draw other heights from the same place."""
        self._read(values)
        free(self._scene)
        if self._paper:
            self.enliven(self._paper)
        elif not self._turn.shown["waiting"]:
            self.turn(*self._view)

    def turn(self, azimuth: float, elevation: float, zoom: float) -> None:
        """Draw the view from there."""
        self._view = azimuth, elevation, zoom
        ask(lambda: self._picture(azimuth, elevation, zoom), self._show)

    def enliven(self, paper: list[float]) -> None:
        """Hand the scene to the browser, on a ground of this colour."""
        self._paper = paper
        ask(lambda: self._live(paper), self._place)

    def export(self) -> None:
        """Give the reader the scene as glTF."""
        ask(self._gltf, self._deliver)

    def _gltf(self) -> bytes:
        from dashboard.probes.pictures import scene

        return scene.gltf(self._built())

    def _deliver(self, done: Future) -> None:
        error = done.exception()
        if error:
            return self._turn.show(failure=failure(error))
        self._download.send(f"{self.declared.values}.gltf", done.result())

    def _read(self, values: Mapping[str, Any]) -> None:
        self.box = box.read(self.declared, values)
        self._names = self.declared.x_label or self.declared.x, self.declared.y_label or self.declared.y, self._height
        ends = zip(self._names, self.box.ranges, strict=True)
        told = [f"{name} from {number(low)} to {number(high)}" for name, (low, high) in ends]
        self.note = " · ".join(filter(None, [*told, self.box.note]))
        self.legend = _LEGEND if len(self.box.path) else []

    @property
    def _height(self) -> str:
        name = self.declared.label or self.declared.values
        return f"log₁₀ {name}" if self.declared.log else name

    def _built(self) -> Any:
        """The scene; only the render thread asks for it."""
        from dashboard.probes.pictures import scene

        if not self._scene:
            self._scene.append(scene.build(self.box, self._names))
        return self._scene[0]

    def _picture(self, *view: float) -> str:
        from dashboard.probes.pictures import scene

        return scene.picture(self._built(), scene.View(*view))

    def _live(self, paper: list[float]) -> Any:
        from dashboard.probes.pictures import scene

        window = scene.window(self._built(), paper)
        return pn.pane.VTK(window, serialize_on_instantiation=True, height=TALL, sizing_mode="stretch_width")

    def _show(self, done: Future) -> None:
        error = done.exception()
        self._turn.show(failure=failure(error)) if error else self._turn.show(image=done.result(), failure="")

    def _place(self, done: Future) -> None:
        error = done.exception()
        self._turn.show(live=not error, failure=failure(error) if error else "")
        self.view.objects = [self._turn, self._download, *([] if error else [done.result()])]


_LEGEND = [
    {"label": "the way at its true height, in the plane", "color": "#ffb000", "style": "line", "dash": ""},
    {"label": "and off the plane", "color": "#d6006c", "style": "line", "dash": ""},
    {"label": "down to the surface", "color": GREY, "style": "line", "dash": ""},
]
