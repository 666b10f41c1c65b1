"""A relief in three dimensions: drawn by the browser where it can, and otherwise here, an image a camera position."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.io import hold
from panel.models.vtk import AbstractVTKPlot

from dashboard.probes.pictures.relief_geometry import read_relief
from dashboard.runs.share import Download
from dashboard.ui.component import FOLDER, Component, UnknownMessage, read_number
from dashboard.ui.formatting import number
from dashboard.ui.palette import GREY

if TYPE_CHECKING:
    from engines.core.protocol.probe_figures import Relief

LIBRARY = next((path for path in AbstractVTKPlot.__javascript__ if path.startswith("static/")), "")
"""Address of what draws in the browser, on this server. A page loads it when it shows a relief, and no earlier."""

TALL = 350
"""Pixels of the live scene."""


class ReliefScreen(Component):
    """Says whether the browser draws in three dimensions; otherwise shows images, turned by drag or by sliders."""

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
            self._picture.show_live(_color(data.get("paper")))
        else:
            self._picture.turn(*(read_number(data, name) for name in ("azimuth", "elevation", "zoom")))


def _color(sent: Any) -> list[float]:
    """Read red, green and blue from a message."""
    if not isinstance(sent, list):
        raise UnknownMessage("no colour")
    return [read_number(dict(enumerate(sent)), place) for place in range(3)]


class ReliefPicture:
    """The relief. Raises `ValueError` or `KeyError` where the arrays do not fit together."""

    def __init__(self, declared: Relief, values: Mapping[str, Any]) -> None:
        self.declared = declared
        self._scene: list[Any] = []
        self._background: list[float] | None = None
        self.screen = ReliefScreen(self, label=declared.title or declared.label, margin=0, sizing_mode="stretch_width")
        self._download = Download()
        self.content = pn.Column(self.screen, self._download, margin=(0, 6, 4, 6), sizing_mode="stretch_width")
        self._read(values)
        weakref.finalize(self, close_scenes, self._scene).atexit = False

    def update(self, values: Mapping[str, Any]) -> None:
        """Draw other heights from the same camera position."""
        self._read(values)
        close_scenes(self._scene)
        if self._background:
            self.show_live(self._background)
        elif not self.screen.shown["waiting"]:
            self.turn(*self._camera)

    def turn(self, azimuth: float, elevation: float, zoom: float) -> None:
        """Draw an image from a camera position, in degrees."""
        self._camera = azimuth, elevation, zoom
        render(lambda: self._image(azimuth, elevation, zoom), self._show_image)

    def show_live(self, background: list[float]) -> None:
        """Hand the scene to the browser, on a background of this colour."""
        self._background = background
        render(lambda: self._window_pane(background), self._show_window)

    def export(self) -> None:
        """Give the reader the scene as glTF."""
        render(self._gltf, self._deliver)

    def _gltf(self) -> bytes:
        from dashboard.probes.pictures import relief_scene

        return relief_scene.gltf(self._build())

    def _deliver(self, done: Future) -> None:
        error = done.exception()
        if error:
            return self.screen.show(failure=failure_text(error))
        self._download.send(f"{self.declared.values}.gltf", done.result())

    def _read(self, values: Mapping[str, Any]) -> None:
        self.box = read_relief(self.declared, values)
        horizontal = self.declared.x_label or self.declared.x, self.declared.y_label or self.declared.y
        self._names = *horizontal, self._height_name
        ends = zip(self._names, self.box.ranges, strict=True)
        ranges = [f"{name} from {number(low)} to {number(high)}" for name, (low, high) in ends]
        self.note = " · ".join(filter(None, [*ranges, self.box.note]))
        self.legend = _LEGEND if len(self.box.path) else []

    @property
    def _height_name(self) -> str:
        name = self.declared.label or self.declared.values
        return f"log₁₀ {name}" if self.declared.log else name

    def _build(self) -> Any:
        """Make the scene once; called on the render thread only."""
        from dashboard.probes.pictures import relief_scene

        if not self._scene:
            self._scene.append(relief_scene.build(self.box, self._names))
        return self._scene[0]

    def _image(self, *camera: float) -> str:
        from dashboard.probes.pictures import relief_scene

        return relief_scene.image(self._build(), relief_scene.Camera(*camera))

    def _window_pane(self, background: list[float]) -> Any:
        from dashboard.probes.pictures import relief_scene

        window = relief_scene.window(self._build(), background)
        return pn.pane.VTK(window, serialize_on_instantiation=True, height=TALL, sizing_mode="stretch_width")

    def _show_image(self, done: Future) -> None:
        error = done.exception()
        self.screen.show(failure=failure_text(error)) if error else self.screen.show(image=done.result(), failure="")

    def _show_window(self, done: Future) -> None:
        error = done.exception()
        self.screen.show(live=not error, failure=failure_text(error) if error else "")
        self.content.objects = [self.screen, self._download, *([] if error else [done.result()])]


_LEGEND = [
    {"label": "the way at its true height, in the plane", "color": "#ffb000", "style": "line", "dash": ""},
    {"label": "and off the plane", "color": "#d6006c", "style": "line", "dash": ""},
    {"label": "down to the surface", "color": GREY, "style": "line", "dash": ""},
]


# -- the render thread -----------------------------------------------------------------------------------------


@cache
def _thread() -> ThreadPoolExecutor:
    """Start the one thread that owns all scenes: a scene drawn by another than the one that made it stays blank."""
    return ThreadPoolExecutor(1, thread_name_prefix="render")


def render(work: Callable[[], Any], then: Callable[[Future], None] = lambda done: None) -> None:
    """Compute on the render thread, and go on with the result in the document that asked; without a server, wait."""
    document = pn.state.curdoc
    future = _thread().submit(work)
    if document is None or document.session_context is None:
        future.exception()
        then(future)
        return
    future.add_done_callback(lambda done: document.add_next_tick_callback(partial(_go_on, document, then, done)))


def _go_on(document: Any, then: Callable[[Future], None], done: Future) -> None:
    with hold(document):
        then(done)


def close_scenes(scenes: list[Any]) -> None:
    """Close scenes where they were made, without waiting: whoever collects garbage calls this, maybe that thread."""
    _thread().submit(_close, scenes)


def _close(scenes: list[Any]) -> None:
    while scenes:
        scenes.pop().close()


def failure_text(error: BaseException) -> str:
    """Say why there is no picture, as a sentence."""
    if isinstance(error, ImportError):
        return f"The picture in three dimensions needs pyvista, which cannot be loaded here: {error}."
    return f"The picture in three dimensions cannot be drawn here: {type(error).__name__}: {error}."
