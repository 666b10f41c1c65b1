"""The layout of a lab: knobs, plots and words side by side, one under the other in a narrow window."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import panel as pn
import param

from dashboard.controls.ensemble import EnsembleForm
from dashboard.controls.knobs import Knobs, Presets
from dashboard.controls.members import Members
from dashboard.controls.own_files import OwnFilesForm
from dashboard.controls.transport import Transport
from dashboard.figures.grid import Grid
from dashboard.page.explanation import Explanation
from dashboard.page.heading import LabHeading
from dashboard.page.lesson_panel import LessonPanel
from dashboard.page.messages import Messages
from dashboard.probes.panel import Probes
from dashboard.runs.comparison import Comparison
from dashboard.runs.library_panel import LibraryPanel
from dashboard.ui.component import FOLDER, Component, script
from dashboard.ui.styles import LABEL, SHEET, STRETCH, WHOLE, hide, leave_unprinted

BODY = (FOLDER / "body.css").read_text()

CONTAINER = ":host { container: lab / inline-size; } .out_of_sight + * { --top: 8px; }"
"""How many columns there are depends on the room for the lab: in a notebook that is less than the window.

Columns stay in sight under the bar; where a question has put that out of sight, at the top.
"""

SIDE = (FOLDER / "side.css").read_text()

MIDDLE = (FOLDER / "middle.css").read_text()

FLUSH = STRETCH | {"margin": 0}

COLUMNS = {"knobs": "Knobs", "plots": "Plots", "words": "What you see"}
"""The columns from left to right, and what the links to them are called."""


@dataclass(frozen=True)
class Displays:
    """Parts of the page that follow the run at each tick; `lesson` is there while one is open."""

    lesson: LessonPanel | None
    heading: LabHeading
    messages: Messages
    transport: Transport
    comparison: Comparison
    grid: Grid
    probes: Probes
    library: LibraryPanel
    explanation: Explanation


@dataclass(frozen=True)
class Panels(Displays):
    """Everything that a lab's page is made of."""

    presets: Presets
    knobs: Knobs
    ensemble: EnsembleForm
    own_files: OwnFilesForm
    members: Members
    invisible: Sequence[Any]
    """Components that work without being seen, and those that lie over the page when they are asked for."""


def hide_answer(panels: Panels, lesson: LessonPanel) -> None:
    """Take what tells the answer of a lesson's question out of sight, or bring it back.

    While it is asked nothing can be played either.
    """
    in_lesson = lesson.stage == "open"
    for panel in (
        panels.presets,
        panels.heading,
        panels.comparison,
        panels.grid.left_out,
        panels.probes,
        panels.library,
    ):
        hide(panel, not in_lesson)
    for panel in (panels.transport, panels.members):
        hide(panel, lesson.stage == "question")
    panels.explanation.hide(not in_lesson)
    panels.messages.show_hints(in_lesson)
    asks = lesson.stage == "question"
    panels.grid.point_at(() if asks else lesson.step.figures, bare=asks)


class SkipLinks(Component):
    """Links to the columns, for whoever cannot see them at a glance: the keyboard and small screens."""

    columns = param.List([])

    _esm = script("skip_links")
    _stylesheets = [(FOLDER / "skip_links.css").read_text()]

    def __init__(self, columns: list[list[str]]) -> None:
        super().__init__(columns=columns, **FLUSH)


class Fold(Component):
    """The button that folds a column to a strip; the browser remembers it."""

    column = param.String("")
    label = param.String("")

    _esm = script("fold")
    _stylesheets = [(FOLDER / "fold.css").read_text()]


def arranged(panels: Panels, hidden: Collection[str]) -> pn.Column:
    """Arrange the body of a lab, without the panels whose names are hidden."""
    lesson = [("", panels.lesson)] if panels.lesson else []
    knobs = _side(
        "knobs", hidden, ("presets", panels.presets), ("knobs", panels.knobs),
        ("ensemble", _title("Ensemble")), ("ensemble", panels.ensemble),
        ("files", panels.own_files),
    )  # fmt: skip
    plots = _column(
        MIDDLE, "plots", hidden, *lesson, ("members", panels.members), ("", panels.messages), ("", panels.comparison),
        ("", panels.grid), ("probes", panels.probes), ("library", panels.library),
        *(("", each) for each in panels.invisible),
    )  # fmt: skip
    words = _side("words", hidden, ("story", panels.explanation))
    columns = {"plots": plots, "knobs": knobs, "words": words}
    filled = [name for name, column in columns.items() if len(column)]
    body = pn.Row(*(columns[name] for name in COLUMNS if name in filled), stylesheets=[BODY], **FLUSH)
    links = SkipLinks([[name, COLUMNS[name]] for name in filled])
    bar = [] if "transport" in hidden else [panels.transport]
    explanation = [words] if panels.lesson else []  # a lesson is printed as it is before anybody has answered
    for panel in (links, panels.heading, *bar, knobs, *explanation, panels.members, panels.probes, panels.library):
        leave_unprinted(panel)
    return pn.Column(links, panels.heading, *bar, body, stylesheets=[CONTAINER, WHOLE, SHEET], **FLUSH)


def _side(name: str, hidden: Collection[str], *panels: tuple[str, Any]) -> pn.Column:
    """Put (name, panel)s into a column that can be folded; an empty one where all are hidden."""
    column = _column(SIDE, name, hidden, *panels)
    if len(column):
        column.insert(0, Fold(column=name, label=COLUMNS[name], margin=0, css_classes=["fold"]))
    return column


def _column(style: str, name: str, hidden: Collection[str], *panels: tuple[str, Any]) -> pn.Column:
    """Put (name, panel)s one under the other; a panel with the name "" cannot be hidden."""
    shown = [panel for hidden_as, panel in panels if hidden_as not in hidden]
    return pn.Column(*shown, stylesheets=[style], css_classes=[name], **FLUSH)


def _title(text: str) -> pn.pane.HTML:
    return pn.pane.HTML(f"<h2>{text}</h2>", stylesheets=[LABEL], **FLUSH)
