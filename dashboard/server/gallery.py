"""The gallery: lessons, a tile with a small moving picture for each lab, and all experiments, found by a word.

What it shows of a shipped lab was recorded with the package (`python -m assets.gallery`), so that it opens without
importing an engine. In place of what cannot be loaded it says why.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
import param

from dashboard.session import lessons
from dashboard.session.link import with_query
from dashboard.ui.component import FOLDER, Component, script
from dashboard.ui.palette import GREY, qualitative
from engines.core.protocol.errors import DynascopeError, engine_failures

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine

log = logging.getLogger(__name__)

LEAD = "Pick an experiment, turn a knob, and watch learning answer. What theory predicts is dashed on the same axes."

RECORDED = "gallery.json"
"""The file in an engine's assets with what the gallery shows of it."""

HUES = 12
"""Hues that a small picture may use."""

CLAIMS = "A tick: its claims held when this version was made. Opened, it measures them again."

AddressOf = Callable[[str], str]


class Gallery(Component):
    """Draws lessons, labs and experiments; only those in which all words of `query` stand."""

    shown = param.Dict({})
    query = param.String("")

    _esm = script("progress", "miniature", "gallery")
    _stylesheets = [(FOLDER / "gallery.css").read_text()]


def gallery(names: list[str], address: AddressOf) -> pn.Column:
    """Make the gallery of these engines and of all lessons; `address(name)` says where a lab is served."""
    tiles = Gallery(shown=content(names, address), sizing_mode="stretch_width", margin=0)
    lead = pn.pane.HTML(f"<h1>{LEAD}</h1>", stylesheets=[_LEAD], css_classes=["lead"], margin=0)
    hint = "a word: outliers, width, decay …"
    word = pmui.TextInput(label="Search", placeholder=hint, size="small", width=280, margin=0)
    word.param.watch(lambda event: tiles.param.update(query=str(event.new)[:100]), "value_input")
    top = pn.Row(lead, word, sizing_mode="stretch_width", margin=0, stylesheets=[_TOP])
    return pn.Column(top, tiles, sizing_mode="stretch_width", margin=(10, 24, 24, 24))


def content(names: list[str], address: AddressOf) -> dict[str, Any]:
    """Collect all that the gallery shows."""
    readable, broken = lessons.in_order()
    labs = [lab(name, address(name)) for name in names]
    titles = {each["name"]: each["title"] for each in labs}
    return {
        "labs": labs,
        "lessons": [_lesson(each, address(each.lab), titles.get(each.lab, each.lab)) for each in readable],
        "broken": broken,
        "hues": [qualitative(hue) for hue in range(HUES)],
        "grey": GREY,
        "claims": CLAIMS,
    }


_TOP = """:host { flex-wrap: wrap; align-items: center; gap: 6px 24px; }
.lead { flex: 1 1 300px !important; width: auto !important; min-width: 0; }"""
_LEAD = "h1 { font-size: 16px; font-weight: 400; margin: 0; line-height: 1.4; }"


def lab(name: str, address: str) -> dict[str, Any]:
    """Describe one lab: what is recorded of it, else what its engine says; else why there is nothing."""
    from engines.core.protocol.registry import load

    try:
        about = _recorded(name)
        if about is None:
            with engine_failures(name):
                about = _declared(load(name))
    except DynascopeError as error:
        return {"name": name, "title": name, "broken": str(error), "presets": []}
    presets = [_preset(each, address) for each in about["presets"]]
    return {"name": name, "href": address, "broken": "", **about, "presets": presets}


def _recorded(name: str) -> dict[str, Any] | None:
    """Read what was recorded of an engine; None where nothing was, or it cannot be read."""
    from engines.core.protocol.registry import origins

    origin = origins().get(name)
    path = (origin.folder if origin and origin.folder else Path()) / "assets" / RECORDED
    try:
        if not origin or not path.is_file():
            return None
        about = json.loads(path.read_text(encoding="utf-8"))
        kept = {key: str(about[key]) for key in ("title", "summary", "reference")}
        return kept | {"presets": list(about["presets"]), "picture": about.get("picture")}
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        log.warning("what the gallery recorded of %s cannot be read: %s: %s", name, type(error).__name__, error)
        return None


def _declared(engine: Engine) -> dict[str, Any]:
    presets = [{key: getattr(preset, key) for key in ("name", "title", "look_for")} for preset in engine.presets]
    reference = engine.references[0] if engine.references else ""
    words = {"title": engine.title, "summary": engine.summary, "reference": reference}
    return words | {"presets": presets, "picture": None}


def _preset(about: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Describe one experiment, and what is known of its claims."""
    claims, held = int(about.get("claims", 0)), int(about.get("held", 0))
    when = f"version {about['version']}, {about['date']}" if claims else ""
    words = {key: str(about[key]) for key in ("name", "title", "look_for")}
    return words | {"href": with_query(address, preset=words["name"]), "claims": claims, "held": held, "when": when}


def _lesson(lesson: lessons.Lesson, address: str, title: str) -> dict[str, Any]:
    about = {"name": lesson.name, "title": lesson.title, "summary": lesson.summary, "minutes": lesson.minutes}
    return about | {"lab": title, "count": len(lesson.steps), "href": lesson.href(address)}
