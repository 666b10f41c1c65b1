"""The keyboard: one table for the browser, for the command of each key, and for the list that the reader sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from dashboard.ui.component import sheet


@dataclass(frozen=True)
class Key:
    """A key as browsers call it, the transport's command that it gives, and its line in the list of shortcuts.

    Where several keys share a line, it stands at the first of them.
    """

    name: str
    command: str
    data: dict[str, Any] = field(default_factory=dict)
    shown: str = ""
    doc: str = ""


KEYS = (
    Key(" ", "toggle", shown="space", doc="play or pause"),
    Key(".", "step", {"count": 1}, ".", "take one step and pause; with shift, ten"),
    Key(">", "step", {"count": 10}),
    Key("ArrowLeft", "move", {"by": -1}, "← →", "move the cursor over recorded frames; with shift, ten at a time"),
    Key("ArrowRight", "move", {"by": 1}),
    Key("Home", "scrub", {"index": 0}, "Home End", "to the first frame, and back to the newest"),
    Key("End", "latest"),
    Key("b", "branch", shown="B", doc="branch from the cursor: forget what came after"),
    Key("r", "reset", shown="R", doc="reset: back to step 0, same seeds"),
    Key("s", "reseed", shown="S", doc="reseed: back to step 0, other seeds"),
    Key("-", "slower", shown="− +", doc="slower, faster"),
    Key("+", "faster"),
    Key("Ctrl+z", "undo", shown="Ctrl+Z", doc="undo: back to the knobs and the experiment before"),
    Key("Ctrl+Shift+z", "redo", shown="Ctrl+Shift+Z", doc="redo what was undone"),
    Key("Ctrl+y", "redo"),
    Key("p", "pin", shown="P", doc="pin the run, or unpin it"),
    Key("l", "link", shown="L", doc="copy a link"),
    Key("?", "help", shown="?", doc="this list"),
    Key("Escape", "close", shown="Esc", doc="close this list"),
)


PAPER = {
    "& .MuiDialog-paper": {"backgroundImage": "none", "color": "text.primary", "border": 1, "borderColor": "divider"},
    "& .MuiDialogTitle-root": {"px": "1em", "pb": 0},
    "& .MuiIconButton-root": {"color": "inherit", "m": 0.5},
}
"""Style of the dialog: of the paper's colour as the cards are, in the dark too."""

SCROLL = "<div tabindex='0' role='group' aria-label='keys and terms'>"
"""The lists are moved with the arrow keys once they have the focus."""


def find(name: str) -> Key | None:
    """Find the key of a name, or None; capital letters count as small ones."""
    wanted = name.lower() if len(name) == 1 else name
    return next((key for key in KEYS if key.name == wanted), None)


class Shortcuts(Viewer):
    """The list of shortcuts and of a lab's terms, in a dialog over the page; `terms` are entries of its glossary."""

    def __init__(self, terms: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__()
        lists = pn.pane.HTML(f"{SCROLL}{_keys()}{_terms(terms)}</div>", stylesheets=[sheet("shortcuts")], margin=0)
        self._dialog = pmui.Dialog(lists, title="Keyboard", close_on_click=True, show_close_button=True, sx=PAPER)

    def open_or_close(self) -> None:
        """Show the list, or close it."""
        self._dialog.open = not self._dialog.open

    def close(self) -> None:
        """Close the list."""
        self._dialog.open = False

    def __panel__(self) -> pmui.Dialog:
        return self._dialog


def _keys() -> str:
    names = lambda key: "".join(f"<kbd>{escape(name)}</kbd>" for name in key.shown.split())  # noqa: E731
    return _list("keys", [(names(key), escape(key.doc)) for key in KEYS if key.doc])


def _terms(terms: Sequence[Mapping[str, str]]) -> str:
    formulas = [f"<p class='formula'>{term['formula']}</p>" if term["formula"] else "" for term in terms]
    said = [(escape(term["name"]), term["text"] + formula) for term, formula in zip(terms, formulas, strict=True)]
    return f"<h3>Terms</h3>{_list('terms', said)}" if terms else ""


def _list(kind: str, lines: Sequence[tuple[str, str]]) -> str:
    return f"<dl class='{kind}'>{''.join(f'<div><dt>{name}</dt><dd>{said}</dd></div>' for name, said in lines)}</dl>"
