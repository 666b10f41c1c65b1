"""The keyboard: one table for the browser, for the command of each key, and for the list that the reader sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import param

from dashboard.ui.component import FOLDER, Component, script


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


def find(name: str) -> Key | None:
    """Find the key of a name, or None; capital letters count as small ones."""
    wanted = name.lower() if len(name) == 1 else name
    return next((key for key in KEYS if key.name == wanted), None)


class Shortcuts(Component):
    """The list of shortcuts and of a lab's terms as a dialog over the page; the browser closes it by Escape, too."""

    open = param.Boolean(False)
    terms = param.List([], doc="Entries of the glossary.")
    rows = param.List([[key.shown, key.doc] for key in KEYS if key.doc])

    _esm = script("shortcuts")
    _stylesheets = [(FOLDER / "shortcuts.css").read_text()]

    def open_or_close(self) -> None:
        """Show the list, or close it."""
        self.open = not self.open

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self.open = self.open and not data.get("closed")
