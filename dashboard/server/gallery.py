"""The gallery: a card for each lab, and the list of lessons. In place of what cannot be loaded it says why."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import panel as pn

from dashboard.session import lessons
from dashboard.ui.component import FOLDER
from engines.core.protocol.errors import DynascopeError, engine_failures

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine

STYLE = (FOLDER / "gallery.css").read_text()

LEAD = (
    "Pick an experiment, turn a knob, and watch gradient descent answer. "
    "What theory predicts is dashed on the same axes."
)


def gallery(names: list[str], address: Callable[[str], str]) -> pn.pane.HTML:
    """Make the cards of all engines and the lessons; `address(name)` says where a lab is served."""
    cards = "".join(card(name, address(name)) for name in names)
    text = f"<h1 class='lead'>{LEAD}</h1><div class='cards'>{cards}</div>{_lessons(address)}"
    return pn.pane.HTML(text, sizing_mode="stretch_width", stylesheets=[STYLE], margin=(16, 24))


def card(name: str, address: str) -> str:
    """Write the card of one engine as HTML."""
    from engines.core.protocol.registry import load

    try:
        with engine_failures(name):
            return _described(load(name), address)
    except DynascopeError as error:
        text = f"<h2>{escape(name)}</h2><p class='broken'>{escape(str(error))}</p>"
        return f"<div class='card'><div class='text'>{text}</div></div>"


def _described(engine: Engine, address: str) -> str:
    reference = engine.references[0] if engine.references else ""
    return (
        f"<a class='card' href='{escape(address)}'>{_picture(engine.name)}<div class='text'>"
        f"<h2>{escape(engine.title)}</h2><p>{escape(engine.summary)}</p>"
        f"<p class='reference'>{escape(reference)}</p></div></a>"
    )


def _lessons(address: Callable[[str], str]) -> str:
    """List all lessons as HTML."""
    good, broken = [], []
    for name in lessons.paths():
        try:
            good.append(lessons.load(name))
        except DynascopeError as error:
            broken.append(f"<li class='broken'>{escape(str(error))}</li>")
    rows = [_lesson(each, address(each.lab)) for each in sorted(good, key=lambda each: (each.order, each.title))]
    return f"<h2 class='more'>Lessons</h2><ul class='lessons'>{''.join(rows + broken)}</ul>" if rows or broken else ""


def _lesson(lesson: lessons.Lesson, address: str) -> str:
    href = f"{address}{'&' if '?' in address else '?'}{urlencode({'lesson': lesson.name})}"
    about = f"{lesson.lab.replace('_', ' ')}, {lesson.minutes} minutes. {lesson.summary}"
    return f"<li><a href='{escape(href)}'>{escape(lesson.title)}</a> <span>{escape(about)}</span></li>"


def _picture(name: str) -> str:
    """The thumbnail of an engine as HTML; "" where it has none."""
    from engines.core.protocol.registry import sources

    source = sources().get(name)
    folder = source.folder if source else None
    files = [path for end in ("svg", "png") if folder and (path := folder / "assets" / f"thumbnail.{end}").is_file()]
    if not files:
        return ""
    kind = "svg+xml" if files[0].suffix == ".svg" else "png"
    data = base64.b64encode(files[0].read_bytes()).decode()
    return f"<div class='picture' style='background-image:url(data:image/{kind};base64,{data})'></div>"
