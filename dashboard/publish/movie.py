"""A run as a movie of one plot: an animated GIF, or MP4 where ffmpeg is installed. Theory is there from the start."""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.transforms import Bbox, TransformedBbox
from PIL import Image

from dashboard.figures.tables import even_places
from dashboard.publish.figure import sheet
from dashboard.publish.figure_view import WIDTHS, FigureView, ShareDone
from dashboard.publish.printing import drawing
from engines.core.protocol.errors import StoreError

if TYPE_CHECKING:
    from engines.core.protocol.declarations import Plot
    from engines.core.runs.run import Run

FRAMES = 60
"""Frames at most; they lie evenly over the recorded steps, and so evenly on a logarithmic axis."""

RATE = 15
"""Frames a second."""

LAST = 1500
"""Milliseconds for which the end of a GIF is shown."""

DOTS = 110
"""Pixels an inch."""


def filmed(
    run: Run,
    plot: Plot,
    view: FigureView,
    kind: str,
    width: float = WIDTHS["page"],
    progress: ShareDone = lambda share: None,
) -> bytes:
    """Film a plot up to the step of the view. `progress` is told the share that is done. Raises `StoreError`."""
    last = int(run.steps[-1]) if view.step is None else view.step
    reached = run.steps[run.steps <= last]
    steps = [int(reached[place]) for place in even_places(len(reached), FRAMES)]
    frames = _lines(run, plot, view, steps, width) if _grows(plot) else _pictures(run, plot, view, steps, width)
    images = []
    for done, image in enumerate(frames, 1):
        images.append(image)
        progress(done / len(steps))
    return _gif(images) if kind == "gif" else _mp4(images)


def _grows(plot: Plot) -> bool:
    return plot.kind == "line" and plot.x == "step"


def _lines(run: Run, plot: Plot, view: FigureView, steps: list[int], width: float) -> Iterator[Image.Image]:
    """Uncover one drawing from left to right: axes and theory stay as they are."""
    with drawing(sheet(run, plot, view), width) as figure:
        figure.set_dpi(DOTS)
        axes = figure.axes[0]
        figure.canvas.draw()
        figure.set_layout_engine("none")
        moving = [artist for artist in axes.get_children() if getattr(artist, "recorded", False)]
        text = axes.text(0.99, 0.02, "", transform=axes.transAxes, ha="right", va="bottom")
        for step in steps:
            left = axes.get_xlim()[0]
            share = axes.transAxes.inverted().transform(axes.transData.transform((max(step, left), 1.0)))[0]
            window = TransformedBbox(Bbox.from_extents(0, 0, min(max(share, 0.0), 1.0), 1), axes.transAxes)
            for artist in moving:
                artist.set_clip_path(None)
                artist.set_clip_box(window)
            text.set_text(f"step {step:,}")
            yield _pixels(figure)


def _pictures(run: Run, plot: Plot, view: FigureView, steps: list[int], width: float) -> Iterator[Image.Image]:
    """Draw each step anew: what such a plot shows, and its window, are those of the step."""
    size = None
    for step in steps:
        with drawing(sheet(run, plot, replace(view, step=step)), width) as figure:
            figure.set_dpi(DOTS)
            image = _pixels(figure)
        size = size or image.size
        yield image if image.size == size else _padded(image, size)


def _padded(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    sheet = Image.new("RGB", size, "white")
    sheet.paste(image, (0, 0))
    return sheet


def _pixels(figure: Any) -> Image.Image:
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])


def _gif(images: list[Image.Image]) -> bytes:
    """Write frames with the colours of the last one, in which everything is there."""
    palette = images[-1].quantize(255, dither=Image.Dither.NONE)
    first, *others = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images)
    file = io.BytesIO()
    shown = [1000 // RATE] * len(others) + [LAST]
    first.save(file, "GIF", save_all=True, append_images=others, duration=shown, loop=0, optimize=False)
    return file.getvalue()


def _mp4(images: list[Image.Image]) -> bytes:
    """Have ffmpeg encode frames, of even width and height as its encoder wants."""
    wide, high = (size - size % 2 for size in images[0].size)
    with tempfile.TemporaryDirectory(prefix="dynascope-") as folder:
        out = Path(folder) / "run.mp4"
        words = ["ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{wide}x{high}",
                 "-r", str(RATE), "-i", "-", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(out)]  # fmt: skip
        data = b"".join(image.crop((0, 0, wide, high)).tobytes() for image in images)
        done = subprocess.run(words, input=data, capture_output=True)
        if done.returncode or not out.exists():
            raise StoreError(f"ffmpeg could not encode the movie: {done.stderr.decode(errors='replace').strip()}")
        return out.read_bytes()
