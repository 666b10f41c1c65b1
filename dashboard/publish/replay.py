"""A recorded run as one page that needs neither a server nor the network: its figures, its story and its claims.

The page's own marks draw the figures. What they change from step to step is recorded as the browser of a live page is
told of it, and told again where a reader scrubs; curves are uncovered up to the step that is shown.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bokeh
from bokeh.document import Document

from dashboard.figures.card import curve_hues, legend
from dashboard.figures.marks.line import LineMark
from dashboard.figures.marks.path import PathMark
from dashboard.figures.tables import even_places, summary
from dashboard.figures.verdict_table import verdict_table
from dashboard.publish.figure import AT_CURSOR, DrawnPlot, draw_plot, without_advice
from dashboard.publish.figure_view import FigureView, ShareDone
from dashboard.publish.frames import Changes
from dashboard.session.curves import parts
from dashboard.ui import notation, prose
from dashboard.ui.component import FOLDER, script, sheet
from dashboard.ui.formatting import describe
from dashboard.ui.notation import plain
from engines.core.protocol.errors import ConfigError, DynascopeError

if TYPE_CHECKING:
    from dashboard.session.curves import Curve
    from dashboard.session.view_state import ViewContext
    from engines.core.protocol.declarations import Plot
    from engines.core.runs.run import Run

FRAMES, FEWEST = 160, 20
"""Steps that can be chosen at most, evenly over the recorded ones; with how few a page is made, however large."""

LARGEST = 3 * 2**20
"""Bytes above which a page is made with fewer steps to choose."""

LIBRARY = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"


def replay(
    context: ViewContext, views: Mapping[Plot, FigureView], program: str, progress: ShareDone = lambda share: None
) -> bytes:
    """Write what a page shows of a run as one HTML file; the first of the plots leads.

    A plot that has nothing to show is named in the file. Raises `ConfigError` where none has.
    """
    count = FRAMES
    while True:
        content = _page(context, views, program, count, progress)
        if len(content) <= LARGEST or count <= FEWEST:
            return content
        count //= 2


def _page(
    context: ViewContext, views: Mapping[Plot, FigureView], program: str, count: int, progress: ShareDone
) -> bytes:
    run, left_out = context.run, []
    marks: dict[Plot, DrawnPlot] = {}
    for plot, view in views.items():
        try:
            marks[plot] = draw_plot(run, plot, view)
        except DynascopeError as error:
            left_out.append(f"{plain(plot.title)}: {error}")
    if not marks:
        raise ConfigError(f"there is nothing to replay: {'; '.join(left_out) or 'no figure is shown'}")
    steps = [int(run.steps[place]) for place in even_places(len(run.steps), count)]
    recorded = _recorded(context, marks, steps, progress)
    about = _about(context, steps, left_out)
    texts = {
        "title": escape(about.pop("title")),
        "figures": "".join(_figure(plot, made, context) for plot, made in marks.items()),
        "claims": _claims(context),
        "program": escape(program),
        "style": "\n".join(sheet(name) for name in ("explanation", "replay")).replace(":host", ":root"),
        "script": script("samples", "replay"),
        "library": _packed(LIBRARY.read_bytes()),
        "data": _packed(json.dumps(recorded, allow_nan=False).encode()),
        **about,
    }
    page = (FOLDER / "replay.html").read_text()
    return re.sub(r"\{\{ (\w+) \}\}", lambda name: texts[name[1]], page).encode()


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()  # the same run is the same file


# -- what is recorded of the figures ----------------------------------------------------------------------------


def _recorded(
    context: ViewContext, marks: Mapping[Plot, DrawnPlot], steps: Sequence[int], progress: ShareDone
) -> dict[str, Any]:
    """Take the figures through all steps; returns what the script of the page needs, as a JSON object."""
    document = Document()
    for made in marks.values():
        document.add_root(made.mark.figure)
    names = {plot.name: made.mark.figure.id for plot, made in marks.items()}
    changes, notes = Changes(document), {plot.name: [] for plot in marks}
    words: dict[str, int] = {}
    spoken = []
    for frame, step in enumerate((steps[-1], *steps)):  # from the end to the start first: what returns is a change, too
        for plot, made in marks.items():
            _show(context.run, made, step)
            notes[plot.name].append(_note(made, context.label if _of_one(plot) else ""))
        changes.take(max(0, frame - 1) if frame else None)
        if frame:
            spoken.append(words.setdefault(_words(context, step), len(words)))
            progress(frame / len(steps))
    if any(made.mark.figure.id != names[plot.name] for plot, made in marks.items()):
        raise ConfigError("a figure has other axes at other steps, and cannot be replayed")
    lines = [made.mark for made in marks.values() if isinstance(made.mark, LineMark)]
    return {
        "document": document.to_json(deferred=False),
        "roots": names,
        "steps": list(steps),
        "changes": changes.to_json(),
        "streams": [mark.stream.source.id for mark in lines],
        "curves": [_curve(curve, lines) for curve in context.curves],
        "notes": {name: texts[1:] for name, texts in notes.items()},
        "words": list(words),
        "spoken": spoken,
    }


def _show(run: Run, made: DrawnPlot, step: int) -> None:
    mark, view = made.mark, made.view
    assert view.horizon is not None and view.curves is not None
    if isinstance(mark, PathMark):
        mark.show_cursor(run, step, True)
    elif not isinstance(mark, LineMark):
        mark.update(run, step, view.horizon, view.curves, view.focus)


def _curve(curve: Curve, marks: Sequence[LineMark]) -> dict[str, Any]:
    """Name the hue of a curve, and which lines and bands are its own."""
    own = []
    for mark in marks:
        for renderer in mark.figure.renderers:
            glyph = renderer.glyph
            hue = getattr(glyph, "line_color", None) or getattr(glyph, "fill_color", "")
            if renderer.data_source is mark.stream.source and str(hue)[:7] == curve.color:
                own.append(renderer.id)
    return {"label": curve.label, "color": curve.color, "lines": own}


# -- what is written around them -----------------------------------------------------------------------------------


def _words(context: ViewContext, step: int) -> str:
    run = context.run if step == int(context.run.steps[-1]) else context.run.until(step)
    return prose.story(run.story(context.focus), context.label)


def _claims(context: ViewContext) -> str:
    table = verdict_table(context.run.judge(), context, False, notation.html)
    return table and f"{table}<p class='reference'>Judged at the end, at step {int(context.run.steps[-1]):,}.</p>"


def _note(made: DrawnPlot, whose: str) -> str:
    """Say what is to be known of a figure: whose it is, why theory is grey, what is left out."""
    mark = made.mark
    if not isinstance(mark, LineMark):
        return " · ".join(filter(None, [whose, without_advice(mark.note)]))
    reason = mark.broken_assumptions()
    grey = f"Grey: theory does not apply – {reason}" if reason else ""
    return " · ".join(filter(None, [made.failure, grey, mark.stream.note]))


def _of_one(plot: Plot) -> bool:
    """Whether a picture shows the member in focus alone."""
    return plot.kind in ("bars", "heatmap") or bool(plot.by)


def _figure(plot: Plot, made: DrawnPlot, context: ViewContext) -> str:
    """Write the frame of a figure: its title, its legend, what a screen reader says of it at the end."""
    mark, lines = made.mark, isinstance(made.mark, LineMark)
    title = AT_CURSOR.sub("", plain(plot.title))
    at = "" if lines else ", at step <span class='at'></span>"
    shown = legend(mark) if isinstance(mark, LineMark) else mark.legend
    keys = "".join(_key(entry) for entry in shown) + "".join(
        _key(entry) for entry in (curve_hues(mark) if isinstance(mark, LineMark) and mark.overlay_hues else [])
    )
    words = summary(plot, context.run.engine, context.run, context.curves, context.step, mark.numbers)
    name, doc = escape(plot.name), escape(plain(plot.doc))
    return (
        f"<figure id='figure-{name}' title='{doc}'><figcaption><h2>{escape(title)}{at}</h2>"
        f"<span class='keys'>{keys}</span></figcaption><div class='plot' role='img' aria-label='{escape(words)}'></div>"
        f"<p class='note'></p></figure>"
    )


def _key(entry: Mapping[str, Any]) -> str:
    hue, dash = entry.get("color") or "currentColor", entry.get("dash", "solid")
    label, doc, hue, dash = (escape(str(text)) for text in (entry.get("label", ""), entry.get("doc", ""), hue, dash))
    return f"<span class='key' data-dash='{dash}' style='--hue: {hue}' title='{doc}'>{label}</span>"


def _about(context: ViewContext, steps: Sequence[int], left_out: Sequence[str]) -> dict[str, str]:
    """Collect the texts of the head and the foot of the page, as HTML but for the title."""
    run, preset = context.run, context.run.preset
    title = plain(preset.title if preset else run.engine.title)
    said = prose.rich(preset.look_for) if preset else escape(run.engine.summary)
    edits = [f"Edited: {context.edited.line}"] if context.edited.line else []
    lines = [*edits, *(f"Without {each}" for each in left_out), *run.notes, *_extent(context, steps)]
    config = run.config(context.focus, int(run.steps[-1]))
    return {
        "title": title,
        "lab": escape(plain(run.engine.title)),
        "look_for": said,
        "notes": "".join(f"<p>{escape(line.rstrip('.'))}.</p>" for line in lines),
        "knobs": escape(describe(dict(config), config.knobs())),
    }


def _extent(context: ViewContext, steps: Sequence[int]) -> Iterator[str]:
    run = context.run
    members = len(run.configs)
    yield f"{members} run{'s' * (members > 1)} of {int(run.steps[-1]):,} steps, recorded at {len(run):,} of them"
    if len(steps) < len(run):
        yield f"{len(steps):,} of these steps can be chosen here"
    several = parts(context.curves)
    shown = {member for curve in context.curves for member in curve.members}
    if len(shown) < members:
        yield f"Shown are {len(shown)} of them: {several[0]}"
