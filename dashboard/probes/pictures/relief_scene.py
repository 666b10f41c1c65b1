"""The meshes of a relief, in pyvista. Only the render thread imports and calls this: loading takes seconds."""

from __future__ import annotations

import base64
import io
import math
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvista as pv
import vtk
from bokeh.palettes import Viridis256

from dashboard.probes.pictures.relief_geometry import TALL, Box
from dashboard.ui.formatting import GREEK
from dashboard.ui.palette import GREY, ramp

vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)  # it looks for a screen first and says that there is none

SIZE = (760, 460)
"""Pixels of a picture."""

FAR = 5.6
"""Distance of the camera at zoom 1."""

NARROW = 0.6
"""Zoom at which the whole box is in sight on a square."""

ON, OFF = "#ffb000", "#d6006c"
"""Colours of the path in the plane, and as far off it as can be."""

LETTER = 0.12
"""Height of a capital letter."""

LIGHT = {"ambient": 0.4, "diffuse": 0.65, "specular": 0.0, "show_scalar_bar": False}


class Camera(NamedTuple):
    """Position of the camera: degrees around the box and above its floor, and zoom."""

    azimuth: float = -60.0
    elevation: float = 28.0
    zoom: float = 1.0


def build(box: Box, labels: Sequence[str]) -> pv.Plotter:
    """Make surface, path, lines down to the surface, and the edges of the box with the names of its axes."""
    scene = pv.Plotter(off_screen=True, window_size=list(SIZE))
    if np.isfinite(box.z).any():
        scene.add_mesh(surface(box), scalars="height", cmap=list(Viridis256), smooth_shading=True, **LIGHT)
    if len(box.path) > 1:
        scene.add_mesh(path_tube(box), scalars="off", clim=(0, 1), cmap=ramp(ON, OFF, 32), **LIGHT)
    for ends in box.drops():
        scene.add_mesh(pv.Line(*ends), color=GREY, line_width=1, lighting=False)
    edges: Any = pv.Box((-1, 1, -1, 1, 0, TALL)).extract_all_edges()
    scene.add_mesh(edges, color=GREY, line_width=1, lighting=False)
    for text in axis_names(box, labels):
        scene.add_mesh(text, color=GREY, lighting=False)
    return scene


def surface(box: Box) -> Any:
    """Make the known part of the surface, with normals."""
    x, y = np.meshgrid(box.x, box.y)
    finite = np.isfinite(box.z)
    grid = pv.StructuredGrid(x, y, np.where(finite, box.z, 0.0))
    grid["height"] = grid.points[:, 2].copy()
    faces = finite[:-1, :-1] & finite[1:, :-1] & finite[:-1, 1:] & finite[1:, 1:]
    known_part: Any = grid.extract_cells(np.flatnonzero(faces.ravel(order="F"))).extract_surface(algorithm=None)
    return known_part.compute_normals()


def path_tube(box: Box) -> Any:
    """Make the path as a tube at its own height."""
    line = pv.lines_from_points(box.path)
    line["off"] = box.off_plane
    return line.tube(radius=0.016, n_sides=12)


def axis_names(box: Box, labels: Sequence[str]) -> list[Any]:
    """Write names and ends of the axes as flat letters, beside the edges that face the reader at first."""
    x, y, up = labels
    ends = [[f"{end:.3g}" for end in pair] for pair in box.ranges]
    along = [(-0.9, ends[0][0]), (0, x), (0.9, ends[0][1])]
    texts: list[Any] = [_text(words).translate((at, -1.16, 0), inplace=False) for at, words in along]
    for at, words in zip((-0.9, 0, 0.9), (ends[1][0], y, ends[1][1]), strict=True):
        texts.append(_text(words).rotate_z(90, inplace=False).translate((1.16, at, 0), inplace=False))
    for at, words in zip((0.06, TALL / 2, TALL - 0.06), (ends[2][0], up, ends[2][1]), strict=True):
        upright = _text(words).rotate_x(90, inplace=False)
        shift = (-1.06 - upright.bounds[1], -1, at)
        texts.append(upright.translate(shift, inplace=False))
    return texts


def _text(words: str) -> Any:
    text = pv.Text3D(_ascii(words) or "-", depth=0.0).scale(LETTER, inplace=False)
    return text.translate(-np.array(text.center), inplace=False)


def _ascii(words: str) -> str:
    """Replace letters that the font lacks by those it has.

    >>> _ascii("log₁₀ loss at ε = −1")
    'log10 loss at epsilon = -1'
    """
    for name, letter in GREEK.items():
        words = words.replace(letter, name)
    plain = unicodedata.normalize("NFKD", words.replace("−", "-").replace("×", "x"))
    return plain.encode("ascii", "ignore").decode()


def aim(vtk_camera: Any, camera: Camera) -> None:
    """Put a camera of VTK on a sphere around the box."""
    around, above = math.radians(camera.azimuth), math.radians(min(max(camera.elevation, -89.0), 89.0))
    centre = np.array([0.0, 0.0, 0.4 * TALL])
    direction = np.array([math.cos(above) * math.cos(around), math.cos(above) * math.sin(around), math.sin(above)])
    vtk_camera.SetPosition(*(centre + FAR / min(max(camera.zoom, 0.3), 5.0) * direction))
    vtk_camera.SetFocalPoint(*centre)
    vtk_camera.SetViewUp(0, 0, 1)


def image(scene: pv.Plotter, camera: Camera) -> str:
    """Draw the scene, as the address of a PNG that is clear where nothing is."""
    from PIL import Image

    aim(scene.camera, camera)
    scene.camera_set = True
    scene.renderer.ResetCameraClippingRange()
    scene.render()
    pixels: Any = scene.screenshot(return_img=True, transparent_background=True)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def gltf(scene: pv.Plotter) -> bytes:
    """Write the whole scene for programs that show meshes: one glTF file, its data inside."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "scene.gltf")
        scene.export_gltf(str(path), inline_data=True)
        return path.read_bytes()


def window(scene: pv.Plotter, background: Sequence[float]) -> Any:
    """Put the scene in a bare window, as Panel hands it to the browser; another layer would be drawn black there."""
    renderer, result = vtk.vtkRenderer(), vtk.vtkRenderWindow()
    for actor in scene.actors.values():
        renderer.AddActor(actor)
    renderer.SetBackground(*background)
    aim(renderer.GetActiveCamera(), Camera(zoom=NARROW))
    renderer.ResetCameraClippingRange()
    result.SetOffScreenRendering(1)
    result.AddRenderer(renderer)
    return result
